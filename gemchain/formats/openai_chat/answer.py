"""The parts of a chat completion that was answered: texts, tool calls, the finish reason."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.ports import ToolCall

__all__ = [
    "arguments_of",
    "calls_of",
    "finish_reason",
    "first_choice",
    "message_of",
    "parts",
    "raw_finish_reason",
    "refusal",
    "text",
    "tool_calls",
]

FINISH = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "function_call": "STOP",
    "length": "MAX_TOKENS",
    "model_length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    # Of other servers.
    "eos": "STOP",
    "eos_token": "STOP",
    "stop_sequence": "STOP",
    "end_turn": "STOP",
    "max_tokens": "MAX_TOKENS",
}
"""Finish reasons, and what they are called here. `model_length` is Mistral's: the context is full."""


def first_choice(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer itself; None when there is none."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def message_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The message of an answer; empty when there is none."""
    found = (first_choice(body) or {}).get("message")
    return found if isinstance(found, dict) else {}


def text(body: Mapping[str, Any]) -> str:
    """See `Format.text`."""
    content = message_of(body).get("content")
    if isinstance(content, str):
        return content
    return "".join(each["text"] for each in _content_parts(content) if _is_text(each))


def _content_parts(content: Any) -> list[dict[str, Any]]:
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type", "text") == "text" and isinstance(part.get("text"), str)


def parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """See `Format.parts`: the parts of the content, the refusal, and the calls."""
    content, refused = message_of(body).get("content"), refusal(body)
    found = _content_parts(content)
    if isinstance(content, str) and content:
        found = [{"type": "text", "text": content}]
    if refused:
        found.append({"type": "refusal", "refusal": refused})
    return found + calls_of(body)


def refusal(body: Mapping[str, Any]) -> str:
    """With which words the model refused; empty when it did not."""
    message = message_of(body)
    if isinstance(message.get("refusal"), str):
        return str(message["refusal"])
    said = [each.get("refusal") for each in _content_parts(message.get("content"))]
    return "".join(each for each in said if isinstance(each, str))


def calls_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls that an answer asks for, in the service's own form."""
    message = message_of(body)
    calls, older = message.get("tool_calls"), message.get("function_call")
    if isinstance(calls, list) and calls:
        return [each for each in calls if isinstance(each, dict)]
    return [{"type": "function", "function": older}] if isinstance(older, dict) else []


def tool_calls(body: Mapping[str, Any]) -> list[ToolCall]:
    """See `Format.tool_calls`. What a custom tool is given stands in the argument `input`."""
    return [_tool_call(each) for each in calls_of(body)]


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    asked = call.get("custom") if call.get("type") == "custom" else call.get("function")
    name = asked.get("name") if isinstance(asked, dict) else None
    named = str(call["id"]) if call.get("id") else None
    return ToolCall(str(name or ""), arguments_of(call) or {}, named)


def arguments_of(call: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call; None when they are not a JSON object."""
    if call.get("type") == "custom":
        custom = call.get("custom")
        return {"input": custom.get("input")} if isinstance(custom, dict) else None
    function = call.get("function")
    found = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(found, str):
        try:
            found = orjson.loads(found or "{}")
        except orjson.JSONDecodeError:
            return None
    return found if isinstance(found, dict) else None


def raw_finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.raw_finish_reason`."""
    found = (first_choice(body) or {}).get("finish_reason")
    return found if isinstance(found, str) else ""


def finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.finish_reason`. A refusal has no word of its own in the answer."""
    if refusal(body):
        return "REFUSAL"
    raw = raw_finish_reason(body)
    return FINISH.get(raw, raw.upper())
