"""What goes wrong in a simulated job, drawn from a seed.

Every draw follows from the seed, the job and the row, so a run can be repeated; a prompt that is
sent again is in another job and draws anew.
"""

import difflib
from dataclasses import dataclass, fields
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

from gemchain.errors import ConfigurationError

__all__ = ["Draws", "Faults", "JobFate", "RowFate", "RowStyle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong: each a probability between 0 and 1.

    Attributes:
        failed: Row with an error that passes (429, 500, 503, deadline).
        refused: Row with an error that stays (400, 403, 404).
        blocked: Answer withheld: `promptFeedback`, or finish reason SAFETY without content.
        truncated: Answer cut off, finish reason MAX_TOKENS.
        empty: Answer without any content.
        missing: No row comes back.
        malformed: The row's line is cut and is no JSON any more.
        duplicated: The row comes twice.
        shuffle: Rows come in another order than they went.
        nulls: The request is echoed in camelCase, with unset fields as null.
        keyless: The row does not echo `key`.
        unlabelled: The row does not echo the request's labels.
        expired: The job runs out of time; a part of its rows is there.
        cancelled: The job is cancelled; a part of its rows is there.
        partial: The job succeeds partially; a part of its rows is there.
        job_failed: The job fails; nothing is there.
    """

    failed: float = 0.0
    refused: float = 0.0
    blocked: float = 0.0
    truncated: float = 0.0
    empty: float = 0.0
    missing: float = 0.0
    malformed: float = 0.0
    duplicated: float = 0.0
    shuffle: float = 1.0
    nulls: float = 0.0
    keyless: float = 0.0
    unlabelled: float = 0.0
    expired: float = 0.0
    cancelled: float = 0.0
    partial: float = 0.0
    job_failed: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 <= value <= 1:
                raise ConfigurationError(
                    f"simulated fault {each.name!r} is a share from 0 to 1, not {value!r}"
                )
        for kind in (_OUTCOMES, _JOB_FATES):
            if sum(getattr(self, name) for name in kind) > 1 + 1e-9:
                raise ConfigurationError(f"the shares of {', '.join(kind)} add up to more than 1")

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read `failed=0.1,blocked=0.05,shuffle=1`; an empty text is no fault, in shuffled order.

        Raises:
            ConfigurationError: No such fault, or no share from 0 to 1.
        """
        given: dict[str, float] = {}
        for entry in filter(None, (each.strip() for each in text.replace(";", ",").split(","))):
            name, _, value = (each.strip() for each in entry.partition("="))
            given[_known(name)] = _share(name, value)
        return cls(**given)


_OUTCOMES = ("failed", "refused", "blocked", "truncated", "empty", "missing", "malformed")
_STYLES = ("duplicated", "nulls", "keyless", "unlabelled")
_JOB_FATES = ("expired", "cancelled", "partial", "job_failed")


def _known(name: str) -> str:
    names = [each.name for each in fields(Faults)]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
    raise ConfigurationError(f"no simulated fault is called {name!r}{hint}")


def _share(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ConfigurationError(
            f"simulated fault {name!r} takes a share from 0 to 1, not {value!r}"
        ) from error


class RowFate(Enum):
    """What becomes of a row; the values are the names of the faults."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    BLOCKED = "blocked"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    MISSING = "missing"
    MALFORMED = "malformed"


class JobFate(Enum):
    """What becomes of a job; the values are the names of the faults."""

    SUCCEEDED = "succeeded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PARTIAL = "partial"
    FAILED = "job_failed"


class RowStyle(NamedTuple):
    """How a row is written; `variant` chooses among several forms of the same fault."""

    fate: RowFate = RowFate.ANSWERED
    duplicated: bool = False
    nulls: bool = False
    keyless: bool = False
    unlabelled: bool = False
    variant: int = 0


_PLAIN = RowStyle()
_RANGE = 1 << 24


class Draws:
    """What one job draws.

    Args:
        faults: The shares.
        seed: Seed of everything.
        job: Name of the job, by which two jobs of the same prompts draw differently.
    """

    def __init__(self, faults: Faults, seed: int, job: str) -> None:
        self._faults = faults
        self._key = blake2b(f"{seed}/{job}".encode(), digest_size=16).digest()
        self.quiet = not any(getattr(faults, name) for name in _OUTCOMES + _STYLES)

    def job_fate(self) -> JobFate:
        """What becomes of the job itself."""
        drawn = self._numbers("job")[0]
        return JobFate(_chosen(self._faults, _JOB_FATES, drawn) or "succeeded")

    def share(self) -> float:
        """The share of rows that a job finishes before it is stopped, from a tenth to nine tenths."""
        return 0.1 + 0.8 * self._numbers("share")[0]

    def shuffles(self) -> bool:
        """Whether the job changes the order of its rows."""
        return self._numbers("shuffle")[0] < self._faults.shuffle

    def order_seed(self) -> int:
        """The seed of the order of rows."""
        return int.from_bytes(self._key, "big")

    def finishes(self, row: str, share: float) -> bool:
        """Whether the row is among the `share` that is finished."""
        return self._numbers("finish/" + row)[0] < share

    def style(self, row: str) -> RowStyle:
        """What becomes of a row, and how it is written."""
        if self.quiet:
            return _PLAIN
        outcome, duplicated, nulls, keyless, unlabelled, variant = self._numbers("row/" + row)
        faults = self._faults
        return RowStyle(
            RowFate(_chosen(faults, _OUTCOMES, outcome) or "answered"),
            duplicated=duplicated < faults.duplicated,
            nulls=nulls < faults.nulls,
            keyless=keyless < faults.keyless,
            unlabelled=unlabelled < faults.unlabelled,
            variant=int(variant * _RANGE),
        )

    def _numbers(self, what: str) -> list[float]:
        """Six numbers from 0 up to 1."""
        digest = blake2b(what.encode("utf-8", "replace"), key=self._key, digest_size=18).digest()
        return [int.from_bytes(digest[start : start + 3], "big") / _RANGE for start in range(0, 18, 3)]


def _chosen(faults: Faults, names: tuple[str, ...], drawn: float) -> str | None:
    for name in names:
        drawn -= getattr(faults, name)
        if drawn < 0:
            return name
    return None
