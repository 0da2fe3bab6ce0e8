"""How a simulated model speaks Anthropic's wire format.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import orjson

from gemchain.formats.anthropic.format import ANTHROPIC
from gemchain.ports import Format
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.messages import answer, characters, content_text

__all__ = ["AnthropicDialect"]

ROLES = ("user", "assistant", "system")
LEAST_MESSAGE = "messages: at least one message is required"


class AnthropicDialect:
    """See `Dialect`."""

    wire_format: Format = ANTHROPIC

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        return answer(request.get("messages"), content_text(request.get("system")), _schema(request))

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            return LEAST_MESSAGE
        if type(request.get("max_tokens")) is not int:
            return "max_tokens: Field required"
        if request["max_tokens"] < 1:
            return "max_tokens: Input should be greater than or equal to 1"
        return next(filter(None, map(_message_problem, range(len(messages)), messages)), None)

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. The model's name stands in the request."""
        return {name: value for name, value in request.items() if name != "model"}

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        del seen_at
        body = said if isinstance(said, dict) else _said(said, request)
        asked = characters(request.get("messages")) + len(content_text(request.get("system")))
        around: dict[str, Any] = {
            "id": f"msg_simulated{crc32(orjson.dumps(request)):08x}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": _usage(asked, len(orjson.dumps(body.get("content")))),
        }
        return {**around, **body}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        match style.fate:
            case RowFate.BLOCKED:
                return {**body, "content": [], "stop_reason": "refusal"}
            case RowFate.EMPTY:
                return {**body, "content": []}
            case RowFate.TRUNCATED:
                return {**body, "content": list(map(_half, body["content"])), "stop_reason": "max_tokens"}
        return body

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The service echoes none."""
        del style
        return request


def _said(text: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as text, or as the arguments of the tool that the request insists on."""
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "tool":
        name = choice.get("name")
        call = {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": orjson.loads(text)}
        return {"content": [call], "stop_reason": "tool_use"}
    return {"content": [{"type": "text", "text": text}]}


def _schema(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of the answer: of its text, or of the tool that the request insists on."""
    output = request.get("output_config")
    wanted = output.get("format") if isinstance(output, dict) else request.get("output_format")
    if isinstance(wanted, dict) and isinstance(wanted.get("schema"), dict):
        return dict(wanted["schema"])
    choice, tools = request.get("tool_choice"), request.get("tools")
    if isinstance(choice, dict) and choice.get("type") == "tool" and isinstance(tools, list):
        for tool in tools:
            if isinstance(tool, dict) and tool.get("name") == choice.get("name"):
                return dict(tool.get("input_schema") or {})
    return None


def _message_problem(place: int, message: Any) -> str | None:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        return f"messages.{place}.role: Input should be {', '.join(map(repr, ROLES))}"
    if not content_text(message.get("content")).strip():
        return f"messages.{place}: all messages must have non-empty content"
    return None


def _half(block: dict[str, Any]) -> dict[str, Any]:
    text = block.get("text") or ""
    return {**block, "text": text[: len(text) // 2]} if text else block


def _usage(asked: int, answered: int) -> dict[str, Any]:
    return {
        "input_tokens": -(-asked // TOKEN) or 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": -(-answered // TOKEN),
        "service_tier": "batch",
    }
