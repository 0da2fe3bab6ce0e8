"""Plain values as Firestore values and back, and times as versions.

A field that is None is not in the document at all. Times are Firestore timestamps, so that the
console shows them as times; all of them are whole microseconds, as the service keeps them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gemchain.records.codec import from_micros, to_micros
from gemchain.stores.firestore.client.messages import Message, Timestamp

__all__ = [
    "Fields",
    "chain_version",
    "fields_of",
    "fill",
    "plain",
    "put",
    "quoted",
    "timestamp_of",
    "version_of",
    "with_chain",
]

Fields = Mapping[str, Any]
"""A document's content: text, numbers, flags, times, lists of text, and mappings of those."""

_MILLION = 1_000_000
_CHAIN = 64


def fill(target: Message, fields: Fields) -> None:
    """Put fields into the map of a document or of a map value."""
    for name, value in fields.items():
        if value is not None:
            put(target[name], value)


def put(slot: Message, value: Any) -> None:
    """Put one value into a Firestore value."""
    if isinstance(value, str):
        slot.string_value = value
    elif isinstance(value, bool):
        slot.boolean_value = value
    elif isinstance(value, int):
        slot.integer_value = value
    elif isinstance(value, float):
        slot.double_value = value
    elif isinstance(value, datetime):
        micros = to_micros(value) or 0
        slot.timestamp_value.seconds, rest = divmod(micros, _MILLION)
        slot.timestamp_value.nanos = rest * 1_000
    elif isinstance(value, Mapping):
        slot.map_value.SetInParent()
        fill(slot.map_value.fields, value)
    else:
        slot.array_value.SetInParent()
        for each in value:
            put(slot.array_value.values.add(), each)


def fields_of(document: Message) -> dict[str, Any]:
    """What `fill` put into a document."""
    return {name: plain(value) for name, value in document.fields.items()}


def plain(value: Message) -> Any:
    """What `put` put into a value."""
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        at = value.timestamp_value
        return from_micros(version_of(at))
    if kind == "map_value":
        return {name: plain(each) for name, each in value.map_value.fields.items()}
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def version_of(at: Message) -> int:
    """A timestamp in microseconds since 1970: the version of the document that was written then.

    The service's times are whole microseconds, and a precondition takes no others:
    https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
    """
    return int(at.seconds) * _MILLION + int(at.nanos) // 1_000


def with_chain(version: int, chain_version: int) -> int:
    """The version of a prompt that also tells that of its chain's document; 0 where that is unknown."""
    return chain_version << _CHAIN | version


def chain_version(version: int) -> int:
    """The version of the chain's document in a prompt's version; 0 where it is unknown."""
    return version >> _CHAIN


def timestamp_of(version: int) -> Message:
    """The time of update behind a version."""
    seconds, micros = divmod(version & ((1 << _CHAIN) - 1), _MILLION)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def quoted(name: str) -> str:
    """A field's name as a path takes it, whatever characters it is made of.

    https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#document
    """
    if name.isidentifier() and name.isascii():
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
