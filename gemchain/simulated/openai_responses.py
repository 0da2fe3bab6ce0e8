"""How a simulated model speaks the wire format of OpenAI's Responses API."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import orjson

from gemchain.errors import RequestError
from gemchain.formats.openai_responses.format import OPENAI_RESPONSES
from gemchain.ports import Format
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.messages import answer, characters

__all__ = ["OpenAIResponsesDialect"]


class OpenAIResponsesDialect:
    """See `Dialect`."""

    wire_format: Format = OPENAI_RESPONSES

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        wanted = (request.get("text") or {}).get("format") or {}
        return answer(_messages(request), request.get("instructions") or "", wanted.get("schema"))

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        try:
            OPENAI_RESPONSES.check("simulated", request)
        except RequestError as error:
            return str(error)
        return None

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. Nothing was added: the row's key names the prompt."""
        return request

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        del seen_at
        body = {"output": [_message(said)]} if isinstance(said, str) else said
        asked = characters(_messages(request)) + len(request.get("instructions") or "")
        around = {
            "id": f"resp_simulated{crc32(orjson.dumps(request)):08x}",
            "object": "response",
            "model": f"simulated/{model}",
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "usage": _usage(asked, len(OPENAI_RESPONSES.text(body))),
        }
        return {**around, **body}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        match style.fate:
            case RowFate.BLOCKED:
                why = {"reason": "content_filter"}
                return {**body, "output": [], "status": "incomplete", "incomplete_details": why}
            case RowFate.EMPTY:
                return {**body, "output": []}
            case RowFate.TRUNCATED:
                text = OPENAI_RESPONSES.text(body)
                why = {"reason": "max_output_tokens"}
                half = [_message(text[: len(text) // 2])]
                return {**body, "output": half, "status": "incomplete", "incomplete_details": why}
        return body

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The fields come in another order."""
        del style
        return dict(reversed(request.items()))


def _messages(request: Mapping[str, Any]) -> list[Any]:
    """The input as messages: a text is one of the user's, and what a function returned is, too."""
    given = request.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    items = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return [
        {"role": "user", "content": each.get("output")}
        if each.get("type") == "function_call_output"
        else each
        for each in items
    ]


def _message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": f"msg_simulated{crc32(text.encode('utf-8', 'replace')):08x}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _usage(asked: int, answered: int) -> dict[str, Any]:
    read, written = -(-asked // TOKEN), -(-answered // TOKEN)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
