"""How rows and states of OpenAI's batches are understood, and what is learned from jobs without room."""

import orjson
import pytest
from openai.types import Batch as OpenAIBatch

from gemchain.ports import Limits
from gemchain.providers.openai.room import Room
from gemchain.providers.openai.rows import read_row
from gemchain.providers.openai.states import failure_of, is_over, lacks_room

LIMITS = Limits(max_requests=100, max_bytes=1000, max_request_bytes=10)


def row(response=None, error=None):
    return read_row(orjson.dumps({"custom_id": "p1", "response": response, "error": error}))


def refused(status, **error):
    return row({"status_code": status, "request_id": "r", "body": {"error": error}})


def job(status, *errors):
    listed = {"object": "list", "data": list(errors)} if errors else None
    return OpenAIBatch.construct(id="batch_1", status=status, errors=listed, created_at=1)


@pytest.mark.parametrize(
    ("status", "error", "reason", "retryable"),
    [
        (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "rate", True),
        (500, {"message": "oops"}, "server", True),
        (503, {}, "server", True),
        (400, {"message": "no such parameter"}, "rejected", False),
        (400, {"message": "too long", "code": "context_length_exceeded"}, "context", False),
        (400, {"message": "no", "code": "content_policy_violation"}, "blocked", False),
        (404, {"message": "no such model", "code": "model_not_found"}, "rejected", False),
    ],
)
def test_a_refused_row_is_classified_by_its_status_and_its_words(status, error, reason, retryable):
    failure = refused(status, **error).failure
    assert (failure.reason, failure.retryable) == (reason, retryable)
    assert error.get("message", str(status)) in failure.message


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_a_row_that_was_not_asked_may_be_sent_again(code):
    failure = row(error={"code": code, "message": "not asked"}).failure
    assert (failure.reason, failure.message, failure.retryable) == ("job", f"{code}: not asked", True)


def test_an_error_of_an_unknown_kind_may_pass():
    failure = row(error={"code": "mystery", "message": "nobody knows"}).failure
    assert (failure.reason, failure.message, failure.retryable) == ("server", "mystery: nobody knows", True)


def test_a_row_without_a_name_is_read_and_names_nobody():
    read = read_row(b'{"response": {"status_code": 200, "body": {"choices": []}}}')
    assert (read.prompt_id, read.body) == (None, {"choices": []})


@pytest.mark.parametrize(
    "response", [{"status_code": "200", "body": None}, {"status_code": 200, "body": "x"}, [], 1, {}]
)
def test_a_response_without_a_body_is_no_row(response):
    with pytest.raises(ValueError, match="neither a response nor an error"):
        row(response)


def test_a_refusal_whose_body_is_no_object_is_still_a_refusal():
    failure = row({"status_code": 502, "body": "<html>"}).failure
    assert (failure.reason, failure.retryable) == ("server", True)


def test_a_word_that_is_not_known_yet_counts_as_running():
    assert not is_over(job("pondering"))
    assert is_over(job("expired"))


def test_an_error_that_names_a_line_is_final_and_any_other_is_not():
    at_line = {"code": "invalid_json_line", "message": "broken", "line": 3, "param": None}
    nowhere = {"code": "server_error", "message": "oops", "line": None, "param": None}
    assert not failure_of(job("failed", at_line)).retryable
    assert failure_of(job("failed", nowhere)).retryable
    assert failure_of(job("failed", at_line, nowhere)).retryable
    assert failure_of(job("failed")).retryable
    assert "line 3: invalid_json_line: broken" in failure_of(job("failed", at_line)).message


@pytest.mark.parametrize("code", ["token_limit_exceeded", "billing_hard_limit_reached"])
def test_a_job_that_was_not_looked_at_for_lack_of_room_says_so(code):
    found = job("failed", {"code": code, "message": "no room", "line": None, "param": None})
    assert lacks_room(found)
    assert failure_of(found).reason == "rate"
    assert not lacks_room(job("failed"))


def test_a_batch_is_halved_down_to_one_request_and_doubled_back_to_what_the_service_takes():
    room, seen = Room(LIMITS), []
    for requests in (100, 50, 25, 12, 6, 3, 1, 1):
        room.lacked("a", requests)
        seen.append(room.limits.max_requests)
    assert seen == [50, 25, 12, 6, 3, 1, 1, 1]
    for _ in range(10):
        room.had("a")
    assert room.limits == LIMITS


def test_batches_that_were_out_together_halve_once():
    room = Room(LIMITS)
    for _ in range(4):
        room.lacked("a", 80)
    assert room.limits.max_requests == 40


def test_the_model_with_the_least_room_sets_the_limit_of_the_provider():
    room = Room(LIMITS)
    room.lacked("a", 80)
    room.lacked("b", 20)
    assert room.limits.max_requests == 10
    room.had("c")
    assert room.limits.max_requests == 10
