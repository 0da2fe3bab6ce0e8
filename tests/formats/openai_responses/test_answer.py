"""Answers and errors are read as OpenAI's SDK writes its own types."""

import pytest
from openai.types.responses import (
    Response,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseOutputText,
    ResponseReasoningItem,
    ResponseUsage,
)
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_error import ResponseError
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from gemchain.formats.openai_responses.format import OPENAI_RESPONSES
from gemchain.ports import TokenCounts, ToolCall


def response(*output, status="completed", why=None, error=None):
    found = Response(
        id="resp_1",
        created_at=1.0,
        model="gpt-x",
        object="response",
        output=list(output),
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        status=status,
        incomplete_details=IncompleteDetails(reason=why) if why else None,
        error=error,
        usage=ResponseUsage(
            input_tokens=125,
            input_tokens_details=InputTokensDetails(cached_tokens=100, cache_write_tokens=0),
            output_tokens=40,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=30),
            total_tokens=165,
        ),
    )
    return found.model_dump(mode="json")


def message(*content):
    return ResponseOutputMessage(
        id="m", content=list(content), role="assistant", status="completed", type="message"
    )


def said(text):
    return ResponseOutputText(annotations=[], text=text, type="output_text")


THOUGHT = ResponseReasoningItem(id="r", summary=[], type="reasoning")


def call(arguments):
    return ResponseFunctionToolCall(arguments=arguments, call_id="c1", name="f", type="function_call")


def test_texts_are_read_without_reasoning():
    body = response(THOUGHT, message(said("four"), said(" it is")), message(said(".")))
    assert OPENAI_RESPONSES.text(body) == "four it is."
    assert [each["type"] for each in OPENAI_RESPONSES.parts(body)] == ["reasoning", *["output_text"] * 3]
    assert OPENAI_RESPONSES.finish_reason(body) == "STOP"
    assert OPENAI_RESPONSES.judge(body) is None


def test_tool_calls_are_read_in_order():
    body = response(THOUGHT, call('{"n": 1}'), call("{}"))
    assert OPENAI_RESPONSES.tool_calls(body) == [ToolCall("f", {"n": 1}, "c1"), ToolCall("f", {}, "c1")]
    assert OPENAI_RESPONSES.judge(body) is None


@pytest.mark.parametrize("arguments", ["{", "[1]"])
def test_a_call_without_sound_arguments_is_asked_for_again(arguments):
    body = response(call(arguments))
    assert OPENAI_RESPONSES.tool_calls(body) == [ToolCall("f", {}, "c1")]
    failure = OPENAI_RESPONSES.judge(body)
    assert (failure.reason, failure.retryable) == ("invalid", True)


@pytest.mark.parametrize(
    ("why", "word", "reason"),
    [
        ("max_output_tokens", "MAX_TOKENS", "truncated"),
        ("content_filter", "SAFETY", "blocked"),
        ("max_messages", "MAX_MESSAGES", "truncated"),
    ],
)
def test_why_an_answer_is_incomplete_is_said_in_the_words_of_all(why, word, reason):
    body = response(message(said("x")), status="incomplete", why=why)
    assert (OPENAI_RESPONSES.raw_finish_reason(body), OPENAI_RESPONSES.finish_reason(body)) == (why, word)
    assert OPENAI_RESPONSES.judge(body).reason == reason


def test_a_truncated_answer_says_what_reasoning_took():
    body = response(THOUGHT, status="incomplete", why="max_output_tokens")
    assert "30 of them spent on reasoning" in OPENAI_RESPONSES.judge(body).message


def test_a_refusal_is_blocked_with_the_models_words():
    body = response(message(ResponseOutputRefusal(refusal="I cannot.", type="refusal")))
    assert OPENAI_RESPONSES.finish_reason(body) == "REFUSAL"
    assert OPENAI_RESPONSES.judge(body).reason == "blocked"
    assert OPENAI_RESPONSES.judge(body).message.endswith("I cannot.")


def test_tokens_are_counted_in_the_words_of_all():
    body = response(message(said("x")))
    assert OPENAI_RESPONSES.usage(body) == TokenCounts(input=125, cached=100, output=40, thinking=30)
    assert OPENAI_RESPONSES.reported_usage(body)["total_tokens"] == 165


@pytest.mark.parametrize(
    ("code", "reason", "retryable"),
    [
        ("server_error", "server", True),
        ("rate_limit_exceeded", "rate", True),
        ("bio_policy", "blocked", False),
        ("image_content_policy_violation", "blocked", False),
        ("invalid_prompt", "blocked", False),
        ("invalid_image", "rejected", False),
        ("data_residency_mismatch", "error", True),
    ],
)
def test_a_response_that_failed_says_whether_another_attempt_may_help(code, reason, retryable):
    body = response(status="failed", error=ResponseError(code=code, message="It failed."))
    found = OPENAI_RESPONSES.judge(body)
    assert (found.reason, found.retryable) == (reason, retryable)
    assert "It failed." in found.message
    assert OPENAI_RESPONSES.finish_reason(body) == "FAILED"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "context_length_exceeded", "context"),
        (400, "invalid_prompt", "blocked"),
        (400, "unsupported_parameter", "rejected"),
        (401, "invalid_api_key", "rejected"),
        (429, "rate_limit_exceeded", "rate"),
        (500, "server_error", "server"),
        (0, "context_length_exceeded", "context"),
        (0, "who_knows", "error"),
    ],
)
def test_a_refusal_of_the_service_is_classified(status, code, reason):
    error = {"message": "No.", "type": "some_error", "param": None, "code": code}
    assert OPENAI_RESPONSES.failure(status, {"error": error}).reason == reason
    assert "No." in OPENAI_RESPONSES.failure(status, {"error": error}).message


@pytest.mark.parametrize("body", [{}, {"error": "x"}, {"error": {"code": 7, "message": []}}], ids=repr)
def test_an_error_that_cannot_be_read_goes_by_its_status(body):
    assert OPENAI_RESPONSES.failure(503, body).reason == "server"
    assert OPENAI_RESPONSES.failure(400, body).reason == "rejected"
    assert OPENAI_RESPONSES.failure(0, body).message
