"""The port for records."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from gemchain.records import (
    Batch,
    Chain,
    Counters,
    Forgotten,
    InputRow,
    Part,
    Prompt,
    QueueStatus,
    Space,
    Unit,
    Verdict,
)
from gemchain.records.states import BatchState, ChainState, PromptState

__all__ = ["Store"]


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
        - the chain it moves is not in the state that the move names, or no longer of the version, or
        - a prompt it creates is CLAIMED by a batch of `into` that is not PLANNED any more, or whose
          fence was passed; or the unit, then, is too large for one call of the store.

        The prompts of a unit too large for one call of a store may come to be one after the other, once the
        unit is applied and it is certain that all of them will; until then `has_open` counts them.

        A unit whose token was committed before changes nothing and counts as applied, so a caller
        that lost the reply repeats the call. Two units of one call may not share a prompt or a chain.

        Args:
            units: What to apply.
            into: The batches, as their holder knows them, that prompts of these units are created in.

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

    def find_key(self, key: str, limit: int = 10) -> list[str]:
        """Ids of chains with exactly this key, one for each function that has it.

        A store without an index of keys may look only at functions of which it finds chains quickly.
        """

    def counters(self) -> Counters:
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

        Atomic for each prompt: no prompt is ever claimed by two batches. Higher priority goes first, then the
        prompt that waited longest, where the store can tell. Prompts that wait for a later time are left.
        Takes fewer than `limit` when the requests would pass `max_bytes`, yet at least one when any is ready.
        Each call claims further prompts; those claimed before are in `input_rows`.

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

        A mark that was made, or made anew, since its prompt was read stays. So a process that reads the
        marks, then looks whether their chain has ended, and then clears what it read, clears no mark of an
        end that the look could not see.
        """

    def forget_chains(
        self, before: datetime, *, keys: bool = False, dry_run: bool = False
    ) -> Iterator[Forgotten]:
        """Remove chains that ended before a time, with all of their prompts, in many short commits.

        A chain stays while it is RUNNING; while any of its prompts is unfinished (PARKED ones are kept for
        ever) or marked `unsettled`; while a batch that is still open holds one of them; and while another
        chain waits for it. Of a chain with a key the record stays, so that a caller who starts it again
        finds it and its result, and nothing is paid twice; a fingerprint takes the place of its arguments.

        Safe to call at any time, beside anything, and to break off; a chain that is retried meanwhile stays.

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
