"""Starting the chains of all rows, group by group, with one group of rows in memory."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gemchain.api.recording import record_chains
from gemchain.api.row_starts import RowStart, failed_at_start, start_row
from gemchain.api.start_units import start_id
from gemchain.base.chunks import chunked
from gemchain.cli.output.raised import is_foreign, raised_at, source_of
from gemchain.cli.run.parameters import Params
from gemchain.cli.run.same_names import refuse_other_file
from gemchain.errors import InvalidInputError
from gemchain.records import Chain
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime, active

__all__ = ["GROUP", "Started", "rehearse_rows", "row_chain_id", "start_rows"]

GROUP = 500
"""Rows that are started in one commit."""

SHOWN = 6
"""Lines of a traceback that are shown when none of them is the user's."""


@dataclass(slots=True)
class Started:
    """Counts of the rows that were read so far.

    Attributes:
        rows: Rows read.
        new: Chains that this command has started.
        known: Chains that existed before the command, by the state that they had then.
        others: Of these the running ones that belong to other owners, by owner.
    """

    rows: int = 0
    new: int = 0
    known: Counter[ChainState] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def chains(self) -> int:
        """All chains of the rows so far."""
        return self.new + sum(self.known.values())


def row_chain_id(function: Callable[..., Any], row: Params) -> str:
    """The id of the row's chain, whether it exists or not."""
    return start_id(function, row.key)


def rehearse_rows(function: Callable[..., Any], rows: Iterable[Params]) -> None:
    """Run the function on every row, and record nothing.

    Raises:
        InvalidInputError: It raised; the message names the first such row.
    """
    runtime = active()
    for row in rows:
        error = start_row(runtime, function, row, row.key).error
        if error is not None:
            raise _error_with_row(function, row, error)


def start_rows(function: Callable[..., Any], rows: Iterable[Params]) -> Iterator[Started]:
    """Start the chains that do not exist yet, and those whose function raised in an earlier run.

    A row whose function raises gets a FAILED chain, and the other rows go on.

    Yields:
        The same object after every group, for the progress display.

    Raises:
        InvalidInputError: The function raised on every row of the first group, and nothing was recorded; or
            another file of the same name has started chains of these rows.
    """
    started, begun_at = Started(), active().store.now()
    for group in chunked(rows, GROUP):
        _start_group(function, group, started, begun_at)
        yield started


def _start_group(
    function: Callable[..., Any], group: Sequence[Params], started: Started, begun_at: datetime
) -> None:
    runtime = active()
    found = runtime.store.chains([row_chain_id(function, row) for row in group])
    refuse_other_file(runtime, found.values())
    missing = {row_chain_id(function, row): row for row in group}
    for identity, chain in found.items():
        if chain.created_at < begun_at and failed_at_start(chain):
            continue
        del missing[identity]
        if chain.created_at < begun_at:
            _count_known(runtime, chain, started)
    begun = {
        identity: start_row(runtime, function, row, row.key, found.get(identity))
        for identity, row in missing.items()
    }
    if begun and not started.rows:
        _check_any(function, missing, found, begun)
    record_chains(runtime, [each.unit for each in begun.values()])
    runtime.waker.hurry()
    started.new += len(begun)
    started.rows += len(group)


def _count_known(runtime: Runtime, chain: Chain, started: Started) -> None:
    started.known[chain.state] += 1
    if chain.state is ChainState.RUNNING and chain.owner != runtime.owner:
        started.others[chain.owner] += 1


def _check_any(
    function: Callable[..., Any],
    rows: dict[str, Params],
    found: dict[str, Chain],
    begun: dict[str, RowStart],
) -> None:
    """Refuse a function that raises on every row of the first group: a typo must not fail a whole input.

    Raises:
        InvalidInputError: It does, and no row of the group was started before.
    """
    if len(found) > sum(map(failed_at_start, found.values())):
        return
    if all(each.error is not None for each in begun.values()):
        identity, first = next(iter(begun.items()))
        assert first.error is not None
        raise _error_with_row(function, rows[identity], first.error)


def _error_with_row(function: Callable[..., Any], row: Params, error: BaseException) -> InvalidInputError:
    where = row.row.place
    text = "".join(traceback.format_exception(error))
    place = raised_at(text)
    raised = [f"raised at {place}", *source_of(text, place)] if place else text.splitlines()[-SHOWN:]
    if isinstance(error, InvalidInputError):
        if place and is_foreign(place.file):
            raised = []  # a line of gemchain's own tells nobody what to mend
        return InvalidInputError("\n".join([f"{where}: {error}", *raised]))
    what = f"{where}: {function.__name__}() raised {type(error).__name__}: {error}"
    return InvalidInputError("\n".join([what, *raised]))
