"""Answers as the SDK's own models dump them, and whether they are usable."""

import pytest
from mistralai.client.models import ChatCompletionResponse

from gemchain.formats.mistral.format import MISTRAL
from gemchain.formats.response import Response
from gemchain.ports import TokenCounts, ToolCall


def answered(finish="stop", **message):
    """A completion as the SDK reads and writes it."""
    body = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "mistral-small",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }
    return ChatCompletionResponse.model_validate(body).model_dump(mode="json", by_alias=True)


def test_a_text_and_its_tokens_are_read():
    response = Response(answered(content="Hello"), wire_format=MISTRAL)
    assert (response.text, response.finish_reason) == ("Hello", "STOP")
    assert response.tokens == TokenCounts(10, 8, 3)


def test_thoughts_are_parts_and_no_text():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    body = answered(content=[thought, {"type": "text", "text": "Four"}])
    response = Response(body, wire_format=MISTRAL)
    assert (response.text, [each["type"] for each in response.parts]) == ("Four", ["thinking", "text"])


@pytest.mark.parametrize("arguments", ['{"x": 1}', {"x": 1}])
def test_a_call_is_read_whether_its_arguments_are_text_or_data(arguments):
    call = {"id": "D681PevKs", "function": {"name": "f", "arguments": arguments}}
    body = answered("tool_calls", content="", tool_calls=[call])
    assert MISTRAL.tool_calls(body) == [ToolCall("f", {"x": 1}, "D681PevKs")]
    assert (MISTRAL.finish_reason(body), MISTRAL.judge(body)) == ("STOP", None)


@pytest.mark.parametrize(
    ("finish", "word", "reason", "words"),
    [
        ("length", "MAX_TOKENS", "truncated", "raise max_output_tokens"),
        ("model_length", "MAX_TOKENS", "truncated", "shorten the request"),
        ("error", "ERROR", "server", "'error'"),
    ],
)
def test_an_answer_that_did_not_end_well_says_so(finish, word, reason, words):
    body = answered(finish, content="Hel")
    failure = MISTRAL.judge(body)
    assert (MISTRAL.finish_reason(body), MISTRAL.raw_finish_reason(body)) == (word, finish)
    assert (failure.reason, failure.retryable) == (reason, reason == "server")
    assert words in failure.message
