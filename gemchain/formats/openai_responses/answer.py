"""Answers of the Responses API: texts, tool calls, why the model stopped, tokens."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.formats.openai_chat.errors import failure
from gemchain.ports import TokenCounts, ToolCall
from gemchain.records import Failure

__all__ = [
    "finish_reason",
    "judge",
    "parts",
    "raw_finish_reason",
    "reported_usage",
    "text",
    "tool_calls",
    "usage",
]

_FINISH = {
    "completed": "STOP",
    "max_output_tokens": "MAX_TOKENS",
    "content_filter": "SAFETY",
}

_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_approval_request", "image_generation_call"})
"""Items that are an answer without a text."""

_MOST = 1 << 40
"""Tokens that no answer takes."""


def _items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = body.get("output")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """See `Format.parts`: the contents of messages, and every other item of the output as it is."""
    found: list[dict[str, Any]] = []
    for item in _items(body):
        content = item.get("content")
        if item.get("type") != "message" or not isinstance(content, list):
            found.append(item)
        else:
            found += [each for each in content if isinstance(each, dict)]
    return found


def _texts(body: Mapping[str, Any], kind: str, field: str) -> str:
    found = [each.get(field) for each in parts(body) if each.get("type") == kind]
    return "".join([each for each in found if isinstance(each, str)])


def text(body: Mapping[str, Any]) -> str:
    """See `Format.text`."""
    return _texts(body, "output_text", "text")


def tool_calls(body: Mapping[str, Any]) -> list[ToolCall]:
    """See `Format.tool_calls`; calls of tools that the service runs itself are none."""
    return [_tool_call(each) for each in _items(body) if each.get("type") == "function_call"]


def _tool_call(item: Mapping[str, Any]) -> ToolCall:
    call_id = str(item["call_id"]) if item.get("call_id") else None
    return ToolCall(str(item.get("name") or ""), _arguments(item) or {}, call_id)


def _arguments(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call; None when they are no JSON object."""
    try:
        found = orjson.loads(item.get("arguments") or "{}")
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def raw_finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.raw_finish_reason`: why the response is incomplete, else its status."""
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return str(reason or body.get("status") or "")


def finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.finish_reason`."""
    raw = raw_finish_reason(body)
    if raw == "completed" and _texts(body, "refusal", "refusal"):
        return "REFUSAL"
    return _FINISH.get(raw, raw.upper())


def judge(body: Mapping[str, Any]) -> Failure | None:
    """See `Format.judge`."""
    if isinstance(body.get("error"), dict):
        return _failed(body)
    match finish_reason(body):
        case "REFUSAL":
            return Failure("blocked", f"the model refused to answer: {_texts(body, 'refusal', 'refusal')}")
        case "SAFETY":
            return Failure("blocked", "the answer was kept back by a filter (content_filter)")
        case "MAX_TOKENS":
            thinking = usage(body).thinking
            spent = f", {thinking} of them spent on reasoning" if thinking else ""
            return Failure("truncated", f"the answer hit the token limit{spent}; raise max_output_tokens")
    return _content_failure(body)


def _failed(body: Mapping[str, Any]) -> Failure:
    """Why the service made no answer; its codes for pictures that it cannot take come without a type."""
    code = str(body["error"].get("code") or "")
    if "policy" in code:
        return Failure("blocked", f"{code}: {body['error'].get('message') or 'the request was kept back'}")
    is_invalid = code.startswith(("invalid_", "image_", "unsupported_", "empty_"))
    return failure(400 if is_invalid and code != "invalid_prompt" else 0, body)


def _content_failure(body: Mapping[str, Any]) -> Failure | None:
    raw, calls = raw_finish_reason(body), [each for each in _items(body) if each.get("type") in _CALLS]
    if body.get("status") == "incomplete":
        return Failure("truncated", f"the answer is incomplete ({raw})")
    for call in calls:
        if call["type"] == "function_call" and _arguments(call) is None:
            words = f"the model called {call.get('name')!r} with arguments that are no JSON object"
            return Failure("invalid", words, retryable=True)
    if text(body) or calls:
        return None
    return Failure("empty", f"the answer has no text (status {raw or 'unknown'})", retryable=True)


def reported_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """See `Format.reported_usage`."""
    found = body.get("usage")
    return found if isinstance(found, dict) else {}


def usage(body: Mapping[str, Any]) -> TokenCounts:
    """See `Format.usage`."""
    told = reported_usage(body)
    if not told:
        return TokenCounts()
    return TokenCounts(
        input=_count(told, "input_tokens"),
        cached=_count(told.get("input_tokens_details"), "cached_tokens"),
        output=_count(told, "output_tokens"),
        thinking=_count(told.get("output_tokens_details"), "reasoning_tokens"),
    )


def _count(told: Any, name: str) -> int:
    """A count as the service said it; 0 for what is no count, since it comes from outside."""
    found = told.get(name) if isinstance(told, dict) else None
    return found if type(found) is int and 0 <= found < _MOST else 0
