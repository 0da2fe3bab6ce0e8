"""Which lane and which model a prompt takes, and when it changes the lane."""

from datetime import UTC, datetime, timedelta

import pytest

import gemchain
from gemchain.api.choices import escalation_in_time
from gemchain.records.states import BatchState
from tests.apps import flows
from tests.support.engines import embedded

MODEL = "simulated/lanes"
HOUR = 3600.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def lanes(engine):
    """The lanes of all batches, in the order in which they were planned."""
    found = engine.runtime.store.list_batches()[::-1]
    assert {each.state for each in found} <= {BatchState.CLOSED}
    return [each.lane for each in found]


@pytest.fixture
def run(tmp_path):
    """Runs what a function submits to its end; the lanes in which it went, and how long that took."""

    def run(submit, **settings):
        with embedded(tmp_path, responder=flows.echo, simulated_turnaround=HOUR, **settings) as engine:
            begun = engine.clock.now()
            chain = submit()
            engine.run()
            assert chain.status().state == "DONE"
            return lanes(engine), (engine.clock.now() - begun).total_seconds()

    return run


@gemchain.chain
async def twice(lane=None):
    first = await gemchain.prompt("a", MODEL, lane=lane)
    return (await gemchain.prompt(first.text, MODEL)).text


@gemchain.chain(lane="direct", model=MODEL)
async def direct_twice():
    first = await gemchain.prompt("a")
    return (await gemchain.prompt(first.text, lane="batch")).text


def submitted(**options):
    return lambda: gemchain.submit("x", MODEL, **options).chain


def test_without_a_word_prompts_go_in_batches(run):
    assert run(submitted())[0] == ["batch"]


def test_a_prompt_names_its_lane_and_is_answered_at_once(run):
    found, took = run(submitted(lane="direct"))
    assert found == ["direct"]
    assert took < HOUR


def test_a_chain_names_the_lane_and_the_model_of_its_prompts_and_a_prompt_wins(run):
    assert sorted(run(lambda: gemchain.start(direct_twice))[0]) == ["batch", "direct"]


def test_a_start_says_the_lane_of_all_prompts(run):
    assert run(lambda: gemchain.start(twice, defaults={"lane": "flex"}))[0] == ["flex", "flex"]


def test_a_setting_says_the_lane_of_prompts_that_name_none(run):
    assert sorted(run(lambda: gemchain.start(twice, "batch"), lane="direct")[0]) == ["batch", "direct"]


def test_auto_takes_the_cheapest_lane_and_among_equals_the_fastest(run):
    assert run(submitted(lane="auto"))[0] == ["flex"]


def test_the_last_few_of_a_run_are_sent_directly(run):
    found, took = run(lambda: gemchain.start(twice), direct_below=3)
    assert found == ["direct", "direct"]
    assert took < HOUR


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"escalate_after": 60}, {}),
        ({"escalate_after": timedelta(minutes=1)}, {"escalate_after": 7 * HOUR}),
        ({}, {"escalate_after": 60.0}),
    ],
)
def test_a_batch_that_takes_too_long_goes_over_to_a_faster_lane(run, options, settings):
    found, took = run(submitted(**options), **settings)
    assert found == ["flex"], "the same batch, in another lane"
    assert took < HOUR


@pytest.mark.parametrize(
    ("lane", "named", "seconds", "expected"),
    [
        ("flex", "auto", 7200, 2048.0),
        ("batch", "auto", 200_000, 65_536.0),
        ("flex", "auto", 3, 1.0),
        ("direct", "auto", 7200, None),
        ("batch", "batch", 7200, None),
        ("batch", None, 7200, None),
        ("flex", "auto", None, None),
    ],
)
def test_half_of_the_time_to_a_deadline_is_left_for_the_faster_lane(lane, named, seconds, expected):
    deadline_at = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert escalation_in_time(lane, named, deadline_at, NOW) == expected


def test_prompts_with_like_deadlines_wait_together_and_go_over_together(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=HOUR) as engine:
        for minutes in (120, 121, 125):
            gemchain.submit("x", MODEL, lane="auto", deadline=timedelta(minutes=minutes))
        assert [each.ready for each in engine.runtime.store.queues()] == [3]
        (queue,) = engine.runtime.store.queues()
        assert queue.queue.startswith("flex+2048")


def test_a_prompt_may_stay_where_the_setting_would_have_it_go(run):
    found, took = run(submitted(escalate_after=0), escalate_after=60.0)
    assert found == ["batch"]
    assert took >= HOUR


def test_a_chain_says_when_its_prompts_go_over(run):
    found, _ = run(lambda: gemchain.start(twice, defaults={"escalate_after": 60}))
    assert found == ["flex", "flex"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lane": "fast"}, gemchain.InvalidInputError, "'batch', 'flex', 'direct', 'auto'"),
        ({"escalate_after": -1}, gemchain.InvalidInputError, "a number of seconds or a timedelta"),
        ({"escalate_after": float("nan")}, gemchain.InvalidInputError, "a number of seconds"),
        ({"escalate_after": True}, gemchain.InvalidInputError, "a number of seconds"),
    ],
)
def test_what_is_no_lane_and_no_time_is_refused(tmp_path, options, error, words):
    with embedded(tmp_path), pytest.raises(error, match=words):
        gemchain.submit("x", MODEL, **options)


def test_a_lane_that_a_model_lacks_is_refused_with_those_that_it_has(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    with embedded(tmp_path), pytest.raises(gemchain.RequestError, match="it has batch, direct"):
        gemchain.submit("x", "anthropic/claude-haiku-4-5", lane="flex")


def test_a_batch_that_cannot_go_over_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    with embedded(tmp_path), pytest.raises(gemchain.RequestError, match="all would be paid twice"):
        gemchain.submit("x", "gemini-api/gemini-3.5-flash", escalate_after=60)


def test_no_model_is_that_of_the_setting_and_without_one_an_error(tmp_path):
    with embedded(tmp_path, default_model=MODEL):
        assert gemchain.submit("x", None).chain.result() == "x"
    with embedded(tmp_path), pytest.raises(gemchain.ModelError, match="GEMCHAIN_DEFAULT_MODEL"):
        gemchain.submit("x", None)
