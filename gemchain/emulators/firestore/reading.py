"""How one request reads, and what that costs: now, at a past time, or in a transaction."""

from typing import NamedTuple

from gemchain.emulators.firestore.database import Database
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.records import Version
from gemchain.emulators.firestore.search import Matches
from gemchain.emulators.firestore.times import exact_micros, fill
from gemchain.emulators.firestore.transactions import Transaction, Transactions

__all__ = ["Reading"]


class Reading(NamedTuple):
    """How one request reads: now, at a time, or in a transaction.

    Attributes:
        transactions: The transactions of the database, and through them the database.
        transaction: The transaction, if it reads in one.
        started: The id of that transaction when this very request began it.
        at_us: The time it asked for, None for now and in transactions.
    """

    transactions: Transactions
    transaction: Transaction | None = None
    started: bytes = b""
    at_us: int | None = None

    @property
    def database(self) -> Database:
        """The database it reads."""
        return self.transactions.database

    def get(self, name: str) -> Version:
        """Read a document, and bill it."""
        self.database.meter.reads += 1
        if self.transaction is not None:
            return self.transactions.get(self.transaction, name)
        return self.database.get(name, self.at_us)

    def run(self, query: Query) -> Matches:
        """Run a query; billing is the caller's."""
        if self.transaction is not None:
            return self.transactions.run(self.transaction, query)
        return self.database.run(query, self.at_us)

    @property
    def snapshot_us(self) -> int | None:
        """The time it reads at, None for now."""
        return self.at_us if self.transaction is None else self.transaction.snapshot_us

    def bill(self, found: int, skipped: int = 0) -> None:
        """Bill a query: one read at least, and one for each document found or skipped."""
        self.database.meter.reads += max(1, found + skipped)

    def stamp(self, timestamp: Message) -> None:
        """Fill in the time that was read."""
        snapshot = self.snapshot_us
        fill(timestamp, self.database.read_time() if snapshot is None else snapshot)

    @classmethod
    def of(cls, request: Message, transactions: Transactions) -> "Reading":
        """The way a request asks to read.

        Raises:
            Refusal: Its transaction or its read time cannot be used.
        """
        kind = None
        if "consistency_selector" in request.DESCRIPTOR.oneofs_by_name:
            kind = request.WhichOneof("consistency_selector")
        if kind == "transaction":
            return cls(transactions, transactions.find(request.transaction))
        if kind == "new_transaction":
            transaction = transactions.begin(request.new_transaction, read_only=True)
            return cls(transactions, transaction, started=transaction.id)
        if kind == "read_time":
            wanted = exact_micros(request.read_time, "read_time")
            return cls(transactions, at_us=transactions.database.check_read_time(wanted))
        return cls(transactions)
