"""Checks of fields that were read from a store.

Others may write there, and one damaged record must not stop a reader of a thousand.
What is missing, or of another type than it must be, is named in words. A prompt keeps them in `damage`; any
other record is refused with a `DamagedError`.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from gemchain.errors import DamagedError
from gemchain.records.batch import Batch, OutputFile, Part, RowCounts
from gemchain.records.chain import Chain
from gemchain.records.failure import Failure
from gemchain.records.prompt import AnswerRef, Progress, Prompt
from gemchain.records.states import PromptState
from gemchain.records.usage import Usage

__all__ = [
    "UNREADABLE",
    "Unreadable",
    "answer_of",
    "file_of",
    "made",
    "note_damage",
    "object_of",
    "prompt_of",
    "record_of",
    "tuple_of",
    "usage_of",
]

log = logging.getLogger("gemchain")

UNREADABLE = (
    *(TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError),
    DamagedError,
)
"""What reading a record raises that gemchain has not written so."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**62
"""Below the largest number that a store takes: what is counted up must not pass it."""

_LAST = datetime(9000, 1, 1, tzinfo=UTC)
"""Room is left for what is added to a time."""


R = TypeVar("R", Batch, Chain, Part)
T = TypeVar("T", Failure, Batch, Chain, Part)
N = TypeVar("N", RowCounts, Usage)
L = TypeVar("L", AnswerRef, OutputFile)
_NEUTRAL: Mapping[Any, Any] = {str: "", int: 0, datetime: _EPOCH}


def prompt_of(asked: Mapping[str, Any], standing: Mapping[str, Any], version: int) -> Prompt:
    """The prompt that fields describe, as far as they do.

    What is missing, or of another type than it must be, gets a neutral value, and the prompt's `damage`
    names it. Without a readable state it stands as PARKED, where the engine leaves it alone.

    Args:
        asked: The fields of the prompt itself.
        standing: The fields of its progress.
        version: The store's own mark, which only the store writes.
    """
    about, flaws = _sound(Prompt, asked, leave=("progress", "version", "damage"))
    progress, more = _sound(Progress, standing)
    if "state" not in standing or type(standing["state"]) is not PromptState:
        progress["state"] = PromptState.PARKED
    damage = "; ".join([*flaws, *more]) or None
    return Prompt(**about, progress=Progress(**progress), version=version, damage=damage)


def usage_of(amounts: Mapping[str, Any]) -> Usage:
    """The usage of these amounts.

    Raises:
        DamagedError: One is no amount.
    """
    return tuple_of(Usage, amounts)


def answer_of(values: Sequence[Any]) -> AnswerRef:
    """The place that address, generation, offset and length describe.

    Raises:
        DamagedError: They describe none.
    """
    return _located(AnswerRef, values, "address, generation, offset and length of a line")


def record_of(kind: type[R], values: Mapping[str, Any]) -> R:
    """The record that fields describe.

    Raises:
        DamagedError: Something is missing, or of another type than it must be.
    """
    return made(kind, values)


class Unreadable:
    """Stands for a value that cannot be read.

    Attributes:
        why: In words.
    """

    def __init__(self, why: str) -> None:
        self.why = why


def note_damage(kind: str, record_id: Any, error: Exception) -> None:
    """Say once in a process that a record is passed over."""
    _say_once(kind, repr(record_id)[:80], repr(str(error))[:500])


@lru_cache(maxsize=1024)
def _say_once(kind: str, record_id: str, why: str) -> None:
    log.warning(
        "%s %s is passed over, since its record makes no sense: %s; mend or delete it", kind, record_id, why
    )


def made(kind: type[T], values: Mapping[str, Any]) -> T:
    """The record that fields describe; see `record_of`."""
    kept, flaws = _sound(kind, values)
    if flaws:
        raise DamagedError("; ".join(flaws))
    return kind(**kept)


def _sound(
    kind: type[Any], values: Mapping[str, Any], leave: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The values that a record's fields can take, and what is wrong with the others."""
    kept: dict[str, Any] = {}
    flaws = []
    for name, kinds, needed in _wanted(kind):
        if name in leave:
            continue
        value = values.get(name, MISSING)
        if value is not MISSING and _fits(value, kinds):
            kept[name] = value
            continue
        if value is not MISSING:
            flaws.append(f"{name!r} cannot be {_kind_of(value)}")
        elif needed:
            flaws.append(f"{name!r} is missing")
        if needed:
            kept[name] = _NEUTRAL.get(kinds[0])
    return kept, flaws


_Wanted = tuple[tuple[str, tuple[Any, ...], bool], ...]
_known_wants: dict[type[Any], _Wanted] = {}


def _wanted(kind: type[Any]) -> _Wanted:
    """Name and types of each field, and whether it has no default."""
    if kind not in _known_wants:
        _known_wants[kind] = tuple(
            (each.name, _kinds(each.type), each.default is MISSING and each.default_factory is MISSING)
            for each in fields(kind)
        )
    return _known_wants[kind]


def _kinds(hint: Any) -> tuple[Any, ...]:
    found = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return tuple(get_origin(each) or each for each in found)


def _fits(value: Any, kinds: tuple[Any, ...]) -> bool:
    kind = type(value)
    if kind is float or (kind is int and int not in kinds):
        return float in kinds and math.isfinite(value)
    if kind not in kinds:
        return False
    if isinstance(value, int):
        return -_LARGEST < value < _LARGEST
    if kind is tuple:
        return all(isinstance(each, str | OutputFile) for each in value)
    return not isinstance(value, datetime) or (value.tzinfo is not None and value < _LAST)


def _kind_of(value: Any) -> str:
    if isinstance(value, Unreadable):
        return f"read: {value.why}"
    return f"the number {value!r}" if type(value) is float else f"a {type(value).__name__}"


def object_of(text: Any) -> dict[str, Any]:
    """The JSON object behind a text.

    Raises:
        DamagedError: It is something else.
    """
    read = json.loads(text)
    if type(read) is not dict:
        raise DamagedError(f"a {type(read).__name__} stands for an object")
    return read


def file_of(values: Any) -> OutputFile:
    """The file that address, generation and size describe.

    Raises:
        DamagedError: They describe none.
    """
    return _located(OutputFile, values, "address, generation and size of a file")


def _located(kind: type[L], values: Any, what: str) -> L:
    """An address, and numbers to go with it."""
    if type(values) is not list or len(values) != len(kind._fields):
        raise DamagedError(f"no {what}")
    uri, *numbers = values
    if type(uri) is not str or not all(type(each) is int and 0 <= each < 2**63 for each in numbers):
        raise DamagedError(f"no {what}")
    return kind(uri, *numbers)


def tuple_of(kind: type[N], values: Mapping[str, Any]) -> N:
    """The named tuple of these amounts.

    Raises:
        DamagedError: One is no amount.
    """
    for name, value in values.items():
        if type(value) is not int and (type(value) is not float or not math.isfinite(value)):
            raise DamagedError(f"{name!r} is no amount")
    return kind(**values)
