"""The spelling of record fields in a store: times as whole microseconds, small records as JSON text.

Shared by the stores, so that a value written through one reads the same through another. Text is
pure ASCII: a traceback may carry half a surrogate pair, which neither SQLite nor Firestore takes.

What comes out of a store is not trusted: others may write there. A record that makes no sense must not
stop whoever reads it together with a thousand others.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from gemchain.errors import DamagedError
from gemchain.records import (
    AnswerRef,
    Batch,
    Chain,
    Failure,
    OutputFile,
    Part,
    Progress,
    Prompt,
    RowCounts,
    Usage,
)
from gemchain.records.states import PromptState

__all__ = [
    "UNREADABLE",
    "Unreadable",
    "answer_of",
    "counts_from_text",
    "counts_to_text",
    "failure_from_text",
    "failure_to_text",
    "file_from_text",
    "file_to_text",
    "files_from_text",
    "files_to_text",
    "from_micros",
    "note_damage",
    "prompt_of",
    "record_of",
    "to_micros",
    "usage_from_text",
    "usage_of",
    "usage_to_text",
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
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime | None) -> int | None:
    """Microseconds since 1970 in UTC, without loss; None stays None.

    Raises:
        TypeError: The time is not aware of its zone.
    """
    return None if at is None else (at - _EPOCH) // _MICROSECOND


# Prompts of one commit or one claim share their times.
@lru_cache(maxsize=4096)
def from_micros(micros: int | None) -> datetime | None:
    """The UTC-aware time of so many microseconds since 1970; None stays None."""
    return None if micros is None else _EPOCH + micros * _MICROSECOND


def failure_to_text(failure: Failure | None) -> str | None:
    """JSON object of a failure."""
    if failure is None:
        return None
    fields = {"reason": failure.reason, "message": failure.message, "retryable": failure.retryable}
    return json.dumps(fields | _given(failure, "traceback", "error"))


def _given(failure: Failure, *names: str) -> dict[str, Any]:
    values = {name: getattr(failure, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def failure_from_text(text: str | None) -> Failure | None:
    """The failure behind the text of `failure_to_text`."""
    return None if text is None else _made(Failure, _object(text))


def file_to_text(file: OutputFile) -> str:
    """JSON array of a file's address, generation and size."""
    return json.dumps(file)


def file_from_text(text: str) -> OutputFile:
    """The file behind the text of `file_to_text`."""
    return _file(json.loads(text))


def files_to_text(files: Sequence[OutputFile]) -> str:
    """JSON array of files."""
    return json.dumps(files)


def files_from_text(text: str) -> tuple[OutputFile, ...]:
    """The files behind the text of `files_to_text`."""
    return tuple(map(_file, json.loads(text)))


def counts_to_text(counts: RowCounts) -> str:
    """JSON object of the counts that are not 0."""
    return json.dumps({name: count for name, count in counts._asdict().items() if count})


def counts_from_text(text: str) -> RowCounts:
    """The counts behind the text of `counts_to_text`."""
    return _tuple_of(RowCounts, _object(text))


def usage_to_text(usage: Usage) -> str:
    """JSON object of the amounts that are not 0."""
    return json.dumps({name: amount for name, amount in usage._asdict().items() if amount})


def usage_from_text(text: str) -> Usage:
    """The usage behind the text of `usage_to_text`."""
    return usage_of(_object(text))


# Records that others may have written

R = TypeVar("R", Batch, Chain, Part)
T = TypeVar("T", Failure, Batch, Chain, Part)
N = TypeVar("N", RowCounts, Usage)
L = TypeVar("L", AnswerRef, OutputFile)
_NEUTRAL: Mapping[Any, Any] = {str: "", int: 0, datetime: _EPOCH}


def prompt_of(asked: Mapping[str, Any], standing: Mapping[str, Any], version: int) -> Prompt:
    """The prompt that fields describe, as far as they do.

    What is missing, or of another type than it must be, gets a neutral value, and the prompt's `damage`
    names it. Without a readable state it stands as PARKED, where nobody carries it on.

    Args:
        asked: The fields of the prompt itself.
        standing: The fields of its progress.
        version: The store's own mark, which nobody else writes.
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
    return _tuple_of(Usage, amounts)


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
    return _made(kind, values)


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


def _made(kind: type[T], values: Mapping[str, Any]) -> T:
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


def _object(text: Any) -> dict[str, Any]:
    read = json.loads(text)
    if type(read) is not dict:
        raise DamagedError(f"a {type(read).__name__} stands for an object")
    return read


def _file(values: Any) -> OutputFile:
    return _located(OutputFile, values, "address, generation and size of a file")


def _located(kind: type[L], values: Any, what: str) -> L:
    """An address, and numbers to go with it."""
    if type(values) is not list or len(values) != len(kind._fields):
        raise DamagedError(f"no {what}")
    uri, *numbers = values
    if type(uri) is not str or not all(type(each) is int and 0 <= each < 2**63 for each in numbers):
        raise DamagedError(f"no {what}")
    return kind(uri, *numbers)


def _tuple_of(kind: type[N], values: Mapping[str, Any]) -> N:
    for name, value in values.items():
        if type(value) is not int and (type(value) is not float or not math.isfinite(value)):
            raise DamagedError(f"{name!r} is no amount")
    return kind(**values)
