"""Whether a value comes back from JSON as it was: only plain data does.

Plain are dicts with texts as keys, lists, texts, numbers, booleans and None; no subclass of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

__all__ = ["SCALARS", "first_change", "how_it_changes", "with_article"]

SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_KEYS = frozenset({str})

DEEPEST = 300
"""Levels that are looked at; JSON text does not go deeper."""

_INSTEAD = {
    "datetime": "pass {0}.isoformat() and read it with datetime.fromisoformat()",
    "date": "pass {0}.isoformat() and read it with date.fromisoformat()",
    "time": "pass {0}.isoformat() and read it with time.fromisoformat()",
    "timedelta": "pass {0}.total_seconds() and read it with timedelta(seconds=...)",
    "UUID": "pass str({0}) and read it with UUID()",
    "Decimal": "pass str({0}) and read it with Decimal()",
    "set": "pass sorted({0}), a list, and read it with set()",
    "frozenset": "pass sorted({0}), a list, and read it with frozenset()",
    "tuple": "pass list({0})",
    "PosixPath": "pass str({0}) and read it with Path()",
    "WindowsPath": "pass str({0}) and read it with Path()",
    "bytes": "pass base64.b64encode({0}).decode() and read it with base64.b64decode()",
}
"""What to pass instead of a value of these types."""


def first_change(values: Mapping[Any, Any], where: str, *, tuples: bool = False) -> str | None:
    """What is said against the first of these values that would not come back as it was.

    Args:
        values: By their names.
        where: How to write a value's place, with `{}` for its name as Python writes it.
        tuples: Whether tuples come back as tuples.
    """
    for name, value in values.items():
        if type(value) not in SCALARS:
            words = how_it_changes(value, where.format(repr(name)), tuples=tuples)
            if words is not None:
                return words
    return None


def how_it_changes(value: Any, place: str, *, tuples: bool = False, depth: int = 0) -> str | None:
    """What is said against a value that would not come back as it was; None when it would.

    Args:
        value: Anything.
        place: How to call the value.
        tuples: Whether tuples come back as tuples.
        depth: How many levels lie around it.
    """
    kind = type(value)
    if kind in SCALARS or depth > DEEPEST:
        return None
    if kind is dict:
        return _in_dict(value, place, tuples=tuples, depth=depth)
    if kind is list or (kind is tuple and tuples):
        return _in_list(value, place, tuples=tuples, depth=depth)
    return f"{place} is {with_article(kind)}, which would not come back as it is: {_instead(value, place)}"


def _in_list(values: Sequence[Any], place: str, *, tuples: bool, depth: int) -> str | None:
    if SCALARS.issuperset(map(type, values)):
        return None
    found = (
        how_it_changes(each, f"{place}[{index}]", tuples=tuples, depth=depth + 1)
        for index, each in enumerate(values)
        if type(each) not in SCALARS
    )
    return next(filter(None, found), None)


def _in_dict(values: Mapping[Any, Any], place: str, *, tuples: bool, depth: int) -> str | None:
    if not _KEYS.issuperset(map(type, values)):
        key = next(each for each in values if type(each) is not str)
        return (
            f"{place} has the key {key!r}, {with_article(type(key))}; a key would come back as a text: "
            "pass str(key) and convert it in the function"
        )
    if SCALARS.issuperset(map(type, values.values())):
        return None
    found = (
        how_it_changes(each, f"{place}[{name!r}]", tuples=tuples, depth=depth + 1)
        for name, each in values.items()
        if type(each) not in SCALARS
    )
    return next(filter(None, found), None)


def with_article(kind: type) -> str:
    """The name of a type, as `an int`."""
    article = "an" if kind.__name__[0].lower() in "aeio" else "a"
    return f"{article} {kind.__name__}"


def _instead(value: Any, place: str) -> str:
    kind = type(value)
    if kind.__name__ in _INSTEAD:
        return _INSTEAD[kind.__name__].format(place)
    if isinstance(value, Enum):
        return f"pass {place}.name and read it with {kind.__name__}[...]"
    if is_dataclass(value):
        return f"pass dataclasses.asdict({place}) and read it with {kind.__name__}(**...)"
    if callable(getattr(value, "model_dump", None)):
        return f"pass {place}.model_dump(mode='json') and read it with {kind.__name__}.model_validate()"
    base = next((each for each in (dict, list, tuple, str, int, float) if isinstance(value, each)), None)
    if base is not None:
        return f"pass {'list' if base is tuple else base.__name__}({place})"
    return "pass a text, a number, a boolean, None, a list, or a dict with texts as keys"
