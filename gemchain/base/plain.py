"""Whether a value comes back from JSON as it was: only plain data does.

Plain are dicts with texts as keys, lists, texts, numbers, booleans and None; no subclass of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, NamedTuple

__all__ = ["SCALARS", "Rules", "first_change", "how_it_changes", "with_article"]

SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_KEYS = frozenset({str})

DEEPEST = 300
"""Levels that are looked at; JSON text does not go deeper."""

_INSTEAD = {
    "datetime": "{0}.isoformat() and read it with datetime.fromisoformat()",
    "date": "{0}.isoformat() and read it with date.fromisoformat()",
    "time": "{0}.isoformat() and read it with time.fromisoformat()",
    "timedelta": "{0}.total_seconds() and read it with timedelta(seconds=...)",
    "UUID": "str({0}) and read it with UUID()",
    "Decimal": "str({0}) and read it with Decimal()",
    "set": "sorted({0}), a list, and read it with set()",
    "frozenset": "sorted({0}), a list, and read it with frozenset()",
    "tuple": "list({0})",
    "PosixPath": "str({0}) and read it with Path()",
    "WindowsPath": "str({0}) and read it with Path()",
    "bytes": "base64.b64encode({0}).decode() and read it with base64.b64decode()",
    "Response": "{0}.text",
}
"""What to pass, or return, instead of a value of these types."""


class Rules(NamedTuple):
    """What is taken as it is, and what is said of the rest.

    Attributes:
        tuples: Whether tuples come back as tuples.
        as_data: Whether what becomes a list or a dict on purpose is taken: pydantic models, dataclasses,
            and a tuple that is the whole value.
        kept: Types whose values come back by other means than JSON.
        verb: What to do with what is said instead.
    """

    tuples: bool = False
    as_data: bool = False
    kept: tuple[type, ...] = ()
    verb: str = "pass"


PARAMS = Rules()


def first_change(values: Mapping[Any, Any], where: str) -> str | None:
    """What is said against the first of these values that would not come back as it was.

    Args:
        values: By their names.
        where: How to write a value's place, with `{}` for its name as Python writes it.
    """
    for name, value in values.items():
        if type(value) not in SCALARS:
            words = how_it_changes(value, where.format(repr(name)))
            if words is not None:
                return words
    return None


def how_it_changes(value: Any, place: str, rules: Rules = PARAMS, *, depth: int = 0) -> str | None:
    """What is said against a value that would not come back as it was; None when it would.

    Args:
        value: Anything.
        place: How to call the value.
        rules: What is taken.
        depth: How many levels lie around it.
    """
    kind = type(value)
    if kind in SCALARS or depth > DEEPEST:
        return None
    if kind is dict:
        return _in_dict(value, place, rules, depth=depth)
    if kind is list or (kind is tuple and (rules.tuples or (rules.as_data and depth == 0))):
        return _in_list(value, place, rules, depth=depth)
    if isinstance(value, rules.kept) or (rules.as_data and _is_data(value)):
        return None
    instead = f"{rules.verb} {_instead(value, place)}"
    return f"{place} is {with_article(kind)}, which would not come back as it is: {instead}"


def _is_data(value: Any) -> bool:
    """Whether it is a pydantic model or a dataclass."""
    return is_dataclass(value) or callable(getattr(value, "model_dump", None))


def _in_list(values: Sequence[Any], place: str, rules: Rules, *, depth: int) -> str | None:
    if SCALARS.issuperset(map(type, values)):
        return None
    found = (
        how_it_changes(each, f"{place}[{index}]", rules, depth=depth + 1)
        for index, each in enumerate(values)
        if type(each) not in SCALARS
    )
    return next(filter(None, found), None)


def _in_dict(values: Mapping[Any, Any], place: str, rules: Rules, *, depth: int) -> str | None:
    if not _KEYS.issuperset(map(type, values)):
        key = next(each for each in values if type(each) is not str)
        return (
            f"{place} has the key {key!r}, {with_article(type(key))}; a key would come back as a text: "
            f"{rules.verb} str(key) and convert it in the function"
        )
    if SCALARS.issuperset(map(type, values.values())):
        return None
    found = (
        how_it_changes(each, f"{place}[{name!r}]", rules, depth=depth + 1)
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
        return f"{place}.name and read it with {kind.__name__}[...]"
    if is_dataclass(value):
        return f"dataclasses.asdict({place}) and read it with {kind.__name__}(**...)"
    if callable(getattr(value, "model_dump", None)):
        return f"{place}.model_dump(mode='json') and read it with {kind.__name__}.model_validate()"
    base = next((each for each in (dict, list, tuple, str, int, float) if isinstance(value, each)), None)
    if base is not None:
        return f"{'list' if base is tuple else base.__name__}({place})"
    return "a text, a number, a boolean, None, a list, or a dict with texts as keys"
