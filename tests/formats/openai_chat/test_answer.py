"""Answers as the SDK's own types dump them, and whether they are usable."""

import pytest
from openai.types.chat import ChatCompletion

from gemchain.formats.openai_chat.format import OPENAI_CHAT
from gemchain.formats.response import Response
from gemchain.ports import TokenCounts, ToolCall

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 64, "image_tokens": 12},
    "completion_tokens_details": {"reasoning_tokens": 20},
}


def answered(finish="stop", usage=None, **message):
    """A completion as the SDK reads and writes it."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    body = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt",
        "choices": [choice],
        "usage": usage or USAGE,
    }
    return ChatCompletion.model_validate(body).model_dump(mode="json")


def test_a_text_and_its_tokens_are_read():
    response = Response(answered(content="Hello"), wire_format=OPENAI_CHAT)
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Hello", "STOP", "stop")
    assert response.tokens == TokenCounts(100, 64, 30, 20, 12)
    assert response.usage["completion_tokens"] == 30
    assert not response.blocked
    assert response.parts == [{"type": "text", "text": "Hello"}]


def call(name="f", arguments='{"x": 1}', identity="call_1"):
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_calls_that_a_model_asks_for_are_read_in_order():
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "free text"}}
    body = answered("tool_calls", content=None, tool_calls=[call(), custom])
    response = Response(body, wire_format=OPENAI_CHAT)
    assert response.tool_calls == [
        ToolCall("f", {"x": 1}, "call_1"),
        ToolCall("g", {"input": "free text"}, "call_2"),
    ]
    assert (response.text, response.finish_reason, len(response.parts)) == ("", "STOP", 2)
    assert OPENAI_CHAT.judge(body) is None


def test_a_call_in_the_older_form_and_one_without_arguments_are_read():
    older = answered("function_call", content=None, function_call={"name": "f", "arguments": ""})
    assert OPENAI_CHAT.tool_calls(older) == [ToolCall("f", {})]
    assert OPENAI_CHAT.judge(older) is None


@pytest.mark.parametrize("arguments", ["{not json", "[1]", "7"])
def test_a_call_whose_arguments_are_no_object_is_not_usable_and_tried_again(arguments):
    body = answered("tool_calls", content=None, tool_calls=[call(arguments=arguments)])
    failure = OPENAI_CHAT.judge(body)
    assert (failure.reason, failure.retryable) == ("invalid", True)
    assert OPENAI_CHAT.tool_calls(body) == [ToolCall("f", {}, "call_1")]


def test_a_refusal_is_a_blocked_answer_with_the_models_words():
    body = answered(content=None, refusal="I will not.")
    response = Response(body, wire_format=OPENAI_CHAT)
    assert (response.finish_reason, response.raw_finish_reason) == ("REFUSAL", "stop")
    assert response.blocked
    assert "I will not." in OPENAI_CHAT.judge(body).message
    assert response.parts == [{"type": "refusal", "refusal": "I will not."}]


@pytest.mark.parametrize(
    ("finish", "word", "reason"),
    [("length", "MAX_TOKENS", "truncated"), ("content_filter", "SAFETY", "blocked"), ("stop", "STOP", None)],
)
def test_every_finish_reason_of_the_sdk_has_its_word(finish, word, reason):
    body = answered(finish, content="x")
    failure = OPENAI_CHAT.judge(body)
    assert (OPENAI_CHAT.finish_reason(body), failure and failure.reason) == (word, reason)


def test_an_answer_that_spent_its_tokens_on_reasoning_says_so():
    failure = OPENAI_CHAT.judge(answered("length", content=""))
    assert "20 of them spent on reasoning" in failure.message


def test_a_finish_reason_that_nobody_knows_keeps_its_word_and_its_answer():
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "weary"}]}
    assert (OPENAI_CHAT.finish_reason(body), OPENAI_CHAT.judge(body)) == ("WEARY", None)


def test_an_answer_with_sound_alone_is_usable():
    audio = {"id": "a", "data": "", "expires_at": 1, "transcript": "x"}
    assert OPENAI_CHAT.judge(answered(content=None, audio=audio)) is None


def test_an_error_that_came_with_status_200_is_classified():
    failure = OPENAI_CHAT.judge({"error": {"code": 429, "message": "slow down"}})
    assert (failure.reason, failure.retryable) == ("rate", True)


def test_reasoning_that_a_server_counts_beside_the_completion_is_output_too():
    told = {**USAGE, "completion_tokens": 10, "total_tokens": 130}
    assert OPENAI_CHAT.usage({"usage": told}) == TokenCounts(100, 64, 30, 20, 12)


BROKEN = [
    {"choices": {}},
    {"choices": [7]},
    {"choices": [{"message": 7, "finish_reason": 7}], "usage": 7},
    {
        "choices": [{"message": {"content": 7, "tool_calls": 7, "refusal": 7}}],
        "usage": {"prompt_tokens": "x"},
    },
    {"choices": [{"message": {"content": [7, {"text": 7}], "tool_calls": [7, {}]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": 7, "id": 7}, {"type": "custom", "custom": 7}]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": 7, "arguments": 7}}]}}]},
    {
        "choices": [{"message": {"content": ""}}],
        "usage": {"completion_tokens": -1, "prompt_tokens_details": 7},
    },
    {"error": 7},
    {"error": {"message": 7, "code": [], "type": {}}},
]


@pytest.mark.parametrize("body", BROKEN, ids=str)
def test_no_body_makes_reading_raise(body):
    assert OPENAI_CHAT.judge(body) is not None
    assert OPENAI_CHAT.text(body) == ""
    assert OPENAI_CHAT.usage(body) == TokenCounts()
    assert isinstance(OPENAI_CHAT.parts(body), list)
    assert all(isinstance(each.name, str) for each in OPENAI_CHAT.tool_calls(body))
    assert isinstance(OPENAI_CHAT.finish_reason(body), str)
    assert isinstance(OPENAI_CHAT.failure(0, body).message, str)
