"""Tables of settings: what each one takes, and the check of a request's settings against such a table."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gemchain.errors import RequestError
from gemchain.formats.json_schema import check_schema

__all__ = ["Kind", "Names", "check_fields", "check_value"]


class Kind(NamedTuple):
    """What a setting takes.

    Attributes:
        name: `number`, `integer`, `text`, `boolean`, `texts`, `object`, `objects`, `schema` (of Gemini's own
            form), `json_schema`, `text_or_object`, `text_or_objects`, `text_or_texts`, `any`.
        low: The least number.
        high: The largest number.
        fields: For `object` and `objects`, the fields inside; None leaves them unchecked.
    """

    name: str
    low: float | None = None
    high: float | None = None
    fields: "Mapping[str, Kind] | None" = None


def _same(name: str) -> str:
    return name


def _none(name: str) -> bool:
    del name
    return False


class Names(NamedTuple):
    """How a provider spells the names of settings.

    Attributes:
        top: What the outermost object is called in messages.
        spelled: The spelling that the table has.
        newer: Whether a name at the top is known, though the table does not have it.
        others: Where all names at the top can be read, for the message.
    """

    top: str
    spelled: Callable[[str], str] = _same
    newer: Callable[[str], bool] = _none
    others: str = ""


def check_fields(value: Any, fields: Mapping[str, Kind] | None, place: str, names: Names) -> None:
    """Refuse an object that has an unknown field, or a field whose value is of a wrong kind or out of range.

    Args:
        value: What stands at the place.
        fields: The fields that there are; None leaves them unchecked.
        place: How to call it.
        names: How names are spelled.

    Raises:
        RequestError: The message says where, and which name may have been meant.
    """
    if not isinstance(value, dict):
        raise RequestError(f"{place} is an object, not {value!r}")
    if fields is None:
        return
    for name, inner in value.items():
        kind = fields.get(names.spelled(name))
        if kind is not None:
            check_value(inner, kind, f"{place}.{name}", names)
        elif not (place == names.top and names.newer(names.spelled(name))):
            raise RequestError(_unknown(name, fields, place, names))


def _unknown(name: str, fields: Mapping[str, Kind], place: str, names: Names) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    near = get_close_matches(names.spelled(name), fields, n=3)
    if near:
        return f"{place} has no field {name!r}; did you mean {' or '.join(map(repr, near))}?"
    if place != names.top or not names.others:
        return f"{place} has no field {name!r}; there are {', '.join(sorted(fields))}"
    return f"{place} has no field {name!r}; {names.others}"


_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "text": "a text",
    "boolean": "true or false",
    "texts": "a list of texts",
    "objects": "a list of objects",
    "text_or_object": "a text or an object",
    "text_or_objects": "a text or a list of objects",
    "text_or_texts": "a text or a list of texts",
}


def check_value(value: Any, kind: Kind, place: str, names: Names) -> None:
    """Refuse a value of a wrong kind or out of range; None counts as not set.

    Raises:
        RequestError: The message says where.
    """
    if value is None or kind.name == "any":
        return
    if kind.name in ("schema", "json_schema"):
        check_schema(value, place, gemini=kind.name == "schema")
    elif kind.name == "object" or (kind.name == "text_or_object" and not isinstance(value, str)):
        check_fields(value, kind.fields, place, names)
    elif not _fits(value, kind.name):
        raise RequestError(f"{place} takes {_WORDS[kind.name]}, not {value!r}")
    elif isinstance(value, list) and kind.name in ("objects", "text_or_objects"):
        for index, each in enumerate(value):
            check_fields(each, kind.fields, f"{place}[{index}]", names)
    elif (kind.low is not None and value < kind.low) or (kind.high is not None and value > kind.high):
        limits = f"at least {kind.low}" if kind.high is None else f"from {kind.low} to {kind.high}"
        raise RequestError(f"{place} takes {_WORDS[kind.name]} {limits}, not {value!r}")


def _fits(value: Any, name: str) -> bool:
    if name == "text_or_texts" and isinstance(value, str):
        return True
    if name in ("texts", "text_or_texts"):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, _TYPES.get(name, str)) and (name == "boolean" or not isinstance(value, bool))


_TYPES: dict[str, Any] = {
    "number": int | float,
    "integer": int,
    "boolean": bool,
    "objects": list,
    "text_or_objects": str | list,
}
