"""Whether an answer of a chat completion is usable, and if not, why."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.openai_chat.answer import (
    arguments_of,
    calls_of,
    finish_reason,
    first_choice,
    message_of,
    raw_finish_reason,
    refusal,
    text,
    tool_calls,
)
from gemchain.formats.openai_chat.errors import failure
from gemchain.formats.openai_chat.usage import usage
from gemchain.records import Failure

__all__ = ["judge"]


def judge(body: Mapping[str, Any]) -> Failure | None:
    """Why an answer is not usable; None when it is.

    A blocked, truncated or empty answer is not a success, even though its status is.
    """
    if first_choice(body) is None:
        # Some servers answer with status 200 and an error in the body.
        return (
            failure(0, body)
            if body.get("error")
            else Failure("empty", "the response has no choices", retryable=True)
        )
    match finish_reason(body):
        case "REFUSAL":
            return Failure("blocked", f"the model refused: {refusal(body)}")
        case "SAFETY":
            return Failure("blocked", "the answer was kept back: content_filter")
        case "MAX_TOKENS":
            return Failure("truncated", _truncated(body))
        case "ERROR":
            return Failure("server", "the model stopped with 'error'", retryable=True)
    return _content_failure(body)


def _truncated(body: Mapping[str, Any]) -> str:
    if raw_finish_reason(body) == "model_length":
        return "the answer filled the model's context (model_length); shorten the request"
    thinking = usage(body).thinking
    spent = f", {thinking} of them spent on reasoning" if thinking else ""
    return f"the answer hit the token limit (length){spent}; raise max_output_tokens"


def _content_failure(body: Mapping[str, Any]) -> Failure | None:
    for call, read in zip(calls_of(body), tool_calls(body), strict=True):
        if not read.name or arguments_of(call) is None:
            words = f"the model called {read.name or 'a function'!r} with arguments that are no JSON object"
            return Failure("invalid", words, retryable=True)
    if text(body) or calls_of(body) or message_of(body).get("audio"):
        return None
    return Failure("empty", "the answer has no text", retryable=True)
