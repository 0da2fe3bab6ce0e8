"""The storage size of a document, by the published formula.

https://docs.cloud.google.com/firestore/docs/storage-size
"""

from typing import Any

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.ordering import is_vector
from gemchain.emulators.firestore.refusals import invalid

__all__ = ["check_size", "document_size", "name_size"]

_NAME_OVERHEAD = 16
_DOCUMENT_OVERHEAD = 32

# The empty map is the value that grows most from wire to storage: 4 bytes with its frame become 32.
_GROWTH = 8
_SURELY_SMALL = limits.DOCUMENT_BYTES // _GROWTH - 2 * limits.NAME_BYTES


def check_size(document: Message) -> None:
    """Refuse a document above 1 MiB.

    Raises:
        Refusal: INVALID_ARGUMENT naming the document and its size.
    """
    if document.ByteSize() < _SURELY_SMALL:
        return
    size = document_size(document)
    if size > limits.DOCUMENT_BYTES:
        raise invalid(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) "
            f"exceeds the maximum allowed size of {limits.DOCUMENT_BYTES:,} bytes."
        )


def document_size(document: Message) -> int:
    """Bytes the document occupies: its name, its fields, and 32."""
    return name_size(document.name) + _fields_size(document.fields)


def name_size(name: str) -> int:
    """Bytes of a document name: every id below `documents` as a string, and 16."""
    relative = name.partition("/documents/")[2]
    return sum(_string_size(segment) for segment in relative.split("/")) + _NAME_OVERHEAD


def _string_size(text: str) -> int:
    return len(text.encode()) + 1


def _fields_size(fields: Message) -> int:
    return sum(_string_size(name) + _value_size(fields[name]) for name in fields) + _DOCUMENT_OVERHEAD


def _value_size(value: Message) -> int:
    size: int = _SIZES[value.WhichOneof("value_type")](value)
    return size


def _map_size(value: Message) -> int:
    if is_vector(value):
        return 8 * len(value.map_value.fields["value"].array_value.values)
    return _fields_size(value.map_value.fields)


_SIZES: dict[str | None, Any] = {
    "null_value": lambda _: 1,
    "boolean_value": lambda _: 1,
    "integer_value": lambda _: 8,
    "double_value": lambda _: 8,
    "timestamp_value": lambda _: 8,
    "string_value": lambda value: _string_size(value.string_value),
    "bytes_value": lambda value: len(value.bytes_value),
    "reference_value": lambda value: name_size(value.reference_value),
    "geo_point_value": lambda _: 16,
    "array_value": lambda value: sum(_value_size(item) for item in value.array_value.values),
    "map_value": _map_size,
}
