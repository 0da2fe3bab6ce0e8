"""The parts of a GenerateContentResponse: texts, tool calls, the finish reason."""

from collections.abc import Mapping
from typing import Any

from gemchain.ports import ToolCall

__all__ = ["finish_reason", "first_candidate", "parts", "parts_of", "text", "tool_calls"]


def first_candidate(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer itself; None when there is none."""
    candidates = body.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    return first if isinstance(first, dict) else None


def parts_of(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a candidate."""
    content = candidate.get("content")
    found = content.get("parts") if isinstance(content, dict) else None
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """See `Format.parts`."""
    return parts_of(first_candidate(body) or {})


def text(body: Mapping[str, Any]) -> str:
    """See `Format.text`."""
    found = parts(body)
    if len(found) == 1 and type(found[0].get("text")) is str and "thought" not in found[0]:
        only: str = found[0]["text"]
        return only
    return "".join([part["text"] for part in found if _is_text(part)])


def _is_text(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str) and not part.get("thought")


def tool_calls(body: Mapping[str, Any]) -> list[ToolCall]:
    """See `Format.tool_calls`."""
    calls = [part["functionCall"] for part in parts(body) if isinstance(part.get("functionCall"), dict)]
    return [_tool_call(each) for each in calls]


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    arguments = call.get("args")
    return ToolCall(
        str(call.get("name") or ""),
        arguments if isinstance(arguments, dict) else {},
        str(call["id"]) if call.get("id") else None,
    )


def finish_reason(body: Mapping[str, Any]) -> str:
    """See `Format.finish_reason`."""
    return str((first_candidate(body) or {}).get("finishReason") or "")
