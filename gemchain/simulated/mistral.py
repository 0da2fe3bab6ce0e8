"""How a simulated model speaks Mistral's wire format.

https://docs.mistral.ai/api/endpoint/chat
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zlib import crc32

import orjson

from gemchain.formats.mistral.format import MISTRAL
from gemchain.ports import Format
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.messages import FREE_JSON, answer, characters, content_text

__all__ = ["MistralDialect"]

ROLES = ("system", "user", "assistant", "tool")


class MistralDialect:
    """See `Dialect`."""

    wire_format: Format = MISTRAL

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        messages = request.get("messages") or []
        told = [each for each in messages if isinstance(each, dict) and each.get("role") == "system"]
        system = "\n".join(content_text(each.get("content")) for each in told)
        return answer(messages, system, _schema(request))

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            return "Conversation must have at least one message"
        for message in messages:
            role = message.get("role") if isinstance(message, dict) else None
            if role not in ROLES:
                return f"Input should be 'system', 'user', 'assistant' or 'tool', not {role!r}"
        if messages[-1]["role"] not in ("user", "tool") and not messages[-1].get("prefix"):
            return (
                f"Expected last role User or Tool (or Assistant with prefix True), got {messages[-1]['role']}"
            )
        return None

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. A single request names the model."""
        return {name: value for name, value in request.items() if name != "model"}

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        body = said if isinstance(said, dict) else {"choices": [_choice(said)]}
        asked, answered = characters(request.get("messages")), len(orjson.dumps(body.get("choices")))
        around: dict[str, Any] = {
            "id": f"simulated{crc32(orjson.dumps(request)):08x}",
            "object": "chat.completion",
            "created": int(datetime.fromisoformat(seen_at).timestamp()),
            "model": model,
            "usage": _usage(asked, answered),
        }
        return {**around, **body}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        text = body["choices"][0]["message"]["content"]
        match style.fate:
            case RowFate.BLOCKED:
                return {**body, "choices": [_choice("", "content_filter")]}
            case RowFate.EMPTY:
                return {**body, "choices": [_choice("")]}
            case RowFate.TRUNCATED:
                return {**body, "choices": [_choice(text[: len(text) // 2], "length")]}
        return body

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The service echoes none."""
        del style
        return request


def _choice(text: str, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "tool_calls": None, "content": text}
    return {"index": 0, "message": message, "finish_reason": finish}


def _schema(request: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = request.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_object":
        return FREE_JSON
    told = wanted.get("json_schema") if isinstance(wanted, dict) else None
    found = told.get("schema") if isinstance(told, dict) else None
    return dict(found) if isinstance(found, dict) else None


def _usage(asked: int, answered: int) -> dict[str, Any]:
    prompt, completion = -(-asked // TOKEN) or 1, -(-answered // TOKEN)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
