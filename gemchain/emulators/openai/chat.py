"""Chat completions, answered without a model.

https://developers.openai.com/api/reference/resources/chat
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from gemchain.emulators.openai.endpoint import answer, joined, tokens
from gemchain.simulated.faults import RowFate, RowStyle

__all__ = ["Chat"]

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
HOTTEST = 2.0
EMPTY = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty one."


class Chat:
    """See `Endpoint`."""

    def problem(self, request: Mapping[str, Any]) -> tuple[str, str] | None:
        """See `Endpoint.problem`."""
        messages = request.get("messages")
        if not isinstance(messages, list):
            return "Missing required parameter: 'messages'.", "messages"
        if not messages:
            return EMPTY, "messages"
        for place, each in enumerate(messages):
            role = each.get("role") if isinstance(each, dict) else None
            if role not in ROLES:
                known = ", ".join(sorted(ROLES))
                return f"Invalid value: {role!r}. Supported values are: {known}.", f"messages[{place}]"
        return _temperature(request)

    def builtin(self, request: Mapping[str, Any]) -> str:
        """See `Endpoint.builtin`."""
        wanted = request.get("response_format")
        wanted = wanted if isinstance(wanted, dict) else {}
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        text, system = _texts(request["messages"])
        return answer(text, system, schema, json=wanted.get("type") in ("json_schema", "json_object"))

    def body(self, said: str | dict[str, Any], request: Mapping[str, Any], created: int) -> dict[str, Any]:
        """See `Endpoint.body`."""
        asked = "\n".join(_texts(request["messages"]))
        around: dict[str, Any] = {
            "id": f"chatcmpl-simulated{crc32(asked.encode('utf-8', 'replace')):08x}",
            "object": "chat.completion",
            "created": created,
            "model": request.get("model", ""),
            "service_tier": request.get("service_tier") or "default",
        }
        if isinstance(said, dict):
            return {"usage": _usage(asked, ""), **around, **said}
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**around, "choices": [choice], "usage": _usage(asked, said)}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Endpoint.spoiled`."""
        choice = body["choices"][0]
        message, finish = choice["message"], choice["finish_reason"]
        match style.fate:
            case RowFate.BLOCKED if style.variant % 2:
                message, finish = {**message, "content": None}, "content_filter"
            case RowFate.BLOCKED:
                message = {**message, "content": None, "refusal": "I can't help with that (simulated)."}
            case RowFate.EMPTY:
                message = {**message, "content": ""}
            case RowFate.TRUNCATED:
                half = len(message["content"] or "") // 2
                message, finish = {**message, "content": (message["content"] or "")[:half]}, "length"
        return {**body, "choices": [{**choice, "message": message, "finish_reason": finish}]}


def _texts(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """The user's last turn, and what the system says."""
    system = [each for each in messages if each.get("role") in ("system", "developer")]
    users = [each for each in messages if each.get("role") == "user"]
    last = joined(users[-1].get("content"), ["text"]) if users else ""
    return last, "\n".join(joined(each.get("content"), ["text"]) for each in system)


def _temperature(request: Mapping[str, Any]) -> tuple[str, str] | None:
    given = request.get("temperature")
    if given is None or (isinstance(given, int | float) and 0 <= given <= HOTTEST):
        return None
    return f"Invalid 'temperature': a number from 0 to 2 was expected, but got {given!r}.", "temperature"


def _usage(asked: str, answered: str) -> dict[str, Any]:
    prompt, completion = max(1, tokens(asked)), tokens(answered)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
