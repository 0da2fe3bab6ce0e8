"""What leads a process to work that waits: counters, queues, open batches and parts, prompts that are due.

All of it can be limited to the work of some owners; see `Store.owned_by`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TypeVar

from gemchain.records import Batch, Counters, Part, Prompt, QueueStatus
from gemchain.records.codec import from_micros, to_micros
from gemchain.records.states import BatchState
from gemchain.stores.firestore.batches import Batches
from gemchain.stores.firestore.claims.queues import Queues
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import version_of
from gemchain.stores.firestore.commits.overflow import OverflowWrites
from gemchain.stores.firestore.counters import CounterShards
from gemchain.stores.firestore.documents.documents import batch_record, expires_key, part_record
from gemchain.stores.firestore.reads.reading import Reader
from gemchain.stores.firestore.reads.revisits import first_revisit
from gemchain.stores.firestore.reads.unsettled import marked
from gemchain.stores.firestore.reads.waits import Waits

__all__ = ["Work", "in_order"]

R = TypeVar("R", Batch, Prompt)


class Work:
    """What `FirestoreStore` shows of the work that waits."""

    _connection: Connection
    _counters: CounterShards
    _queues: Queues
    _reader: Reader
    _waits: Waits
    _batches: Batches
    _overflow: OverflowWrites
    _owners: frozenset[str] | None

    def now(self) -> datetime:
        """The service's time, as its latest replies told."""
        return self._connection.now()

    def counters(self) -> Counters:
        """How many records stand where; a handful of documents is read."""
        return self._counters.counters(self._owners)

    def queues(self) -> list[QueueStatus]:
        """Every queue in which prompts wait; units that were broken off half-way are finished first."""
        self._overflow.finish_left()
        return self._queues.statuses(self._owners)

    def open_batches(self) -> list[Batch]:
        """Every batch that is PLANNED, WRITTEN, SENT or ARRIVED, oldest first."""
        found = self._mine(self._reader.found("batches", Query([("open", "==", True)]), batch_record))
        return sorted(self._batches.known(found), key=lambda batch: (batch.created_at, batch.id))

    def list_batches(self, *, state: BatchState | None = None, limit: int = 100) -> list[Batch]:
        """Batches, newest first."""
        found: list[Batch] = []
        for each in BatchState if state is None else (state,):
            found += self._first_of_mine(partial(self._shelved, each), limit)
        return sorted(found, key=lambda batch: (batch.created_at, batch.id), reverse=True)[:limit]

    def _shelved(self, state: BatchState, limit: int) -> list[Batch]:
        where = [("shelf", ">", f"{state} "), ("shelf", "<", f"{state}!")]
        query = Query(where, order="shelf", descending=True, limit=limit)
        return self._reader.found("batches", query, batch_record)

    def open_parts(self, batch_id: str | None = None) -> list[Part]:
        """Parts that are not DONE, of one batch or of all, in order."""
        query = Query([("open", ">", "")], "open") if batch_id is None else Query([("open", "==", batch_id)])
        found = self._batches.known(self._reader.found("parts", query, part_record))
        if self._owners is not None and found:
            shown = {each.id for each in self.open_batches()}
            found = [each for each in found if each.batch_id in shown]
        return in_order(found)

    def due_answers(self, *, limit: int) -> list[Prompt]:
        """ANSWERED prompts whose `not_before_at` is reached, longest-waiting first."""
        due = ("revisit", "<=", to_micros(self.now()))
        return self._first_of_mine(lambda asked: self._reader.first(due, limit=asked, order="revisit"), limit)

    def next_answer_at(self) -> datetime | None:
        """When the next ANSWERED prompt becomes due; of several without a rest, since when one has been."""
        first = first_revisit(self._connection, self._owners)
        if first is None:
            return None
        # What did not rest was last written when it was answered.
        answered_at = min(version_of(first.update_time), to_micros(self.now()) or 0)
        return from_micros(first.fields["revisit"].integer_value or answered_at)

    def overdue(self, *, limit: int) -> list[Prompt]:
        """QUEUED and WAITING prompts whose `deadline_at` has passed."""
        return self._first_of_mine(self._overdue, limit)

    def _overdue(self, limit: int) -> list[Prompt]:
        found: list[Prompt] = []
        now, last = self.now(), ""
        # From one shard with deadlines to the next: most states have none at all.
        while len(found) < limit:
            query = Query([("expires", ">", last)], "expires", fields=["expires"], limit=1)
            first = self._connection.find("prompts", query)
            if not first:
                break
            earliest = first[0].fields["expires"].string_value
            shard = earliest.partition(" ")[0]
            if earliest < (end := expires_key(shard, now)):
                due = (("expires", ">=", earliest), ("expires", "<", end))
                found += self._reader.first(*due, limit=limit - len(found), order="expires")
            last = f"{shard}~"
        return found

    def ended_waits(self, *, limit: int) -> list[Prompt]:
        """WAITING prompts of kind `chain` whose chain has ended, or is not there."""
        return self._first_of_mine(self._waits.ended, limit)

    def unsettled_chains(self, *, limit: int) -> list[str]:
        """Chains with a prompt marked `unsettled`, by id."""
        return marked(self._connection, limit, self._owners)

    def _mine(self, found: Iterable[R]) -> list[R]:
        """Of records the ones of the owners that are shown."""
        return [each for each in found if self._owners is None or each.owner in self._owners]

    def _first_of_mine(self, find: Callable[[int], list[R]], limit: int) -> list[R]:
        """The first records of the owners that are shown: looked for among more and more of all of them."""
        asked = limit
        while True:
            found = find(asked)
            mine = self._mine(found)
            if len(mine) >= limit or len(found) < asked:
                return mine[:limit]
            asked *= 2


def in_order(parts: list[Part]) -> list[Part]:
    """Parts of several batches, batch by batch, each in its order."""
    return sorted(parts, key=lambda part: (part.batch_id, part.index))
