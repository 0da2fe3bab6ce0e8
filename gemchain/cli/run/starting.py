"""Starting the chains of all rows, group by group, with one group of rows in memory."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gemchain.api.starting import start_id, start_many
from gemchain.base.chunks import chunked
from gemchain.cli.run.parameters import Params
from gemchain.errors import GemchainError, InvalidInputError
from gemchain.records.states import ChainState
from gemchain.runtime import active

__all__ = ["GROUP", "Started", "row_chain_id", "start_rows"]

GROUP = 500
"""Rows that are started in one commit."""

SHOWN = 6
"""Lines of a traceback that are shown."""


@dataclass(slots=True)
class Started:
    """Counts of the rows that were read so far.

    Attributes:
        rows: Rows read.
        new: Chains that this command has started.
        known: Chains that existed before the command, by the state that they had then.
    """

    rows: int = 0
    new: int = 0
    known: Counter[ChainState] = field(default_factory=Counter)

    @property
    def chains(self) -> int:
        """All chains of the rows so far."""
        return self.new + sum(self.known.values())


def row_chain_id(function: Callable[..., Any], row: Params) -> str:
    """The id of the row's chain, whether it exists or not."""
    return start_id(function, row.key)


def start_rows(function: Callable[..., Any], rows: Iterable[Params]) -> Iterator[Started]:
    """Start the chains that do not exist yet.

    Yields:
        The same object after every group, for the progress display.

    Raises:
        InvalidInputError: The function raised, or submitted an invalid prompt; the message names the row.
    """
    started, begun_at = Started(), active().store.now()
    for group in chunked(rows, GROUP):
        _start_group(function, group, started, begun_at)
        yield started


def _start_group(
    function: Callable[..., Any], group: Sequence[Params], started: Started, begun_at: datetime
) -> None:
    found = active().store.chains([row_chain_id(function, row) for row in group])
    missing = {row_chain_id(function, row): row for row in group}
    for identity, chain in found.items():
        del missing[identity]
        if chain.created_at < begun_at:
            started.known[chain.state] += 1
    if missing:
        _start_missing(function, list(missing.values()))
    started.new += len(missing)
    started.rows += len(group)


def _start_missing(function: Callable[..., Any], rows: Sequence[Params]) -> None:
    try:
        start_many(function, rows, key=_key, existing="return")
    except InvalidInputError as error:
        raise _error_with_row(function, rows, error) from error
    except GemchainError:
        raise
    except Exception as error:
        raise _error_with_row(function, rows, error) from error


def _key(row: Any) -> str:
    key: str = row.key
    return key


def _error_with_row(
    function: Callable[..., Any], rows: Sequence[Params], error: Exception
) -> InvalidInputError:
    """The error with its row. Nothing of the group was recorded, so the rows are tried one by one."""
    for row in rows:
        try:
            start_many(function, [row], key=_key, existing="return")
        except Exception as again:  # noqa: BLE001 -- a user's function may raise anything
            where = f"row {row.row.number} (line {row.row.line})"
            if isinstance(again, InvalidInputError):
                return InvalidInputError(f"{where}: {again}")
            lines = "".join(traceback.format_exception(again)).splitlines()[-SHOWN:]
            return InvalidInputError(
                f"{where}: {function.__name__}() raised {type(again).__name__}: {again}\n" + "\n".join(lines)
            )
    return InvalidInputError(f"{function.__name__}() raised {type(error).__name__} once: {error}")
