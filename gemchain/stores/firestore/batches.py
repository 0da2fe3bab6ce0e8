"""Batches and their parts: compare-and-set by the document's time of update.

Crash story. Every save leaves a token of its own. A call that failed is looked up: if the token is there it
was applied and only its reply was lost; if the document is still as it was before, it is sent again;
anything else is another process's save.
"""

import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gemchain.errors import StoreConflictError
from gemchain.records import Batch, Part
from gemchain.records.states import BatchState, PartState, check_move
from gemchain.stores.firestore.client.connection import PAUSES, Connection
from gemchain.stores.firestore.client.errors import FAILURES, PRECONDITIONS, TRANSIENT, translated
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.values import fields_of, fill, timestamp_of, version_of
from gemchain.stores.firestore.counters import CounterShards, Deltas
from gemchain.stores.firestore.documents.documents import batch_fields, part_fields
from gemchain.stores.firestore.documents.spill import Spill
from gemchain.stores.firestore.documents.writes import check_size, created

__all__ = ["Batches"]


REMEMBERED = 10_000
"""Versions of batches and parts whose state is known."""

R = TypeVar("R", Batch, Part)


class Batches:
    """Records batches and parts."""

    def __init__(self, connection: Connection, spill: Spill, counters: CounterShards) -> None:
        self._connection = connection
        self._spill = spill
        self._counters = counters
        self._lock = threading.Lock()
        self._states: dict[tuple[str, int], str] = {}

    def plan(self, batch: Batch) -> Batch:
        """Record a new batch; see `Store.plan`."""
        write, token = self._created("batches", batch.id, batch_fields(batch))
        return self._known(replace(batch, version=self._save([write], Deltas(), token)))

    def save(self, batch: Batch, parts: Sequence[Part]) -> Batch:
        """Replace a batch, and record its parts; see `Store.save_batch`."""
        before = BatchState(self._state("batches", batch))
        if before is not batch.state:
            check_move(before, batch.state)
        write, token = self._replaced("batches", batch, batch_fields(batch))
        more = [self._created("parts", part.id, part_fields(part))[0] for part in parts]
        deltas = Deltas()
        deltas.end_batch(batch.owner, before, batch.state)
        return self._known(replace(batch, version=self._save([write, *more], deltas, token)))

    def save_part(self, part: Part) -> Part:
        """Replace a part; see `Store.save_part`."""
        before = PartState(self._state("parts", part))
        if before is not part.state:
            check_move(before, part.state)
        write, token = self._replaced("parts", part, part_fields(part))
        return self._known(replace(part, version=self._save([write], Deltas(), token)))

    def known(self, records: Iterable[R]) -> list[R]:
        """Remember the states of records that were read, so that they are not read again to be changed."""
        return [self._known(each) for each in records]

    def _known(self, record: R) -> R:
        with self._lock:
            self._states[record.id, record.version] = str(record.state)
            while len(self._states) > REMEMBERED:
                del self._states[next(iter(self._states))]
        return record

    def _created(self, kind: str, record_id: str, content: dict[str, Any]) -> tuple[Message, str]:
        content, token = self._marked(record_id, content)
        return created(self._connection.name(kind, record_id), content), token

    def _replaced(self, kind: str, record: Batch | Part, content: dict[str, Any]) -> tuple[Message, str]:
        content, token = self._marked(record.id, content)
        write = Write()
        write.update.name = self._connection.name(kind, record.id)
        fill(write.update.fields, content)
        write.current_document.update_time.CopyFrom(timestamp_of(record.version))
        return write, token

    def _marked(self, record_id: str, content: dict[str, Any]) -> tuple[dict[str, Any], str]:
        pending: dict[str, bytes] = {}
        token = secrets.token_hex(8)
        content = self._spill.out(record_id, content, pending=pending) | {"token": token}
        self._spill.upload(pending)
        return content, token

    def _state(self, kind: str, record: Batch | Part) -> str:
        """The stored state of a record that is still as it was read, or else will conflict."""
        known = self._states.get((record.id, record.version))
        if known is not None:
            return known
        found = dict(self._connection.get(kind, [record.id], ["state"])).get(record.id)
        if found is None:
            raise StoreConflictError(f"{record.id!r} is not recorded in {kind}")
        if version_of(found.update_time) != record.version:
            raise _changed(record.id)
        return str(found.fields["state"].string_value)

    def _save(self, writes: Sequence[Message], deltas: Deltas, token: str) -> int:
        """Commit writes, the first of which bears the token; returns its version."""
        for write in writes:
            check_size(write)
        for pause in (*PAUSES, None):
            try:
                reply = self._connection.commit([*writes, *self._counters.writes(deltas)])
            except FAILURES as error:
                version = self._recover(writes, token, error, pause)
                if version is not None:
                    return version
            else:
                return version_of(reply.write_results[0].update_time)
        raise AssertionError("the last pause is None, which raises")

    def _recover(
        self, writes: Sequence[Message], token: str, error: Exception, pause: float | None
    ) -> int | None:
        """The version that a failed call left; None when it left nothing and may be sent again."""
        if not isinstance(error, TRANSIENT + PRECONDITIONS):
            raise translated(error, self._connection.place, "saving a batch") from error
        write = writes[0]
        found = next(iter(self._connection.get_named([write.update.name], ["token"])), None)
        if found is not None and fields_of(found).get("token") == token:
            return version_of(found.update_time)
        untouched = found is None
        if write.current_document.WhichOneof("condition_type") == "update_time":
            untouched = found is not None and found.update_time == write.current_document.update_time
        if not untouched or isinstance(error, PRECONDITIONS):
            raise _changed(write.update.name.rpartition("/")[2]) from error
        if pause is None:
            raise translated(error, self._connection.place, "saving a batch") from error
        self._connection.sleep(pause)
        return None


def _changed(record_id: str) -> StoreConflictError:
    return StoreConflictError(f"{record_id!r} exists already, or was changed meanwhile: read it again")
