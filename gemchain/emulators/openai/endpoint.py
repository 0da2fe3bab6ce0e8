"""What an endpoint that answers requests has to know of its wire format."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from gemchain.simulated.answers import plain_answer
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowStyle
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["Endpoint", "answer", "joined", "tokens"]

FREE_JSON = {
    "type": "object",
    "properties": {"summary": {}, "keywords": {"type": "array", "items": {"type": "string"}}},
}
"""What is answered when JSON is asked for without a schema."""


class Endpoint(Protocol):
    """One of the paths that answer requests, alone or in batches."""

    def problem(self, request: Mapping[str, Any]) -> tuple[str, str] | None:
        """What is wrong with a request, and with which of its parameters; None when nothing is."""

    def builtin(self, request: Mapping[str, Any]) -> str:
        """Answer from the request's own text. The same request always gets the same answer."""

    def body(self, said: str | dict[str, Any], request: Mapping[str, Any], created: int) -> dict[str, Any]:
        """The response body around an answer; of a body that is given, missing fields are filled in."""

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """The body of an answer that was blocked, cut off or left empty, as `style.fate` says."""


def answer(text: str, system: str, schema: Any, *, json: bool) -> str:
    """An answer made of the request's own words.

    Args:
        text: The user's last turn.
        system: What the model was told before.
        schema: The schema that the answer must fit; None for none.
        json: Whether the answer is JSON in any case.
    """
    asked = split_request(text)
    if system and asked.material == asked.instruction:
        asked = Asked(system, asked.material)
    if schema is None and not json:
        return plain_answer(asked)
    return orjson.dumps(fitting(schema or FREE_JSON, asked)).decode()


def tokens(text: str) -> int:
    """How many tokens a text is taken for."""
    return -(-len(text) // TOKEN)


def joined(content: Any, kinds: Iterable[str]) -> str:
    """The text of a message: its content, or the texts of its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    known = tuple(kinds)
    return "\n".join(
        each["text"] if each.get("type") in known and isinstance(each.get("text"), str) else "(a file)"
        for each in parts
        if isinstance(each, dict)
    )
