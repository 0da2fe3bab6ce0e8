"""The results of one run: what they may replace, where partial ones are, and writing them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gemchain.cli.run.earlier import OutputRecords, check_overwrite, records_of
from gemchain.cli.run.files import Files
from gemchain.cli.run.parameters import Params
from gemchain.cli.run.partial import Partial, keeping, partial_output, remove_partial
from gemchain.cli.run.results import Summary, finished_rows, write_results
from gemchain.cli.run.starting import row_chain_id
from gemchain.cli.state.opening import settings_in_use
from gemchain.ports import Store

__all__ = ["Results", "check_results"]


class _Options(Protocol):
    @property
    def limit(self) -> int | None: ...
    @property
    def overwrite(self) -> bool: ...
    @property
    def partial(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a run.

    Attributes:
        partial: Where the rows that have ended go while the run goes on; None for nowhere.
    """

    function: Callable[..., Any]
    rows: Callable[[], Iterator[Params]]
    files: Files
    records: OutputRecords
    partial: Files | None

    def kept_partial(self, store: Store) -> AbstractContextManager[None]:
        """A block in which the partial results are kept up to date, if they are wanted."""
        if self.partial is None:
            return keeping(None)
        return keeping(Partial(self.partial, self._finished, store, self.records))

    def _finished(self) -> Iterator[dict[str, Any]]:
        return finished_rows(self.function, self.rows())

    def write(self) -> Summary:
        """Write the results; partial ones go.

        Raises:
            BlobError: They cannot be written. An older file is unchanged.
            InvalidInputError: A row has no chain, because the input has changed since the start.
        """
        summary = write_results(self.function, self.rows(), self.files, self._note)
        remove_partial(self.files.written, self.records, mine=self.partial is not None)
        return summary

    def _note(self, content: Path) -> None:
        self.records.note(self.files.written.target, content)


def check_results(
    options: _Options, files: Files, function: Callable[..., Any], rows: Callable[[], Iterator[Params]]
) -> Results:
    """The results of a run, checked before anything is started: nothing else is replaced by them.

    Raises:
        InvalidInputError: A file is in the way, or there can be no partial results.
    """
    records = records_of(settings_in_use(), function, files.input, options.limit)
    partial = files._replace(output=partial_output(files.written)) if options.partial else None
    for each in filter(None, (files, partial)):
        if not options.overwrite:
            check_overwrite(each.written, records, lambda: (row_chain_id(function, row) for row in rows()))
    return Results(function, rows, files, records, partial)
