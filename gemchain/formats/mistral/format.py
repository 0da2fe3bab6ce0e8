"""Chat completions of Mistral: what is its own.

https://docs.mistral.ai/api/#tag/chat/operation/chat_completion_v1_chat_completions_post
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from gemchain.formats.file_content import IMAGES, PDF, as_text, is_text, refused
from gemchain.formats.mistral.settings_table import MISTRAL as SETTINGS
from gemchain.formats.openai_chat.chat_format import ChatFormat
from gemchain.formats.openai_chat.check import address_problem
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.openai_chat.files import data_url
from gemchain.ports import FileContent

__all__ = ["MISTRAL"]

SERVICE = "Mistral"

_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}\Z")

_FIELDS = {
    "image_url": "image_url",
    "document_url": "document_url",
    "file": "file_id",
    "input_audio": "input_audio",
    "reference": "reference_ids",
    "thinking": "thinking",
    "resource": "uri",
    "resource_link": "uri",
}
"""The parts of a message that are no texts, and the field that each needs."""


def file_part(file: FileContent) -> dict[str, Any]:
    """The part that carries a file to Mistral.

    Raises:
        RequestError: It does not read files of this kind, or not from there.
    """
    if file.mime_type in IMAGES:
        return {"type": "image_url", "image_url": data_url(file, SERVICE)}
    if file.mime_type == PDF:
        return {"type": "document_url", "document_url": data_url(file, SERVICE)}
    if is_text(file.mime_type):
        return {"type": "text", "text": as_text(file, SERVICE)}
    raise refused(file, SERVICE)


def part_problem(part: Mapping[str, Any]) -> str | None:
    """What Mistral says against a part that is no text; None where nothing is wrong."""
    kind = part["type"]
    if kind not in _FIELDS:
        return f"there is no part of type {kind!r}; there are 'text', {', '.join(map(repr, _FIELDS))}"
    found = part.get(_FIELDS[kind])
    if not found:
        return f"a part of type {kind!r} has nothing in {_FIELDS[kind]!r}"
    if kind not in ("image_url", "document_url"):
        return None
    address = found.get("url") if isinstance(found, dict) else found
    if not isinstance(address, str):
        return f"a part of type {kind!r} has the address in {kind!r}, not {found!r:.80}"
    return address_problem(address, SERVICE)


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its objects closed, as Mistral's SDK sends it; strict where none is said to be open."""
    found, is_closed = _closed(dict(schema))
    return {"schema": found, "strict": is_closed}


DATA = frozenset({"default", "const", "enum", "examples"})
"""Keywords whose values are data of the user's own, and no schemas."""


def _closed(value: Any) -> tuple[Any, bool]:
    if isinstance(value, list):
        pairs = [_closed(each) for each in value]
        return [each for each, _ in pairs], all(closed for _, closed in pairs)
    if not isinstance(value, dict):
        return value, True
    inside = {name: (each, True) if name in DATA else _closed(each) for name, each in value.items()}
    found, closed = (
        {name: each for name, (each, _) in inside.items()},
        all(each for _, each in inside.values()),
    )
    if value.get("type") == "object":
        found.setdefault("additionalProperties", False)
        closed = closed and found["additionalProperties"] is False
    return found, closed


def call_id(given: str) -> str:
    """A call's name as Mistral takes it: nine letters and digits. One that is not is replaced by its hash."""
    if _CALL_ID.match(given):
        return given
    return blake2b(given.encode(), digest_size=5).hexdigest()[:9]


MISTRAL = ChatFormat(
    Dialect(
        name="mistral",
        service=SERVICE,
        limit="max_tokens",
        seed="random_seed",
        settings=SETTINGS,
        file_part=file_part,
        part_problem=part_problem,
        json_schema=json_schema,
        call_id=call_id,
        roles=("user", "assistant", "system", "tool"),
        ends_with_user=True,
    )
)
