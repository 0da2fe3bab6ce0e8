"""Queues: which ones hold prompts, and since when.

The index of `queue` lists its own values: the first one, then the first one beyond it, and so on; each is
counted where it stands. Nothing that decides whether a prompt is found rests on a number kept elsewhere.

Since when the longest-waiting prompt waits is in no index, since one that rises with time would slow every
submit. The first process that sees prompts in a queue writes a small document that says so, and a process
that takes prompts out of it removes that document. So the time is right or a little late, never early.
"""

import threading
import urllib.parse
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from gemchain.records import QueueStatus, queue_owner
from gemchain.records.codec import from_micros
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.errors import FAILURES
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.query import Query
from gemchain.stores.firestore.client.values import fields_of, fill
from gemchain.stores.firestore.counters import CounterShards
from gemchain.stores.firestore.documents.documents import queue_key, queue_of, resting_key

__all__ = ["Queues"]

KIND = "queues"


class _Rest(NamedTuple):
    """How many rested long enough, how many still rest, and until when the first of these does."""

    due: int = 0
    resting: int = 0
    due_at: datetime | None = None


_NO_REST = _Rest()


class Queues:
    """What waits in which queue."""

    def __init__(self, connection: Connection, counters: CounterShards) -> None:
        self._connection = connection
        self._counters = counters
        self._lock = threading.Lock()
        self._joined_at: dict[str, datetime] = {}

    def joined(self, queues: Iterable[str]) -> None:
        """Remember that this process has just added to these queues."""
        now = self._connection.now()
        with self._lock:
            for queue in queues:
                self._joined_at.setdefault(queue, now)

    def forget(self, queues: Iterable[str]) -> list[Message]:
        """What a commit that takes prompts out of these queues must add."""
        names = sorted(queues)
        with self._lock:
            for queue in names:
                self._joined_at.pop(queue, None)
        return [Write(delete=self._connection.name(KIND, _document_id(queue))) for queue in names]

    def statuses(self, owners: Collection[str] | None = None) -> list[QueueStatus]:
        """Every queue in which prompts wait; with `owners`, only theirs."""
        keys: dict[str, list[str]] = {}
        for key in self._values("queue", lambda value: value):
            keys.setdefault(queue_of(key), []).append(key)
        resting = {queue_of(key) for key in self._values("resting", _beyond_its_queue)}
        keys |= {queue: [] for queue in resting - keys.keys()}
        if owners is not None:
            keys = {queue: found for queue, found in keys.items() if queue_owner(queue) in owners}
            resting &= keys.keys()
        if not keys:
            return []
        now = self._connection.now()
        numbers, since = self._counters.read(owners), self._since(keys, now)
        rests = {queue: self._resting(queue, now) for queue in resting}
        return [
            self._status(queue, keys[queue], rests.get(queue, _NO_REST), numbers, since[queue])
            for queue in keys
        ]

    def _values(self, field: str, beyond: Any) -> Iterable[str]:
        """The distinct values of an indexed field, one step for each."""
        last = ""
        while True:
            query = Query([(field, ">", last)], order=field, fields=[field], limit=1)
            found = self._connection.find("prompts", query)
            if not found:
                return
            value = found[0].fields[field].string_value
            yield value
            last = beyond(value)

    def _status(
        self,
        queue: str,
        keys: Iterable[str],
        rest: "_Rest",
        numbers: dict[str, dict[str, Any]],
        since: datetime,
    ) -> QueueStatus:
        ready = sum(self._connection.count("prompts", Query([("queue", "==", key)])) for key in keys)
        due, resting, due_at = rest
        newest_at = _time(numbers["newest"].get(queue))
        return QueueStatus(
            queue=queue,
            ready=ready + due,
            resting=resting,
            size=max(0, int(numbers.get("bytes", {}).get(queue, 0))),
            oldest_at=since if ready + due else None,
            newest_at=newest_at,
            due_at=due_at,
        )

    def _resting(self, queue: str, now: datetime) -> "_Rest":
        key = queue_key(queue, 0)
        all_of_it = [("resting", ">", f"{key} "), ("resting", "<", f"{key} :")]
        total = self._connection.count("prompts", Query(all_of_it, order="resting"))
        later = [("resting", ">", resting_key(queue, now)), all_of_it[1]]
        resting = self._connection.count("prompts", Query(later, order="resting"))
        first = Query(later, order="resting", fields=["not_before_at"], limit=1)
        found = [fields_of(each).get("not_before_at") for each in self._connection.find("prompts", first)]
        due_at = next((at for at in found if isinstance(at, datetime)), None)
        return _Rest(total - resting, resting, due_at)

    def _since(self, queues: Collection[str], now: datetime) -> dict[str, datetime]:
        ids = {_document_id(queue): queue for queue in queues}
        found = self._connection.get(KIND, ids)
        seen = {ids[each]: fields_of(document).get("since") for each, document in found}
        since = {queue: at for queue, at in seen.items() if isinstance(at, datetime)}
        writes = []
        for queue in queues:
            if queue not in since:
                with self._lock:
                    since[queue] = min(now, self._joined_at.get(queue, now))
                write = Write()
                write.update.name = self._connection.name(KIND, _document_id(queue))
                fill(write.update.fields, {"queue": queue, "since": since[queue]})
                writes.append(write)
        if writes:
            # Only a hint: the next who looks leaves it again.
            with suppress(*FAILURES):
                self._connection.commit(writes)
        return since


def _time(micros: Any) -> datetime | None:
    try:
        return None if micros is None else from_micros(int(micros))
    except OverflowError:
        return None


def _beyond_its_queue(value: str) -> str:
    return f"{value.partition(' ')[0]} :"


def _document_id(queue: str) -> str:
    return urllib.parse.quote(queue, safe=":")
