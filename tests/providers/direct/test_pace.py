"""How fast single requests are sent, on a clock that the test moves."""

from itertools import pairwise

import httpx2
import pytest

from gemchain.errors import ConfigurationError
from tests.providers.direct.conftest import refusal, rows, taken


def test_every_request_gets_a_row_in_the_lane_of_the_run(desk):
    run = desk.run(1, 2, 3, lane="flex")
    found = desk.rows(run, 3)
    assert {name: (row.body, row.lane) for name, row in found.items()} == {
        f"p{text}": ({"text": str(text)}, "flex") for text in (1, 2, 3)
    }
    assert (run.pending, run.take(), run.held_up) == (0, [], "")


def test_no_more_are_on_their_way_than_the_concurrency_says(desk):
    run = desk.run(*range(20), concurrency=4)
    desk.rows(run, 20)
    assert desk.service.most == 4
    assert desk.service.times() == [float(number // 4) for number in range(20)]


def test_a_run_wants_at_most_twice_the_concurrency(desk):
    run = desk.run(concurrency=4)
    assert run.room() == 8
    run.feed(rows(*range(6)))
    assert (run.room(), run.pending) == (2, 6)
    desk.rows(run, 4)
    assert run.room() == 6


def test_all_runs_of_a_model_share_its_concurrency(desk):
    first, second = desk.run(*range(6)), desk.run(*range(6, 12))
    desk.rows(second, 6)
    assert desk.service.most == 4
    assert len(taken(first)) == 6


def test_another_model_has_a_limit_of_its_own(desk):
    first, second = desk.run(*range(4)), desk.run(*range(4), model="other")
    desk.rows(first, 4)
    desk.rows(second, 4)
    assert desk.service.most == 8


def test_requests_that_were_not_taken_are_sent_again_when_the_service_says(desk):
    desk.service.script = [refusal(429, {"retry-after": "30"})]
    run = desk.run(1)
    desk.loop.pass_seconds(2)
    assert run.held_up.startswith("the test's service asks to wait: 429: no")
    assert desk.texts(run, 1) == ["1"]
    assert desk.service.times() == [0.0, 31.0]
    assert run.held_up == ""


def test_nothing_else_is_sent_meanwhile(desk):
    desk.service.script = [refusal(429, {"retry-after": "30"})]
    first = desk.run(1)
    desk.loop.pass_seconds(2)
    second = desk.run(2)
    desk.texts(second, 1)
    assert desk.service.times() == [0.0, 31.0, 31.0]
    assert len(taken(first)) == 1


@pytest.mark.parametrize("status", [429, 503, 529, 498])
def test_without_a_word_on_when_it_is_asked_ever_more_rarely_and_for_ever(desk, status):
    desk.service.always = refusal(status)
    run = desk.run(1)
    desk.loop.pass_seconds(24 * 3600)
    times = desk.service.times()
    gaps = [later - earlier - 1.0 for earlier, later in pairwise(times)]
    assert all(0.5 <= gap <= 60.1 for gap in gaps)
    assert gaps[0] < 1.1
    assert min(gaps[10:]) > 29
    assert (run.pending, run.take()) == (1, [])
    desk.service.always = None
    assert desk.texts(run, 1) == ["1"]


def test_a_pause_of_no_seconds_is_no_invitation_to_ask_without_end(desk):
    desk.service.always = refusal(429, {"retry-after": "0"})
    desk.run(1)
    desk.loop.pass_seconds(600)
    assert len(desk.service.sent) < 30


def test_a_service_that_names_next_year_is_asked_again_within_an_hour(desk):
    desk.service.script = [refusal(429, {"retry-after": "31536000"})]
    desk.texts(desk.run(1), 1)
    assert desk.service.times() == [0.0, 3601.0]


def test_a_service_that_cannot_be_reached_is_asked_until_it_can(desk):
    desk.service.always = httpx2.ConnectError("connection refused")
    run = desk.run(1, 2, 3)
    desk.loop.pass_seconds(3600)
    assert run.held_up.startswith("the test's service cannot be reached: connection refused")
    assert run.take() == []
    desk.service.always = None
    assert sorted(desk.texts(run, 3)) == ["1", "2", "3"]


def test_refusals_halve_what_is_sent_at_the_same_time_and_answers_let_it_grow_again(desk):
    run = desk.run(concurrency=16)
    desk.service.script = [refusal(429)] * 16
    run.feed(rows(*range(400)))
    desk.loop.pass_seconds(1.1)
    desk.service.most = 0
    desk.loop.pass_seconds(1.0)
    assert desk.service.most == 8, "sixteen refusals at once are one"
    desk.loop.pass_seconds(5)
    assert 8 < desk.service.most < 16
    desk.rows(run, 400)
    assert desk.service.most == 16


def test_timeouts_halve_it_too(desk):
    run = desk.run(concurrency=8)
    desk.service.script = [httpx2.ReadTimeout("")] * 8
    run.feed(rows(*range(8)))
    desk.loop.pass_seconds(0.1)
    desk.service.most = 0
    run.feed(rows(*range(8, 16)))
    desk.loop.pass_seconds(0.1)
    assert desk.service.most == 4


@pytest.mark.parametrize(
    "trouble",
    [refusal(500), refusal(502), refusal(408), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("cut")],
    ids=["500", "502", "408", "reset", "cut"],
)
def test_a_request_that_the_service_broke_is_sent_again_a_few_times(desk, trouble):
    desk.service.script = [trouble] * 3
    assert desk.texts(desk.run(1), 1) == ["1"]
    assert len(desk.service.sent) == 4


@pytest.mark.parametrize(
    ("trouble", "reason", "words"),
    [
        (refusal(500, error="boom"), "server", "500: boom (sent 4 times)"),
        (httpx2.ReadTimeout(""), "server", "no answer within 600 s (sent 4 times)"),
        (httpx2.Response(200, text="<html>busy</html>"), "server", "'<html>busy</html>' (sent 4 times)"),
        (
            httpx2.Response(502, text="<h1>Bad\n gateway</h1>"),
            "server",
            "502: <h1>Bad gateway</h1> (sent 4 times)",
        ),
    ],
)
def test_then_it_gives_a_row_with_a_failure_that_may_pass(desk, trouble, reason, words):
    desk.service.always = trouble
    (row,) = desk.rows(desk.run(1), 1).values()
    assert (row.body, row.failure.reason, row.failure.retryable) == (None, reason, True)
    assert words in row.failure.message


def test_a_broken_request_holds_no_other_up(desk):
    desk.service.script = [refusal(500)]
    run = desk.run(*range(9))
    desk.loop.pass_seconds(1.4)
    assert desk.service.times() == [0.0] * 4 + [1.0] * 4
    desk.rows(run, 9)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refused_request_gives_a_row_at_once(desk, status):
    desk.service.script = [refusal(status, error="it is wrong")]
    found = desk.rows(desk.run(1, 2), 2)
    assert found["p1"].failure.message.startswith(f"{status}: it is wrong")
    assert (found["p1"].failure.reason, found["p1"].failure.retryable) == ("rejected", False)
    assert found["p2"].body == {"text": "2"}


def test_of_a_model_that_is_not_there_the_row_says_what_to_do(desk):
    desk.service.always = refusal(404)
    (row,) = desk.rows(desk.run(1, model_help="see `ollama list`"), 1).values()
    assert row.failure.message.endswith("; see `ollama list`")


def test_what_cannot_be_sent_gives_a_row_too(desk):
    run = desk.run(1, fields={"model": "m"})
    run.feed([*rows(2)[:0], type(rows(2)[0])("p2", "no object")])
    found = desk.rows(run, 2)
    assert found["p2"].failure.reason == "rejected"
    assert "no JSON object" in found["p2"].failure.message
    assert found["p1"].body == {"text": "1"}
    assert desk.service.sent[0][1] == {"text": "1", "model": "m"}


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(401),
        refusal(402),
        httpx2.Response(429, json={"error": {"code": "insufficient_quota"}}),
        httpx2.Response(400, json={"error": {"details": [{"reason": "API_KEY_INVALID"}]}}),
    ],
    ids=["401", "402", "no credit", "wrong key"],
)
def test_what_a_person_has_to_mend_is_raised_once_and_what_was_answered_can_be_taken_after(desk, trouble):
    desk.service.script = [None, None, trouble]
    run = desk.run(*range(8))
    desk.loop.pass_seconds(60)
    with pytest.raises(ConfigurationError, match=r"does not accept requests for 'model': .*; set TEST_KEY"):
        run.take()
    assert set(taken(run)) == {"p0", "p1", "p3"}
    assert len(desk.service.sent) == 4, "nothing more was sent"
    assert (run.pending, run.room()) == (5, 0)


def test_a_403_for_the_first_request_is_about_the_key(desk):
    desk.service.script = [refusal(403)]
    run = desk.run(1)
    desk.loop.pass_seconds(5)
    with pytest.raises(ConfigurationError, match="set TEST_KEY"):
        run.take()


def test_a_403_once_others_were_answered_is_about_its_request_alone(desk):
    desk.service.script = [None, None, refusal(403)]
    run = desk.run(*range(8))
    desk.loop.pass_seconds(60)
    rows = taken(run)
    assert set(rows) == {f"p{each}" for each in range(8)}
    assert [name for name, row in rows.items() if row.failure] == ["p2"]


def test_a_run_that_is_not_allowed_any_more_sends_nothing_until_it_is_again(desk):
    held, other = desk.run(), desk.run()
    held.allow(-1)
    held.feed(rows(1, 2))
    other.feed(rows(3))
    desk.loop.pass_seconds(5)
    assert set(taken(other)) == {"p3"}
    assert (taken(held), held.pending) == ({}, 2)
    held.allow(60)
    desk.loop.pass_seconds(5)
    assert set(taken(held)) == {"p1", "p2"}


def test_the_next_run_asks_again(desk):
    desk.service.script = [refusal(401)]
    broken = desk.run(1)
    desk.loop.pass_seconds(5)
    with pytest.raises(ConfigurationError):
        broken.take()
    broken.stop()
    assert desk.texts(desk.run(1), 1) == ["1"]


def test_what_the_service_says_is_left_for_a_minute_is_kept_to(desk):
    desk.service.headers = {"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "20s"}
    run = desk.run(1)
    desk.rows(run, 1)
    desk.service.headers = {}
    run.feed(rows(*range(2, 6)))
    desk.rows(run, 4)
    assert desk.service.times() == [0.0, *desk.service.times()[1:3], 21.0, 21.0]
    assert desk.service.times()[2] < 1.1


def test_a_limit_for_each_minute_that_was_set_is_kept_to(desk):
    run = desk.run(*range(300), requests_per_minute=60, concurrency=64)
    desk.rows(run, 300)
    times = desk.service.times()
    assert all(later - earlier >= 59 for earlier, later in zip(times, times[61:], strict=False))
    assert times[-1] < 310


def test_a_limit_of_tokens_counts_what_requests_take(desk):
    run = desk.run(*["x" * 4_000 for _ in range(20)], tokens_per_minute=6_000, concurrency=64)
    desk.loop.pass_seconds(60)
    assert 5 <= len(desk.service.sent) <= 7
    desk.rows(run, 20)
    assert 170 < desk.service.times()[-1] < 200
