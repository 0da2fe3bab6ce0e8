"""Serializable transactions: snapshot reads, and a check of everything that was read at commit.

A read-write transaction reads the database as it stood at its first read. Its commit goes through
only if no document it read, and no query it ran, would come out differently now; so phantoms and write
skew end in ABORTED. The first to commit wins; `line` sees to it that those who lost get their turn.
https://docs.cloud.google.com/firestore/docs/transaction-data-contention
"""

import secrets
from collections.abc import Sequence
from itertools import count

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.database import Database
from gemchain.emulators.firestore.line import Line, query_topic, write_topics
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.records import Version
from gemchain.emulators.firestore.refusals import EXPIRED, aborted, invalid
from gemchain.emulators.firestore.search import Matches
from gemchain.emulators.firestore.times import exact_micros
from gemchain.emulators.firestore.writes import target

__all__ = ["Transaction", "Transactions"]

_REMEMBERED = 4_096


class Transaction:
    """One attempt.

    Attributes:
        id: The opaque id clients send back.
        read_only: Whether it may not write.
        place: Its place in line; a retry keeps the place of the attempt it retries.
        claims: The topics that attempt touched; younger transactions wait for them.
        touched: The topics this attempt has touched.
        snapshot_us: The time it reads at, None before its first read.
    """

    def __init__(
        self, place: tuple[int, int], began: float, *, read_only: bool, claims: frozenset[str]
    ) -> None:
        self.id = secrets.token_bytes(16)
        self.read_only = read_only
        self.place = place
        self.claims = claims
        self.touched: set[str] = set()
        self.snapshot_us: int | None = None
        self.documents: set[str] = set()
        self.queries: list[tuple[Query, list[tuple[str, int]]]] = []
        self.began = self.used = began

    def expired(self, now: float) -> bool:
        """Whether it lived 270 seconds, or was idle for 60."""
        return (
            now - self.began > limits.TRANSACTION_SECONDS or now - self.used > limits.TRANSACTION_IDLE_SECONDS
        )


class Transactions:
    """The transactions of one database. Callers hold the database's lock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._places = count()
        self._active: dict[bytes, Transaction] = {}
        self._ended: dict[bytes, Transaction] = {}
        self._line = Line(database.lock, lambda: database.seconds)

    def clear(self) -> None:
        """Forget all transactions: those under way find themselves expired."""
        for transaction in list(self._active.values()):
            self._end(transaction)

    def begin(self, options: Message, *, read_only: bool = False) -> Transaction:
        """Start a transaction.

        Args:
            options: A TransactionOptions.
            read_only: What it is when the options name no mode.

        Raises:
            Refusal: The read time is not one that can be read.
        """
        mode = options.WhichOneof("mode")
        if mode is not None:
            read_only = mode == "read_only"
        transaction = self._new(options.read_write.retry_transaction, read_only=read_only)
        if options.read_only.HasField("read_time"):
            wanted = exact_micros(options.read_only.read_time, "read_time")
            transaction.snapshot_us = self.database.check_read_time(wanted)
        self._active[transaction.id] = transaction
        if not transaction.read_only:
            self._line.join(transaction)
        return transaction

    def _new(self, retried: bytes, *, read_only: bool) -> Transaction:
        # Threads that share one @transactional function send each other's ids here, so the transaction
        # to retry may well be under way: it is left alone, and only its place is taken over.
        before = self._ended.get(retried) or self._active.get(retried)
        now, number = self.database.seconds, next(self._places)
        if before is None:
            return Transaction((number, number), now, read_only=read_only, claims=frozenset())
        claims = frozenset(before.claims | before.touched)
        return Transaction((before.place[0], number), now, read_only=read_only, claims=claims)

    def find(self, transaction_id: bytes, *, committing: bool = False) -> Transaction:
        """A transaction under way.

        Raises:
            Refusal: INVALID_ARGUMENT: it ended, expired or never was; ABORTED: its commit comes too late.
        """
        transaction = self._active.get(transaction_id)
        if transaction is None:
            raise invalid(EXPIRED if transaction_id in self._ended else "Invalid transaction.")
        if transaction.expired(self.database.seconds):
            self._end(transaction)
            raise aborted(EXPIRED) if committing else invalid(EXPIRED)
        transaction.used = self.database.seconds
        return transaction

    def get(self, transaction: Transaction, name: str) -> Version:
        """Read a document in a transaction."""
        snapshot = self._snapshot(transaction, {name})
        transaction.documents.add(name)
        return self.database.get(name, snapshot)

    def run(self, transaction: Transaction, query: Query) -> Matches:
        """Run a query in a transaction."""
        snapshot = self._snapshot(transaction, {query_topic(query)})
        matches = self.database.run(query, snapshot)
        transaction.queries.append((query, _fingerprint(matches)))
        return matches

    def commit(self, transaction_id: bytes, writes: Sequence[Message]) -> Message:
        """Check what the transaction read, apply its writes, and end it either way.

        Returns:
            A CommitResponse.

        Raises:
            Refusal: ABORTED when something it read has changed since; what a commit answers otherwise.
        """
        transaction = self.find(transaction_id, committing=True)
        try:
            if writes:
                self._check(transaction, writes)
            return self.database.commit(writes)
        finally:
            self._end(transaction)

    def rollback(self, transaction_id: bytes) -> None:
        """End a transaction without writing. Again is fine: clients do so after a failed commit.

        Raises:
            Refusal: INVALID_ARGUMENT: there never was such a transaction.
        """
        if transaction_id in self._ended:
            return
        self._end(self.find(transaction_id))

    def _snapshot(self, transaction: Transaction, topics: set[str]) -> int:
        transaction.touched |= topics
        if not transaction.read_only:
            self._line.wait(transaction, topics)
        if transaction.snapshot_us is None:
            transaction.snapshot_us = self.database.read_time()
        return transaction.snapshot_us

    def _check(self, transaction: Transaction, writes: Sequence[Message]) -> None:
        if transaction.read_only:
            raise invalid("Cannot modify entities in a read-only transaction.")
        names = {target(write) for write in writes}
        transaction.touched |= names
        self._line.wait(
            transaction, {topic for name in names for topic in write_topics(name, self.database.id.root)}
        )
        if transaction.snapshot_us is not None and self._outdated(transaction, transaction.snapshot_us):
            self._line.contend(transaction)
            raise aborted()

    def _outdated(self, transaction: Transaction, snapshot_us: int) -> bool:
        changed = self.database.changed_since(snapshot_us)
        if any(record.name in transaction.documents for record in changed):
            return True
        return any(
            any(query.selects(record) for record in changed)
            and _fingerprint(self.database.run(query)) != seen
            for query, seen in transaction.queries
        )

    def _end(self, transaction: Transaction) -> None:
        self._active.pop(transaction.id, None)
        self._ended[transaction.id] = transaction
        transaction.queries.clear()
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._line.leave(transaction)


def _fingerprint(matches: Matches) -> list[tuple[str, int]]:
    return [(match.record.name, match.version.at_us) for match in matches.found]
