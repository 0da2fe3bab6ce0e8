"""Fields of a document: checking them, and reading, setting and deleting by path."""

from collections.abc import Iterable

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.messages import Document, Message
from gemchain.emulators.firestore.ordering import is_vector
from gemchain.emulators.firestore.paths import NAME, FieldPath, check_field_name, field_path
from gemchain.emulators.firestore.refusals import invalid

__all__ = ["check_fields", "erase", "lookup", "masked", "place", "read_mask"]

_STORABLE_SCALARS = frozenset(
    {
        "null_value",
        "boolean_value",
        "integer_value",
        "double_value",
        "string_value",
        "bytes_value",
        "reference_value",
        "geo_point_value",
    }
)


def check_fields(fields: Message, depth: int = 0, top: str = "") -> None:
    """Check that fields may be stored, and round their timestamps down to microseconds.

    Args:
        fields: The `fields` map of a document or of a map value; changed in place.
        depth: How many maps and arrays enclose it.
        top: The top-level field it belongs to, for messages.

    Raises:
        Refusal: INVALID_ARGUMENT: a name or a value against the rules.
    """
    for name in fields:
        check_field_name(name)
        _check_value(fields[name], depth, top or name)


def _check_value(value: Message, depth: int, top: str) -> None:
    kind = value.WhichOneof("value_type")
    if kind in _STORABLE_SCALARS:
        return
    if kind == "timestamp_value":
        value.timestamp_value.nanos -= value.timestamp_value.nanos % 1_000
    elif kind == "map_value":
        _check_map(value, depth + 1, top)
    elif kind == "array_value":
        _check_array(value.array_value.values, depth + 1, top)
    else:
        raise invalid(f"Property {top} holds a value that cannot be stored: {kind or 'no type is set'}.")


def _check_map(value: Message, depth: int, top: str) -> None:
    _check_depth(depth, top)
    if not is_vector(value):
        check_fields(value.map_value.fields, depth, top)


def _check_array(values: Iterable[Message], depth: int, top: str) -> None:
    _check_depth(depth, top)
    for item in values:
        if item.WhichOneof("value_type") == "array_value":
            raise invalid("Property array contains an invalid nested entity.")
        _check_value(item, depth, top)


def _check_depth(depth: int, top: str) -> None:
    if depth > limits.VALUE_DEPTH:
        raise invalid(f"Property {top} contains an invalid nested entity.")


def lookup(fields: Message, path: FieldPath) -> Message | None:
    """The value at `path`, or None where a name is missing or an inner value is no map."""
    value = None
    for name in path:
        if value is not None:
            if value.WhichOneof("value_type") != "map_value":
                return None
            fields = value.map_value.fields
        # A protobuf map creates what it is asked for, so ask whether it is there first.
        if name not in fields:
            return None
        value = fields[name]
    return value


def place(fields: Message, path: FieldPath, value: Message) -> None:
    """Set the value at `path`; maps on the way are made, and replace anything that is no map."""
    for name in path[:-1]:
        inner = fields[name]
        if inner.WhichOneof("value_type") != "map_value":
            inner.map_value.SetInParent()
        fields = inner.map_value.fields
    fields[path[-1]].CopyFrom(value)


def erase(fields: Message, path: FieldPath) -> None:
    """Delete the value at `path`, if there is one; maps on the way stay, even empty."""
    for name in path[:-1]:
        if name not in fields or fields[name].WhichOneof("value_type") != "map_value":
            return
        fields = fields[name].map_value.fields
    if path[-1] in fields:
        del fields[path[-1]]


def read_mask(paths: Iterable[str]) -> list[FieldPath]:
    """Parse the mask of a read.

    Raises:
        Refusal: INVALID_ARGUMENT: a path is malformed.
    """
    return [path for path in map(field_path, paths) if path != NAME]


def masked(document: Message, mask: list[FieldPath] | None) -> Message:
    """The document with only the fields of the mask; all of them when there is no mask."""
    if mask is None:
        return document
    thin = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in mask:
        value = lookup(document.fields, path)
        if value is not None:
            place(thin.fields, path, value)
    return thin
