"""`--partial`: a file beside the output with the rows that have ended so far, while the run goes on.

`articles.jsonl` has `articles.partial.jsonl`: the same format and order, without rows that have not ended. It
is written anew now and then, and once more when the run is interrupted or stopped. It is removed when the
output is there.

Crash story. The file is replaced as a whole. A killed process leaves the last version; the same command
writes it anew, and removes it in the end, also without `--partial`.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gemchain.cli.output.errors import print_error
from gemchain.cli.run.earlier import OutputRecords
from gemchain.cli.run.files import Files
from gemchain.cli.run.results import COLUMNS
from gemchain.data.outputs import Output
from gemchain.display.formatting import count
from gemchain.errors import GemchainError, InvalidInputError
from gemchain.ports import Store
from gemchain.records.states import ChainState

__all__ = ["Partial", "keeping", "partial_output", "remove_partial"]

EVERY = 10.0
"""Seconds between two versions, at least."""

EVERY_REMOTE = 600.0
"""The same where the records are not on this machine: a version reads the chain of each row."""

PAUSE_FACTOR = 20
"""After a version was written, the thread pauses for so many times the time that it took."""

ENDED = (ChainState.DONE, ChainState.FAILED, ChainState.CANCELLED)


def partial_output(output: Output) -> Output:
    """The file of partial results beside an output.

    Raises:
        InvalidInputError: The output is a stream, which has nothing beside it.
    """
    if output.stream:
        raise InvalidInputError(f"--partial writes a file beside --output; {str(output.path)!r} is a stream")
    path = output.path
    ending = "".join(path.suffixes[-2:] if output.layout.gzip else path.suffixes[-1:])
    return replace(output, path=path.with_name(f"{path.name.removesuffix(ending)}.partial{ending}"))


class _BrokenOff(Exception):  # noqa: N818 -- no error: the run has ended
    """Writing a version is broken off, since the run has ended."""


@dataclass(slots=True)
class Partial:
    """Writes the rows that have ended.

    Attributes:
        rows: Gives the results of the rows whose chains have ended.
        written: How many rows the last version has; None before the first.
    """

    files: Files
    rows: Callable[[], Iterable[Mapping[str, Any]]]
    store: Store
    records: OutputRecords
    stopped: threading.Event = field(default_factory=threading.Event)
    written: int | None = None
    _ended: int = -1

    def refresh(self) -> None:
        """Write the file anew if a chain has ended since the last version.

        Raises:
            GemchainError: The store or the disk failed.
        """
        chains = self.store.counters().chains
        ended = sum(chains.get(state, 0) for state in ENDED)
        if ended != self._ended:
            self.write(unless=self.stopped.is_set)
            self._ended = ended

    def write(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Write the file anew.

        Args:
            unless: Break off as soon as this holds; the version before stays.

        Raises:
            GemchainError: The store or the disk failed.
        """
        output, number = self.files.written, 0
        note = self._note
        with suppress(_BrokenOff), output.writing(COLUMNS, self.files.standard_output, note) as write:
            for number, row in enumerate(self.rows(), 1):  # noqa: B007 -- the last one is the count
                if unless():
                    raise _BrokenOff
                write(row)
            self.written = number

    def _note(self, content: Path) -> None:
        self.records.note(self.files.written.target, content)

    def watch(self, every: float) -> None:
        """Refresh the file again and again until the run has ended."""
        pause = every
        while not self.stopped.wait(pause):
            begun = time.monotonic()
            with suppress(GemchainError):  # the engine meets the same error, and reports it
                self.refresh()
            pause = max(every, PAUSE_FACTOR * (time.monotonic() - begun))


@contextmanager
def keeping(partial: Partial | None) -> Iterator[None]:
    """Keep the file up to date inside the block; when an error or Ctrl-C ends it, one last time.

    Args:
        partial: What to keep; None does nothing.
    """
    if partial is None:
        yield
        return
    every = EVERY_REMOTE if partial.records.folder is None else EVERY
    thread = threading.Thread(target=partial.watch, args=[every], name="gemchain-partial", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        _stop(partial, thread)
        with suppress(GemchainError):
            partial.write()
            path = partial.files.written.path
            print_error(f"{count(partial.written or 0, 'row')} ended so far → {path}", mark="■")
        raise
    _stop(partial, thread)


def _stop(partial: Partial, thread: threading.Thread) -> None:
    partial.stopped.set()
    thread.join()


def remove_partial(output: Output, records: OutputRecords, *, mine: bool) -> None:
    """Remove the partial results, once all results are there.

    Args:
        output: The output that is there.
        records: Those of this run.
        mine: Whether this process wrote the file; else it goes only if an earlier process of this run did.
    """
    if output.stream:
        return
    partial = partial_output(output)
    if mine or (partial.has_content and records.matches(partial.target)):
        with suppress(OSError):
            partial.path.unlink()
