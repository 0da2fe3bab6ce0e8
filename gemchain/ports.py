"""The five ports. Their docstrings are the contract that every adapter passes.

The engine knows nothing else: a store for records, blobs for files, a provider for batch jobs,
a waker for hints to hurry, a clock. Nothing here imports an SDK.
"""

import builtins
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gemchain.records import (
    Batch,
    Chain,
    Failure,
    Forgotten,
    InputRow,
    OutputFile,
    Part,
    Prompt,
    QueueStatus,
    Space,
    Tally,
    Unit,
    Verdict,
)
from gemchain.states import BatchState, ChainState, PromptState

__all__ = [
    "BlobInfo",
    "BlobWriter",
    "Blobs",
    "Clock",
    "Job",
    "JobState",
    "Limits",
    "Provider",
    "Row",
    "Store",
    "Waker",
]


class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """The present, UTC-aware."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when that is 0 or less."""


class Store(Protocol):
    """Keeps the records.

    Every method is atomic in what it says is atomic, safe to call from several processes at once,
    and safe to call again after an error: an error means that the caller does not know whether
    anything happened, never that half of a unit did.

    Every method may raise `StoreError`; which kind tells what to do.
    """

    def now(self) -> datetime:
        """The store's own time. Leases compare with it, never with a worker's clock."""

    def commit(self, units: Sequence[Unit], *, into: Sequence[Batch] = ()) -> list[Verdict]:
        """Apply each unit whole or not at all, in groups of the store's choosing.

        A unit conflicts, and changes nothing, when

        - a prompt it moves is no longer as it was read (its version differs), or
        - the chain it creates exists already, or
        - the chain it moves is not in the state the move names, or
        - a prompt it creates is born CLAIMED by a batch of `into` that is not PLANNED any more, or whose
          fence was passed; or the unit, then, is too large for one call of the store.

        The prompts of a unit too large for one call of a store may come to be one after the other, once the
        unit is applied and it is certain that all of them will; until then `has_open` counts them.

        A unit whose token was committed before changes nothing and counts as applied, so a caller
        that lost the reply repeats the call. Two units of one call may not share a prompt or a chain.

        Args:
            units: What to apply.
            into: The batches, as their holder knows them, that prompts of these units are born into.

        Returns:
            One verdict for each unit, in their order.

        Raises:
            MoveError: A move is not in the table of `states.py`; nothing of the call was applied.
        """

    def prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """The prompts with these ids; ids without a prompt are left out."""

    def requests(self, ids: Collection[str]) -> dict[str, str]:
        """The requests of these prompts, as JSON text."""

    def chains(self, ids: Collection[str]) -> dict[str, Chain]:
        """The chains with these ids; ids without a chain are left out."""

    def chain_prompts(self, chain_id: str) -> Iterator[Prompt]:
        """All prompts of a chain, in no particular order, without loading all of them at once.

        Given the id of a join: the prompts of its branches, those of joins inside them left out.
        """

    def has_open(self, chain_id: str) -> bool:
        """Whether any prompt of the chain is QUEUED, CLAIMED, ANSWERED, WAITING or PARKED.

        Given the id of a join: any prompt of its branches. Strongly consistent: it sees every commit
        that returned before the call.
        """

    def list_chains(
        self, *, state: ChainState | None = None, limit: int = 100, after: str | None = None
    ) -> list[Chain]:
        """Chains, newest first where the store can, else by id; `after` is the last id of the page before."""

    def list_prompts(self, *, state: PromptState, limit: int = 100) -> list[Prompt]:
        """Up to `limit` prompts in a state."""

    def find_ids(self, prefix: str, limit: int = 10) -> list[str]:
        """Ids of chains, prompts and batches that start with `prefix`."""

    def tally(self) -> Tally:
        """How many records stand where. Cheap enough to ask several times a second.

        What retention removed stays counted: these are the numbers of all that ever was.
        """

    def queues(self) -> list[QueueStatus]:
        """Every queue in which prompts wait."""

    def plan(self, batch: Batch) -> Batch:
        """Record a new batch.

        Returns:
            The batch as stored.

        Raises:
            StoreConflictError: The id exists.
        """

    def claim(self, batch: Batch, *, limit: int, max_bytes: int) -> list[InputRow]:
        """Move ready prompts of the batch's queue from QUEUED to CLAIMED by this batch.

        Atomic for each prompt: no prompt is ever claimed by two batches. Higher priority goes first,
        then whoever waited longest where the store can tell. Prompts that rest until later are left.
        Takes fewer than `limit` when the requests would pass `max_bytes`, yet at least one when any
        is ready. Each call claims further prompts; those claimed before are in `input_rows`.

        Returns:
            What was claimed by this very call; empty when nothing is ready.

        Raises:
            StoreConflictError: The batch is not PLANNED any more, or its fence was passed.
        """

    def input_rows(self, batch_id: str) -> Iterator[InputRow]:
        """Everything that is CLAIMED by the batch, in pages, without loading all of it at once."""

    def members(self, batch_id: str, *, state: PromptState) -> Iterator[list[Prompt]]:
        """The prompts in `state` that carry this batch id, in pages.

        The caller may move the prompts of a page before it asks for the next one.
        """

    def save_batch(self, batch: Batch, *, parts: Sequence[Part] = ()) -> Batch:
        """Replace a batch, and record its parts, in one commit.

        Returns:
            The batch as stored, under its new version.

        Raises:
            StoreConflictError: The stored version is not `batch.version`.
            MoveError: The batch may not move so.
        """

    def batches(self, ids: Collection[str]) -> dict[str, Batch]:
        """The batches with these ids; ids without a batch are left out."""

    def open_batches(self) -> list[Batch]:
        """Every batch that is PLANNED, WRITTEN, SENT or ARRIVED, oldest first."""

    def list_batches(self, *, state: BatchState | None = None, limit: int = 100) -> list[Batch]:
        """Batches, newest first."""

    def open_parts(self, batch_id: str | None = None) -> list[Part]:
        """Parts that are not DONE, of one batch or of all, in order."""

    def batch_parts(self, batch_id: str) -> list[Part]:
        """All parts of a batch, in order."""

    def save_part(self, part: Part) -> Part:
        """Replace a part.

        Raises:
            StoreConflictError: The stored version is not `part.version`.
        """

    def due_answers(self, *, limit: int) -> list[Prompt]:
        """ANSWERED prompts whose `not_before_at` is reached: their callback may run again."""

    def next_answer_at(self) -> datetime | None:
        """When the next ANSWERED prompt becomes due, or since when it has been; None when there is none."""

    def overdue(self, *, limit: int) -> list[Prompt]:
        """QUEUED and WAITING prompts whose `deadline_at` has passed."""

    def ended_waits(self, *, limit: int) -> list[Prompt]:
        """WAITING prompts of kind `chain` (`key` is its id) whose chain has ended, or is not there."""

    def unsettled_chains(self, *, limit: int) -> list[str]:
        """Chains with a prompt marked `unsettled`."""

    def settle(self, prompts: Sequence[Prompt]) -> None:
        """Clear the `unsettled` mark of each of these prompts that is still as it was read. It is not a move.

        A mark that was made, or made anew, since its prompt was read stays. So whoever reads the marks,
        then looks whether their chain has ended, and then clears what it read, clears no mark of an end
        that the look could not see.
        """

    def forget_chains(
        self, before: datetime, *, keys: bool = False, dry_run: bool = False
    ) -> Iterator[Forgotten]:
        """Remove chains that ended before a time, with all of their prompts, in many short commits.

        A chain stays while it is RUNNING; while any of its prompts is unfinished (PARKED ones are kept for
        ever) or marked `unsettled`; while a batch that is still open holds one of them; and while another
        chain waits for it. Of a chain with a key the record stays, without its arguments, so that whoever
        starts it again finds it and its result, and nothing is paid twice. Safe to call at any time, beside
        anything, and to break off; a chain that somebody sends back to work meanwhile stays.

        Args:
            before: The end of a chain's days.
            keys: Remove the records of chains with a key, too: under their keys they can start anew.
            dry_run: Tell what would go, and remove nothing.

        Yields:
            What each commit removed. To be read to the end.
        """

    def unused_batches(self, before: datetime) -> Iterator[Batch]:
        """CLOSED and FAILED batches that ended before a time and whose id no prompt carries any more.

        The caller may forget each before it asks for the next.
        """

    def forget_batch(self, batch: Batch) -> None:
        """Remove a batch and its parts; nothing happens when it is gone, open, or carried by a prompt."""

    def space(self) -> Space | None:
        """How much room the records take; None where the store cannot tell."""

    def compact(self) -> None:
        """Give free space back to the disk, where the store keeps any. May take long, and hold up others."""

    def close(self) -> None:
        """Let go of files and connections. Records stay."""


class BlobInfo(NamedTuple):
    """An object as it stands: its address, the generation of its content, and its size in bytes."""

    uri: str
    generation: int
    size: int


class BlobWriter(Protocol):
    """Takes the bytes of an object that is being written."""

    def write(self, data: bytes, /) -> int:
        """Append `data`."""


class Blobs(Protocol):
    """Keeps files. Names are relative (`batches/b1/input.jsonl`), addresses absolute (`gs://…`, `file://…`).

    Every method may raise `BlobError`. Reading what is not there raises `BlobNotFoundError`. Whatever lies
    elsewhere than names lead is not there: addresses come from records, which others may have written.
    """

    def uri(self, name: str) -> str:
        """The address of a name.

        Raises:
            BlobError: The name is empty, absolute, or leads out of the root.
        """

    def writer(self, name: str) -> AbstractContextManager[BlobWriter]:
        """Write an object as a stream.

        The object appears whole when the block ends without an error, and not at all otherwise. An
        object of that name is replaced. Memory does not grow with the size.
        """

    def put(self, name: str, data: bytes, *, if_absent: bool = False) -> BlobInfo:
        """Write a small object whole.

        With `if_absent`, an existing object is left as it is and its info is returned, where the
        service honours that; correctness must not rest on it.
        """

    def upload_many(self, pairs: Sequence[tuple[Path, str]]) -> builtins.list[BlobInfo]:
        """Copy local files to objects of these names, several at once where that is quicker.

        Every object appears whole or not at all. All pairs are tried before an error is raised.

        Returns:
            One info for each pair, in their order.

        Raises:
            BlobError: A file could not be read or an object not written; the first of these errors.
        """

    def stat(self, uri: str) -> BlobInfo | None:
        """What is there now; None when nothing is."""

    def read(
        self, uri: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """The bytes from `start` up to, not including, `end` (None: to the object's end).

        A range that begins behind the end is empty. With `generation`, never another generation's bytes.
        """

    def stream(
        self, uri: str, *, generation: int | None = None, start: int = 0, chunk: int = 1 << 20
    ) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of about `chunk` bytes. Memory does not grow with the size."""

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects whose name starts with `prefix`, by name. Unfinished ones are not shown.

        `prefix` may also be the beginning of an address, such as the folder that a provider wrote to.
        """

    def delete(self, uri: str) -> None:
        """Remove an object; nothing happens when there is none."""


class Limits(NamedTuple):
    """What one provider job takes."""

    max_requests: int
    max_bytes: int
    max_request_bytes: int


class JobState(Enum):
    """What gemchain needs to know of a provider job."""

    RUNNING = "running"
    LANDED = "landed"
    """Over, and its output can be read; prompts without a row are sent again."""
    FAILED = "failed"
    """Over, and nothing was delivered or charged."""


@dataclass(frozen=True, slots=True)
class Job:
    """A provider job as the provider reports it.

    Attributes:
        name: The provider's own name of it.
        output: The files it delivered, once LANDED.
        failure: Why it failed, or why it delivered only a part.
        detail: The provider's own word for its state, for people.
    """

    name: str
    state: JobState
    output: tuple[OutputFile, ...] = ()
    failure: Failure | None = None
    detail: str = ""


class Row(NamedTuple):
    """One line of an output file.

    Attributes:
        prompt_id: The prompt it names by key or label; None when the row names none.
        request: The request as echoed, by which a row without a name is matched.
        body: The response's body; None when the row carries an error.
        failure: The row's error, classified.
    """

    prompt_id: str | None
    request: dict[str, Any] | None
    body: dict[str, Any] | None
    failure: Failure | None


class Provider(Protocol):
    """Runs batch jobs.

    Every method may raise `ProviderUnavailableError` (ask again later) or `ProviderRejectedError`
    (never ask again). An error of `create` does not say whether a job exists.

    Every method may also raise `ConfigurationError`: a person has to mend something first, such as
    credentials, a permission, or an API that is off. The engine stops with it and gives everything
    back as it was, so that the next run goes on at once. From `create` it is a promise: the service
    was not asked, or refused, and *no job came to be*. What goes wrong after the service has taken
    the job must be raised as `ProviderUnavailableError`.
    """

    name: str
    limits: Limits
    listing_lag: float
    """Seconds after which `find` certainly shows a job that was created."""

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse, before anything is recorded, what the provider would refuse anyway.

        Raises:
            ModelError: No such model.
            RequestError: The request cannot be sent.
        """

    def attach(self, path: Path) -> dict[str, Any]:
        """The part of a request that stands for a local file.

        Called at submit, before anything is recorded. The file is copied to where the service reads
        it, once for each content, or put into the part itself.

        Raises:
            RequestError: The file is missing, too large, or of a kind that its suffix does not tell.
            BlobError: It could not be copied.
        """

    def input_line(self, row: InputRow) -> bytes:
        """One line of an input file, newline included, that names the prompt."""

    def find(self, batch: Batch) -> Job | None:
        """The job that was created for this batch, found by its deterministic name; None when none shows."""

    def create(self, batch: Batch) -> Job:
        """Create the job for a WRITTEN batch, under its deterministic name."""

    def poll(self, batch: Batch) -> Job:
        """The job of a SENT batch as it stands."""

    def cancel(self, batch: Batch) -> None:
        """Ask the provider to stop. Finished rows are still delivered, where the provider does so."""

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output.

        Raises:
            ValueError: It is no row.
        """

    def read_input(self, line: bytes) -> tuple[str, str]:
        """The prompt that a line of an input file names, and the `echo_hash` of its request."""

    def echo_hash(self, request: dict[str, Any]) -> str:
        """Canonical hash of a request: equal for what was sent and for its echo in any spelling."""


class Waker(Protocol):
    """Passes hints to hurry. Nothing depends on their arrival: the sweep finds everything again."""

    def dispatch(self, part: Part, /) -> None:
        """A part waits to be dispatched."""

    def hurry(self) -> None:
        """Something changed; whoever drives the engine may look now rather than later."""
