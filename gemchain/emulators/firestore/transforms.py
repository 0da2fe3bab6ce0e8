"""Field transforms: what a write asks the server to compute.

https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#fieldtransform
"""

from collections.abc import Callable

from gemchain.emulators.firestore.messages import Message, Value
from gemchain.emulators.firestore.ordering import SortKey, sort_key
from gemchain.emulators.firestore.paths import writable_path
from gemchain.emulators.firestore.refusals import invalid
from gemchain.emulators.firestore.times import fill
from gemchain.emulators.firestore.values import lookup, place

__all__ = ["apply_transform"]

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def apply_transform(fields: Message, transform: Message, commit_us: int) -> Message:
    """Apply one transform to the fields of a document.

    Returns:
        The transform result: the new value, or null for the two array transforms.

    Raises:
        Refusal: INVALID_ARGUMENT: the transform or its operand is malformed.
    """
    kind = transform.WhichOneof("transform_type")
    if kind is None:
        raise invalid("A field transform has no transformation.")
    path = writable_path(transform.field_path)
    value = _COMPUTE[kind](lookup(fields, path), transform, commit_us)
    place(fields, path, value)
    return Value(null_value=0) if value.WhichOneof("value_type") == "array_value" else value


def _request_time(_: Message | None, transform: Message, commit_us: int) -> Message:
    if transform.set_to_server_value != 1:
        raise invalid("A field transform names no server value.")
    value = Value()
    # Documented: REQUEST_TIME has millisecond precision.
    fill(value.timestamp_value, commit_us - commit_us % 1_000)
    return value


def _operand(current: Message | None, given: Message) -> Message | None:
    if not _is_number(given):
        raise invalid("The operand of increment, maximum and minimum must be an integer or a double.")
    return current if current is not None and _is_number(current) else None


def _is_number(value: Message) -> bool:
    return value.WhichOneof("value_type") in {"integer_value", "double_value"}


def _increment(current: Message | None, transform: Message, _: int) -> Message:
    given = transform.increment
    stored = _operand(current, given)
    if stored is None:
        return Value.FromString(given.SerializeToString())
    if stored.WhichOneof("value_type") == given.WhichOneof("value_type") == "integer_value":
        total = stored.integer_value + given.integer_value
        return Value(integer_value=max(_SMALLEST, min(_LARGEST, total)))
    return Value(double_value=float(_number(stored)) + float(_number(given)))


def _number(value: Message) -> float:
    kind = value.WhichOneof("value_type")
    number: float = value.integer_value if kind == "integer_value" else value.double_value
    return number


def _extreme(given: Message, current: Message | None, wins: Callable[[float, float], bool]) -> Message:
    stored = _operand(current, given)
    if stored is None:
        return Value.FromString(given.SerializeToString())
    old, new = _number(stored), _number(given)
    # Equal operands keep the stored one, whichever type it has; NaN beats every number.
    chosen = given if wins(new, old) or (new != new and old == old) else stored  # noqa: PLR0124
    return Value.FromString(chosen.SerializeToString())


def _maximum(current: Message | None, transform: Message, _: int) -> Message:
    return _extreme(transform.maximum, current, lambda new, old: new > old)


def _minimum(current: Message | None, transform: Message, _: int) -> Message:
    return _extreme(transform.minimum, current, lambda new, old: new < old)


def _array(current: Message | None) -> Message:
    value = Value()
    value.array_value.SetInParent()
    if current is not None and current.WhichOneof("value_type") == "array_value":
        value.array_value.CopyFrom(current.array_value)
    return value


def _append(current: Message | None, transform: Message, _: int) -> Message:
    value = _array(current)
    items = value.array_value.values
    present: set[SortKey] = {sort_key(item) for item in items}
    for item in transform.append_missing_elements.values:
        key = sort_key(item)
        if key not in present:
            present.add(key)
            items.add().CopyFrom(item)
    return value


def _remove(current: Message | None, transform: Message, _: int) -> Message:
    unwanted = {sort_key(item) for item in transform.remove_all_from_array.values}
    old = _array(current)
    value = _array(None)
    value.array_value.values.extend(item for item in old.array_value.values if sort_key(item) not in unwanted)
    return value


_COMPUTE: dict[str, Callable[[Message | None, Message, int], Message]] = {
    "set_to_server_value": _request_time,
    "increment": _increment,
    "maximum": _maximum,
    "minimum": _minimum,
    "append_missing_elements": _append,
    "remove_all_from_array": _remove,
}
