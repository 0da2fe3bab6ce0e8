"""The claim: ready prompts of a queue become a batch's.

A page of prompts is read off the index of its queue, requests included, and one Commit call moves all of
it: each prompt on condition that it is as it was read, and the batch on condition that it is as its holder
knows it. The batch's write changes nothing, so its version stays; a holder whose batch was taken over
fails as a whole.

Crash story. A call that failed may have been applied, as a whole: then its first prompt is held by the
batch, and the batch is still this holder's. Otherwise another claimer was faster somewhere in the page,
and reading begins anew at another place. Claimers begin at places of their own, and go round, so that
they rarely meet.
"""

from collections.abc import Sequence

from gemchain.errors import StoreConflictError, StoreUnavailableError
from gemchain.records import Batch, InputRow
from gemchain.records.states import BatchState, PromptState
from gemchain.stores.firestore.claims.cache import without_request
from gemchain.stores.firestore.claims.database import Database
from gemchain.stores.firestore.claims.ready import Ready, input_rows
from gemchain.stores.firestore.client.connection import PAUSES
from gemchain.stores.firestore.client.errors import FAILURES, PRECONDITIONS, TRANSIENT, translated
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.values import fields_of, fill, version_of
from gemchain.stores.firestore.counters import Deltas
from gemchain.stores.firestore.documents.documents import member_key
from gemchain.stores.firestore.documents.writes import fence

__all__ = ["Claim"]

COLLISIONS = 20
"""Times in a row that others may be faster."""

_TAKEN = ("state", "batch_id", "claimed_at", "member")
_OVER = ("queue", "resting", "expires", "not_before_at")


class _LostError(Exception):
    """Another claimer was faster."""


class Claim:
    """One claim.

    Args:
        batch: The batch as its holder knows it.
        limit: Most prompts to take.
        room: Most bytes of requests to take, but for the first prompt.
    """

    def __init__(self, database: Database, *, batch: Batch, limit: int, room: int) -> None:
        self._connection, self._spill, self._counters, self._queues, self._claimed = database
        self._batch = batch
        self._version = batch.version
        self._limit = limit
        self._room = room
        self._rows: list[InputRow] = []
        self._failures = 0

    def run(self) -> list[InputRow]:
        """Take what there is; see `Store.claim`."""
        for _ in range(COLLISIONS):
            try:
                self._go_round()
            except _LostError:
                continue
            if not self._rows:
                self._check_holder([])
            return self._rows
        if self._rows:
            return self._rows
        raise StoreUnavailableError(
            f"{self._connection.place} has too much contention on queue {self._batch.queue!r}: "
            f"{COLLISIONS} claims in a row lost to others; try again"
        )

    def _go_round(self) -> None:
        ready = Ready(self._connection, self._batch.queue, lambda: self._left, lambda: self._room)
        for page in ready.pages():
            fitting = self._fitting(page)
            if fitting:
                self._take(fitting)
            if len(fitting) < len(page) or not self._left:
                return

    @property
    def _left(self) -> int:
        return self._limit - len(self._rows)

    def _fitting(self, page: Sequence[Message]) -> list[Message]:
        """As many as there is room for, at least one in all."""
        fitting: list[Message] = []
        room = self._room
        for document in page:
            room -= document.fields["size"].integer_value
            full = len(fitting) >= self._left
            if full or (room < 0 and (fitting or self._rows)):
                break
            fitting.append(document)
        return fitting

    def _take(self, page: Sequence[Message]) -> None:
        sizes = [document.fields["size"].integer_value for document in page]
        model = self._model()
        times: Sequence[Message] = ()
        try:
            reply = self._connection.commit(self._writes(page, sizes, model))
            times = [result.update_time for result in reply.write_results[1:]]
        except FAILURES as error:
            self._recover(page, error)
        self._failures = 0
        self._room -= sum(sizes)
        self._rows += input_rows(page, self._spill)
        # Whose times of update were lost with the reply is read again.
        taken = (_taken(document, model, at) for document, at in zip(page, times, strict=False))
        self._claimed.add(self._batch.id, len(page), taken)

    def _writes(self, page: Sequence[Message], sizes: Sequence[int], model: Message) -> list[Message]:
        writes = []
        for document in page:
            write = Write()
            write.CopyFrom(model)
            write.update.name = document.name
            write.current_document.update_time.CopyFrom(document.update_time)
            writes.append(write)
        deltas = Deltas()
        deltas.claim(self._batch.queue, sizes)
        forget = self._queues.forget([self._batch.queue])
        held = fence(self._connection.name("batches", self._batch.id), self._batch, self._version)
        return [held, *writes, *self._counters.writes(deltas), *forget]

    def _model(self) -> Message:
        content = {
            "state": str(PromptState.CLAIMED),
            "batch_id": self._batch.id,
            "claimed_at": self._connection.now(),
            "member": member_key(self._batch.id, PromptState.CLAIMED),
        }
        write = Write()
        fill(write.update.fields, content)
        write.update_mask.field_paths.extend((*_TAKEN, *_OVER))
        return write

    def _recover(self, page: Sequence[Message], error: Exception) -> None:
        """Find out whether a failed call was applied.

        Raises:
            _LostError: It was not; read anew.
        """
        if not isinstance(error, TRANSIENT + PRECONDITIONS):
            raise translated(error, self._connection.place, "claiming") from error
        if isinstance(error, TRANSIENT):
            if self._failures >= len(PAUSES):
                raise translated(error, self._connection.place, "claiming") from error
            self._connection.sleep(PAUSES[self._failures])
            self._failures += 1
            self._counters.elsewhere()
        (first,) = self._check_holder([page[0].name])
        if fields_of(first).get("batch_id") != self._batch.id:
            raise _LostError

    def _check_holder(self, names: Sequence[str]) -> list[Message]:
        """Read the batch, and documents beside it.

        Raises:
            StoreConflictError: The batch is not this holder's any more.
        """
        batch = self._batch
        name = self._connection.name("batches", batch.id)
        found = {each.name: each for each in self._connection.get_named([name, *names], _HOLDING)}
        if name not in found:
            raise StoreConflictError(f"batch {batch.id!r} is not recorded: plan it first")
        content = fields_of(found[name])
        state = content.get("state")
        if state != BatchState.PLANNED:
            raise StoreConflictError(f"batch {batch.id!r} is {state} by now and claims no more")
        if content.get("fence") != batch.fence:
            raise StoreConflictError(
                f"batch {batch.id!r} was taken over under fence {content.get('fence')}, after {batch.fence}"
            )
        self._version = version_of(found[name].update_time)
        return [found[each] for each in names if each in found]


def _taken(document: Message, model: Message, at: Message) -> Message:
    """A document as it stands after the claim; the message itself is changed."""
    for name in _OVER:
        document.fields.pop(name, None)
    for name in _TAKEN:
        document.fields[name].CopyFrom(model.update.fields[name])
    return without_request(document, at)


_HOLDING = ("state", "fence", "batch_id")
