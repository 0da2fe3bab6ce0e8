"""The Responses API, answered without a model.

https://developers.openai.com/api/reference/resources/responses
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from gemchain.emulators.openai.endpoint import answer, joined, tokens
from gemchain.simulated.faults import RowFate, RowStyle

__all__ = ["Responses"]

TEXTS = ("input_text", "output_text", "text")


class Responses:
    """See `Endpoint`."""

    def problem(self, request: Mapping[str, Any]) -> tuple[str, str] | None:
        """See `Endpoint.problem`."""
        given = request.get("input")
        if given is None or given in ([], ""):
            return "Missing required parameter: 'input'.", "input"
        if not isinstance(given, str | list):
            return "Invalid type for 'input': expected a string or an array.", "input"
        return None

    def builtin(self, request: Mapping[str, Any]) -> str:
        """See `Endpoint.builtin`."""
        wanted = request.get("text")
        form = wanted.get("format") if isinstance(wanted, dict) else None
        form = form if isinstance(form, dict) else {}
        text, system = _texts(request)
        json = form.get("type") in ("json_schema", "json_object")
        return answer(text, system, form.get("schema"), json=json)

    def body(self, said: str | dict[str, Any], request: Mapping[str, Any], created: int) -> dict[str, Any]:
        """See `Endpoint.body`."""
        asked = "\n".join(_texts(request))
        number = f"simulated{crc32(asked.encode('utf-8', 'replace')):08x}"
        around: dict[str, Any] = {
            "id": f"resp_{number}",
            "object": "response",
            "created_at": created,
            "model": request.get("model", ""),
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "service_tier": request.get("service_tier") or "default",
        }
        if isinstance(said, dict):
            return {"usage": _usage(asked, ""), **around, **said}
        part = {"type": "output_text", "text": said, "annotations": []}
        return {**around, "output": [_message(number, part)], "usage": _usage(asked, said)}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Endpoint.spoiled`."""
        message = body["output"][0]
        match style.fate:
            case RowFate.BLOCKED if style.variant % 2:
                return {**body, "output": [], **_incomplete("content_filter")}
            case RowFate.BLOCKED:
                refusal = {"type": "refusal", "refusal": "I can't help with that (simulated)."}
                return {**body, "output": [{**message, "content": [refusal]}]}
            case RowFate.EMPTY:
                return {**body, "output": []}
            case RowFate.TRUNCATED:
                part = message["content"][0]
                cut = {**part, "text": part["text"][: len(part["text"]) // 2]}
                ended = {**message, "status": "incomplete", "content": [cut]}
                return {**body, "output": [ended], **_incomplete("max_output_tokens")}
        return body


def _incomplete(reason: str) -> dict[str, Any]:
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def _message(number: str, part: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": f"msg_{number}",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _texts(request: Mapping[str, Any]) -> tuple[str, str]:
    """The user's last turn, and what the system says."""
    given, told = request.get("input"), request.get("instructions")
    system = [told] if isinstance(told, str) else []
    if isinstance(given, str):
        return given, "\n".join(system)
    items = [each for each in given or () if isinstance(each, dict)]
    users = [each for each in items if each.get("role") == "user"]
    said = [each for each in items if each.get("role") in ("system", "developer")]
    system += [joined(each.get("content"), TEXTS) for each in said]
    last = joined(users[-1].get("content"), TEXTS) if users else ""
    return last, "\n".join(system)


def _usage(asked: str, answered: str) -> dict[str, Any]:
    given, made = max(1, tokens(asked)), tokens(answered)
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + made,
    }
