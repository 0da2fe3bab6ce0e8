"""How a simulated model speaks Mistral's wire format, as its service does.

https://docs.mistral.ai/api/endpoint/chat
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zlib import crc32

import orjson

from gemchain.formats.mistral.format import MISTRAL
from gemchain.simulated.chat import ChatDialect

__all__ = ["MistralDialect"]

ROLES = ("system", "user", "assistant", "tool")


class MistralDialect(ChatDialect):
    """That of chat completions, in the words of the service. See `Dialect`."""

    def __init__(self) -> None:
        super().__init__(MISTRAL)

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            return "Conversation must have at least one message"
        roles = [each.get("role") if isinstance(each, dict) else None for each in messages]
        for role in roles:
            if role not in ROLES:
                return f"Input should be 'system', 'user', 'assistant' or 'tool', not {role!r}"
        if roles[-1] not in ("user", "tool") and not messages[-1].get("prefix"):
            return f"Expected last role User or Tool (or Assistant with prefix True), got {roles[-1]}"
        return None

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. A request that is sent alone names the model."""
        return {name: value for name, value in request.items() if name != "model"}

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        around = {
            "id": f"simulated{crc32(orjson.dumps(request)):08x}",
            "created": int(datetime.fromisoformat(seen_at).timestamp()),
        }
        return {**around, **super().as_body(said, request, model, seen_at)}
