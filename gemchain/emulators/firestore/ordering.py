"""The order of values across all types, as sort keys.

Two values are equal for Firestore exactly when their keys are equal, and one sorts before the other
exactly when its key does. https://docs.cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
"""

from typing import Any, TypeAlias

from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.paths import NameKey, name_key
from gemchain.emulators.firestore.refusals import invalid
from gemchain.emulators.firestore.times import micros

__all__ = ["NAN", "NULL", "TOP", "SortKey", "is_vector", "reference_key", "sort_key"]

SortKey: TypeAlias = tuple[Any, ...]
"""Begins with the rank of the type; what follows compares within the type."""

_NULL, _BOOLEAN, _NUMBER, _TIMESTAMP, _STRING, _BYTES, _REFERENCE, _GEO, _ARRAY, _VECTOR, _MAP = range(11)

NULL: SortKey = (_NULL,)
NAN: SortKey = (_NUMBER, 0)
"""Before every other number, and equal to itself."""


class _Top:
    """Sorts after everything: the upper end of a range of keys."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


TOP: Any = _Top()


def sort_key(value: Message) -> SortKey:
    """The key of one value.

    Raises:
        Refusal: INVALID_ARGUMENT for an empty value or an expression of a pipeline.
    """
    kind = value.WhichOneof("value_type")
    make = _MAKERS.get(kind)
    if make is None:
        raise invalid(f"A value of type {kind or 'unset'} cannot be compared.")
    key: SortKey = make(value)
    return key


def is_vector(value: Message) -> bool:
    """Whether a value is a vector embedding, which travels as a map with a marker."""
    if value.WhichOneof("value_type") != "map_value" or len(value.map_value.fields) != 2:  # noqa: PLR2004
        return False
    fields = value.map_value.fields
    return "__type__" in fields and fields["__type__"].string_value == "__vector__" and "value" in fields


def reference_key(reference: str) -> NameKey:
    """The key of a reference value: path element by path element."""
    return name_key(tuple(reference.split("/")))


def _number(value: float) -> SortKey:
    # Python compares int with float exactly, as Firestore does, and 0, 0.0 and -0.0 are one zero.
    return (_NUMBER, 1, value) if value == value else NAN  # noqa: PLR0124


def _map(value: Message) -> SortKey:
    fields = value.map_value.fields
    if is_vector(value):
        numbers = tuple(sort_key(number) for number in fields["value"].array_value.values)
        return (_VECTOR, len(numbers), numbers)
    return (_MAP, tuple((name, sort_key(fields[name])) for name in sorted(fields)))


_MAKERS: dict[str | None, Any] = {
    "null_value": lambda _: NULL,
    "boolean_value": lambda value: (_BOOLEAN, value.boolean_value),
    "integer_value": lambda value: (_NUMBER, 1, value.integer_value),
    "double_value": lambda value: _number(value.double_value),
    "timestamp_value": lambda value: (_TIMESTAMP, micros(value.timestamp_value)),
    # Code points sort as their UTF-8 bytes do, so Python's own comparison is the documented one.
    "string_value": lambda value: (_STRING, value.string_value),
    "bytes_value": lambda value: (_BYTES, value.bytes_value),
    "reference_value": lambda value: (_REFERENCE, reference_key(value.reference_value)),
    "geo_point_value": lambda value: (_GEO, value.geo_point_value.latitude, value.geo_point_value.longitude),
    "array_value": lambda value: (_ARRAY, tuple(sort_key(item) for item in value.array_value.values)),
    "map_value": _map,
}
