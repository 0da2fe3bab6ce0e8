"""How record fields are written in a store: times as whole microseconds, small records as JSON text.

Shared by the stores, so that a value written through one reads the same through another. Text is pure ASCII:
a traceback may carry half a surrogate pair, which neither SQLite nor Firestore takes. What is read is
checked; see `damage.py`.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from gemchain.records.batch import OutputFile, RowCounts
from gemchain.records.damage import file_of, made, object_of, tuple_of, usage_of
from gemchain.records.failure import Failure
from gemchain.records.usage import Usage

__all__ = [
    "counts_from_text",
    "counts_to_text",
    "failure_from_text",
    "failure_to_text",
    "file_from_text",
    "file_to_text",
    "files_from_text",
    "files_to_text",
    "from_micros",
    "to_micros",
    "usage_from_text",
    "usage_to_text",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    return None if text is None else made(Failure, object_of(text))


def file_to_text(file: OutputFile) -> str:
    """JSON array of a file's address, generation and size."""
    return json.dumps(file)


def file_from_text(text: str) -> OutputFile:
    """The file behind the text of `file_to_text`."""
    return file_of(json.loads(text))


def files_to_text(files: Sequence[OutputFile]) -> str:
    """JSON array of files."""
    return json.dumps(files)


def files_from_text(text: str) -> tuple[OutputFile, ...]:
    """The files behind the text of `files_to_text`."""
    return tuple(map(file_of, json.loads(text)))


def counts_to_text(counts: RowCounts) -> str:
    """JSON object of the counts that are not 0."""
    return json.dumps({name: count for name, count in counts._asdict().items() if count})


def counts_from_text(text: str) -> RowCounts:
    """The counts behind the text of `counts_to_text`."""
    return tuple_of(RowCounts, object_of(text))


def usage_to_text(usage: Usage) -> str:
    """JSON object of the amounts that are not 0."""
    return json.dumps({name: amount for name, amount in usage._asdict().items() if amount})


def usage_from_text(text: str) -> Usage:
    """The usage behind the text of `usage_to_text`."""
    return usage_of(object_of(text))
