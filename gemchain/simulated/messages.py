"""What a simulated model reads in messages whose contents are texts or lists of blocks."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.simulated.answers import plain_answer
from gemchain.simulated.schemas import fitting
from gemchain.simulated.texts import Asked, split_request

__all__ = ["answer", "characters", "content_text"]


def content_text(content: Any) -> str:
    """The text of a content: as it is, or of all its blocks, one a line. Files are named by their kind."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(_block_text(block) for block in blocks if isinstance(block, dict))


def _block_text(block: Mapping[str, Any]) -> str:
    for name in ("text", "content"):
        if isinstance(block.get(name), str):
            return str(block[name])
    return f"({block.get('type', 'a file')})"


def answer(messages: Any, system: str, schema: Mapping[str, Any] | None) -> str:
    """Answer the last message of the user: in a few sentences, or as JSON that fits a schema."""
    asked = split_request(_last_of(messages, "user"))
    if system and asked.material == asked.instruction:
        asked = Asked(system, asked.material)  # the instruction stands apart, so all of the turn is material
    return plain_answer(asked) if schema is None else orjson.dumps(fitting(schema, asked)).decode()


def characters(messages: Any) -> int:
    """Characters of all texts."""
    found = messages if isinstance(messages, list) else []
    return sum(len(content_text(each.get("content"))) for each in found if isinstance(each, dict))


def _last_of(messages: Any, role: str) -> str:
    found = messages if isinstance(messages, list) else []
    contents = [each.get("content") for each in found if isinstance(each, dict) and each.get("role") == role]
    return content_text(contents[-1]) if contents else ""
