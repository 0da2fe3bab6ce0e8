"""Answers of the Messages API: texts, tool calls, why the model stopped, tokens."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.formats.anthropic.errors import failure
from gemchain.ports import TokenCounts, ToolCall
from gemchain.records import Failure

__all__ = [
    "RESULT_TOOL",
    "finish_reason",
    "judge",
    "parts",
    "raw_finish_reason",
    "reported_usage",
    "text",
    "tool_calls",
    "usage",
]

RESULT_TOOL = "gemchain_answer"
"""The tool whose input is the answer itself, where a schema is asked for in that way."""

_FINISH = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "refusal": "REFUSAL",
}

_CUT_OFF = {
    "max_tokens": "the answer hit the token limit (max_tokens); raise max_output_tokens",
    "model_context_window_exceeded": "request and answer together are longer than the model's context window "
    "(model_context_window_exceeded); shorten the request",
    "pause_turn": "the service paused a long turn (pause_turn) in which it uses its own tools; hand what is "
    "there to another prompt to have it continued",
}

_MOST = 1 << 40
"""Tokens that no answer takes."""


def parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks of an answer; see `Format.parts`."""
    found = body.get("content")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def text(body: Mapping[str, Any]) -> str:
    """See `Format.text`. Where the answer is the input of a tool, that input as JSON."""
    found = parts(body)
    for each in found:
        if each.get("type") == "tool_use" and each.get("name") == RESULT_TOOL:
            return orjson.dumps(each.get("input")).decode()
    texts = [each.get("text") for each in found if each.get("type") == "text"]
    return "".join([each for each in texts if isinstance(each, str)])


def tool_calls(body: Mapping[str, Any]) -> list[ToolCall]:
    """See `Format.tool_calls`; calls of tools that the service runs itself are none."""
    calls = [each for each in parts(body) if each.get("type") == "tool_use"]
    return [_tool_call(each) for each in calls if each.get("name") != RESULT_TOOL]


def _tool_call(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input")
    return ToolCall(
        str(block.get("name") or ""),
        arguments if isinstance(arguments, dict) else {},
        str(block["id"]) if block.get("id") else None,
    )


def raw_finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.raw_finish_reason`."""
    return str(body.get("stop_reason") or "")


def finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.finish_reason`."""
    raw = raw_finish_reason(body)
    return _FINISH.get(raw, raw.upper())


def judge(body: Mapping[str, Any]) -> Failure | None:
    """See `Format.judge`."""
    if body.get("type") == "error":
        return failure(0, body)
    raw = raw_finish_reason(body)
    if raw == "refusal":
        return Failure("blocked", f"the model refused to answer (refusal){_details(body)}")
    if raw in _CUT_OFF:
        return Failure("truncated", _CUT_OFF[raw])
    if text(body) or tool_calls(body):
        return None
    return Failure("empty", "the answer has no text", retryable=True)


def _details(body: Mapping[str, Any]) -> str:
    """The category of a refusal and its explanation, where the service gives them."""
    details = body.get("stop_details")
    if not isinstance(details, dict):
        return ""
    said = [details[name] for name in ("category", "explanation") if isinstance(details.get(name), str)]
    return f": {': '.join(said)}" if said else ""


def reported_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """See `Format.reported_usage`."""
    found = body.get("usage")
    return found if isinstance(found, dict) else {}


def usage(body: Mapping[str, Any]) -> TokenCounts:
    """See `Format.usage`. What was read from a cache and what was written to one are input as well."""
    told = reported_usage(body)
    if not told:
        return TokenCounts()
    details = told.get("output_tokens_details")
    cached = _count(told, "cache_read_input_tokens")
    return TokenCounts(
        input=_count(told, "input_tokens") + cached + _count(told, "cache_creation_input_tokens"),
        cached=cached,
        output=_count(told, "output_tokens"),
        thinking=_count(details, "thinking_tokens") if isinstance(details, dict) else 0,
    )


def _count(told: Mapping[str, Any], name: str) -> int:
    """A count as the service said it; 0 for what is no count, since it comes from outside."""
    found = told.get(name)
    return found if type(found) is int and 0 <= found < _MOST else 0
