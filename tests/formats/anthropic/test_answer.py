"""Answers and errors are read as Anthropic's SDK writes its own types."""

import pytest
from anthropic.types import (
    Message,
    OutputTokensDetails,
    RefusalStopDetails,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    Usage,
)
from anthropic.types.shared import ErrorResponse, OverloadedErrorObject, RateLimitErrorObject

from gemchain.formats.anthropic.format import ANTHROPIC
from gemchain.ports import TokenCounts, ToolCall


def message(*content, stop_reason="end_turn", **fields):
    usage = Usage(
        input_tokens=5,
        cache_read_input_tokens=100,
        cache_creation_input_tokens=20,
        output_tokens=40,
        output_tokens_details=OutputTokensDetails(thinking_tokens=30),
        service_tier="batch",
    )
    found = Message(
        id="msg_1",
        content=list(content),
        model="claude-x",
        role="assistant",
        type="message",
        stop_reason=stop_reason,
        usage=usage,
        **fields,
    )
    return found.model_dump(mode="json")


def said(text):
    return TextBlock(type="text", text=text)


def test_texts_are_read_without_thoughts():
    thought = ThinkingBlock(type="thinking", thinking="hm", signature="s")
    body = message(thought, said("four"), said(" it is"))
    assert ANTHROPIC.text(body) == "four it is"
    assert [each["type"] for each in ANTHROPIC.parts(body)] == ["thinking", "text", "text"]
    assert ANTHROPIC.judge(body) is None


def test_tool_calls_are_read_in_order_and_are_an_end_of_its_own():
    calls = [
        ToolUseBlock(type="tool_use", id=f"t{number}", name="f", input={"n": number}) for number in (1, 2)
    ]
    body = message(*calls, stop_reason="tool_use")
    assert ANTHROPIC.tool_calls(body) == [ToolCall("f", {"n": 1}, "t1"), ToolCall("f", {"n": 2}, "t2")]
    assert ANTHROPIC.finish_reason(body) == "STOP"
    assert ANTHROPIC.judge(body) is None


@pytest.mark.parametrize(
    ("raw", "word", "reason"),
    [
        ("end_turn", "STOP", None),
        ("stop_sequence", "STOP", None),
        ("max_tokens", "MAX_TOKENS", "truncated"),
        ("model_context_window_exceeded", "MAX_TOKENS", "truncated"),
        ("pause_turn", "PAUSE_TURN", "truncated"),
        ("refusal", "REFUSAL", "blocked"),
    ],
)
def test_why_the_model_stopped_is_said_in_the_words_of_all(raw, word, reason):
    body = message(said("x"), stop_reason=raw)
    failure = ANTHROPIC.judge(body)
    assert (ANTHROPIC.raw_finish_reason(body), ANTHROPIC.finish_reason(body)) == (raw, word)
    assert (failure and failure.reason) == reason


def test_a_refusal_says_why():
    details = RefusalStopDetails(type="refusal", category="bio", explanation="It may do harm.")
    body = message(stop_reason="refusal", stop_details=details)
    assert ANTHROPIC.judge(body).message.endswith("bio: It may do harm.")


def test_tokens_from_and_to_a_cache_are_input():
    body = message(said("x"))
    assert ANTHROPIC.usage(body) == TokenCounts(input=125, cached=100, output=40, thinking=30)
    assert ANTHROPIC.reported_usage(body)["service_tier"] == "batch"


def test_an_error_in_place_of_an_answer_is_a_failure():
    whole = ErrorResponse(type="error", error=OVERLOADED).model_dump(mode="json")
    assert ANTHROPIC.judge(whole).reason == "server"


def test_an_empty_answer_may_be_asked_for_again():
    assert ANTHROPIC.judge(message()).retryable


RATE = RateLimitErrorObject(type="rate_limit_error", message="Slow down.")
OVERLOADED = OverloadedErrorObject(type="overloaded_error", message="Overloaded")


@pytest.mark.parametrize(
    ("status", "error", "reason", "retryable"),
    [
        (429, RATE, "rate", True),
        (0, RATE, "rate", True),
        (529, OVERLOADED, "server", True),
        (0, OVERLOADED, "server", True),
    ],
)
def test_an_error_is_classified_by_its_type_where_it_has_no_status(status, error, reason, retryable):
    whole = ErrorResponse(type="error", error=error, request_id="r1").model_dump(mode="json")
    for body in (whole, whole["error"]):
        found = ANTHROPIC.failure(status, body)
        assert (found.reason, found.retryable) == (reason, retryable)
        assert f"{error.type}: {error.message}" in found.message


@pytest.mark.parametrize(
    ("kind", "message", "reason", "retryable"),
    [
        ("invalid_request_error", "max_tokens: too large", "rejected", False),
        ("invalid_request_error", "prompt is too long: 209375 tokens > 200000 maximum", "context", False),
        ("authentication_error", "invalid key", "rejected", False),
        ("request_too_large", "33 MB", "rejected", False),
        ("api_error", "Internal", "server", True),
        ("timeout_error", "Timeout", "server", True),
        ("newer_error", "who knows", "error", True),
    ],
)
def test_errors_without_a_status_say_whether_another_attempt_may_help(kind, message, reason, retryable):
    found = ANTHROPIC.failure(0, {"type": "error", "error": {"type": kind, "message": message}})
    assert (found.reason, found.retryable) == (reason, retryable)


@pytest.mark.parametrize("body", [{}, {"error": "x"}, {"error": {"type": 7, "message": []}}], ids=repr)
def test_an_error_that_cannot_be_read_goes_by_its_status(body):
    assert ANTHROPIC.failure(503, body).reason == "server"
    assert ANTHROPIC.failure(400, body).reason == "rejected"
    assert ANTHROPIC.failure(0, body).message
