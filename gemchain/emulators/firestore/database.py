"""One database: its documents over time, its clock, and the one place where they change."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.counters import Meter
from gemchain.emulators.firestore.indexes import Scope
from gemchain.emulators.firestore.messages import CommitResponse, Message
from gemchain.emulators.firestore.paths import DatabaseId, NameKey, document_key
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.records import NEVER, Record, Version
from gemchain.emulators.firestore.refusals import failed_precondition, invalid
from gemchain.emulators.firestore.search import Matches, search
from gemchain.emulators.firestore.times import MILLION, fill
from gemchain.emulators.firestore.writes import apply_write, target

__all__ = ["Database"]

Clock = Callable[[], float]


class Database:
    """Documents, their versions of the last hour, and the indexes over them.

    Nothing here locks by itself: callers hold `lock` for as long as what they read must stay true.

    Attributes:
        id: Project and database.
        lock: Guards everything in the database, the transactions and the meter included.
        meter: Counts billed operations.
    """

    def __init__(self, database_id: DatabaseId, clock: Clock) -> None:
        self.id = database_id
        self.lock = threading.RLock()
        self.meter = Meter()
        self._clock = clock
        self._last_us = 0
        self.clear()

    def clear(self) -> None:
        """Forget every document, as if the database were new; times keep rising."""
        with self.lock:
            self._records: dict[str, Record] = {}
            self._collections: dict[NameKey, Scope] = {}
            self._groups: dict[str, Scope] = {}
            self._commit_times: list[int] = []
            self._commits: list[list[Record]] = []

    # Times

    @property
    def seconds(self) -> float:
        """The clock, in seconds since the epoch."""
        return self._clock()

    def read_time(self) -> int:
        """A time at which everything committed so far is visible, and no later commit is."""
        self._last_us = max(self._last_us, int(self._clock() * MILLION))
        return self._last_us

    def check_read_time(self, time_us: int) -> int:
        """Check a read time that a request names.

        Raises:
            Refusal: INVALID_ARGUMENT in the future, FAILED_PRECONDITION more than an hour ago.
        """
        now = self.read_time()
        if time_us > now:
            raise invalid("The requested 'read_time' cannot be in the future.")
        if time_us < now - limits.HISTORY_SECONDS * MILLION:
            raise failed_precondition("The requested 'read_time' is too old: the last hour can be read.")
        return time_us

    def _next_commit_time(self) -> int:
        self._last_us = max(self._last_us + 1, int(self._clock() * MILLION))
        return self._last_us

    # Reading

    def key(self, name: str) -> NameKey:
        """Check a document name.

        Raises:
            Refusal: INVALID_ARGUMENT: not a document of this database, or against a limit of names.
        """
        return document_key(name, self.id.root)

    def get(self, name: str, at_us: int | None = None) -> Version:
        """The version of a document now, or at a time; its `document` is None where there is none."""
        self.key(name)
        record = self._records.get(name)
        if record is None:
            return NEVER
        return record.head if at_us is None else record.at(at_us)

    def run(self, query: Query, at_us: int | None = None) -> Matches:
        """Run a query now, or as of a time of the last hour."""
        changed = set() if at_us is None else self.changed_since(at_us)
        return search(query, self._scope(query), changed, at_us or 0)

    def changed_since(self, time_us: int) -> set[Record]:
        """Records with a version later than a time."""
        first = bisect_right(self._commit_times, time_us)
        return {record for commit in islice(self._commits, first, None) for record in commit}

    def records(self, at_us: int | None = None) -> Iterator[Record]:
        """Every record whose document exists, now or at a time."""
        for record in self._records.values():
            version = record.head if at_us is None else record.at(at_us)
            if version.document is not None:
                yield record

    def collection_paths(self, at_us: int | None = None) -> set[NameKey]:
        """Keys of every collection that holds a document, now or at a time."""
        if at_us is None:
            return {path for path, scope in self._collections.items() if len(scope)}
        return {record.key[:-1] for record in self.records(at_us)}

    def _scope(self, query: Query) -> Scope:
        if query.collection_id and not query.all_descendants:
            return self._collections.get((*query.parent, query.collection_id)) or Scope()
        return self._group(query.collection_id)

    def _group(self, collection_id: str) -> Scope:
        scope = self._groups.get(collection_id)
        if scope is None:
            wanted = (record for record in self.records() if collection_id in {"", record.key[-2]})
            scope = self._groups[collection_id] = Scope(wanted)
        return scope

    # Writing

    def commit(self, writes: Sequence[Message]) -> Message:
        """Apply writes in order, all of them or none.

        Returns:
            A CommitResponse.

        Raises:
            Refusal: A write is malformed or its precondition is not met. Nothing was applied.
        """
        response = CommitResponse()
        commit_us = self._next_commit_time()
        names = [target(write) for write in writes]
        working: dict[str, Message | None] = {}
        for write, name in zip(writes, names, strict=True):
            current = working[name] if name in working else self.get(name).document
            outcome = apply_write(write, name, current, commit_us)
            working[name] = _stamped(outcome.document, current, commit_us)
            response.write_results.add().transform_results.extend(outcome.transform_results)
        self._install(working, commit_us)
        self._report(response, writes, names)
        fill(response.commit_time, commit_us)
        return response

    def _install(self, working: dict[str, Message | None], commit_us: int) -> None:
        horizon = commit_us - limits.HISTORY_SECONDS * MILLION
        changed = [
            record
            for name, document in working.items()
            if (record := self._change(name, document, commit_us, horizon)) is not None
        ]
        if changed:
            self._commit_times.append(commit_us)
            self._commits.append(changed)
            self._forget(horizon)

    def _change(self, name: str, document: Message | None, commit_us: int, horizon: int) -> Record | None:
        record = self._records.get(name)
        before = None if record is None else record.head.document
        if before is document:
            return None
        if record is None:
            record = self._records[name] = Record(name, self.key(name))
        record.push(document, commit_us, horizon)
        for scope in self._scopes_of(record):
            scope.change(record, before, document)
        return record

    def _scopes_of(self, record: Record) -> Iterator[Scope]:
        path = record.key[:-1]
        if path not in self._collections:
            self._collections[path] = Scope()
        yield self._collections[path]
        for collection_id in ("", path[-1]):
            if collection_id in self._groups:
                yield self._groups[collection_id]

    def _forget(self, horizon: int) -> None:
        # A bit at a time: each commit may drop two old ones, so the log cannot outgrow the hour.
        old = min(bisect_right(self._commit_times, horizon), 2)
        if old:
            del self._commit_times[:old], self._commits[:old]

    def _report(self, response: Message, writes: Sequence[Message], names: list[str]) -> None:
        for write, name, result in zip(writes, names, response.write_results, strict=True):
            if write.WhichOneof("operation") == "delete":
                self.meter.deletes += 1
                continue
            self.meter.writes += 1
            document = self.get(name).document
            if document is not None:
                result.update_time.CopyFrom(document.update_time)


def _stamped(document: Message | None, current: Message | None, commit_us: int) -> Message | None:
    """Give a written document its times; one that did not change keeps those it has."""
    if document is None:
        return None
    if current is None:
        fill(document.create_time, commit_us)
        fill(document.update_time, commit_us)
        return document
    document.create_time.CopyFrom(current.create_time)
    document.update_time.CopyFrom(current.update_time)
    if document.SerializeToString(deterministic=True) == current.SerializeToString(deterministic=True):
        return current
    fill(document.update_time, commit_us)
    return document
