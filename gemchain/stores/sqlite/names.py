"""Short numbers for text that very many rows share: queues, ids of batches, addresses of output files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gemchain.errors import DamagedError
from gemchain.records import Prompt
from gemchain.stores.sqlite.connection import Connection

__all__ = ["Names", "QueueParts"]

QueueParts = tuple[str, str, str, str]
"""Lane, provider, model and owner of a queue."""

_KEPT = 10_000


class Names:
    """Numbers to text and back, remembered. What is recorded once never changes.

    Numbers are given out inside a transaction, which runs inside `kept`.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._texts: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._queues: dict[int, QueueParts] = {}
        self._queue_numbers: dict[QueueParts, int] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around a transaction: what it remembered is forgotten when it is rolled back."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """Drop what is remembered: some of it may have been rolled back."""
        for each in (self._texts, self._numbers, self._queues, self._queue_numbers):
            each.clear()

    def text(self, number: int) -> str:
        """The text behind a number."""
        found = self._texts.get(number)
        if found is None:
            row = self._db.row("SELECT name FROM names WHERE seq = ?", (number,))
            found = self._remember(number, *_texts(row, "names", number))
        return found

    def find(self, text: str) -> int | None:
        """The number of a text; None when it was never recorded."""
        found = self._numbers.get(text)
        if found is None:
            row = self._db.row("SELECT seq FROM names WHERE name = ?", (text,))
            if row is not None:
                found = row[0]
                self._remember(row[0], text)
        return found

    def number(self, text: str) -> int:
        """The number of a text, recorded now if need be; inside a transaction only."""
        found = self._numbers.get(text)
        if found is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (text,))
            found = self.find(text)
            assert found is not None
        return found

    def queue(self, number: int) -> QueueParts:
        """Lane, provider, model and owner of a queue."""
        found = self._queues.get(number)
        if found is None:
            row = self._db.row("SELECT lane, provider, model, owner FROM queues WHERE seq = ?", (number,))
            lane, provider, model, owner = _texts(row, "queues", number)
            found = self._queues[number] = lane, provider, model, owner
        return found

    def find_queue(self, queue: QueueParts) -> int | None:
        """The number of a queue; None when nothing was ever recorded for it."""
        found = self._queue_numbers.get(queue)
        if found is None:
            sql = "SELECT seq FROM queues WHERE lane = ? AND provider = ? AND model = ? AND owner = ?"
            row = self._db.row(sql, queue)
            if row is not None:
                found = self._queue_numbers[queue] = row[0]
        return found

    def queue_number(self, queue: QueueParts) -> int:
        """The number of a queue, recorded now if need be; inside a transaction only."""
        found = self._queue_numbers.get(queue)
        if found is None:
            self._db.execute(
                "INSERT OR IGNORE INTO queues (lane, provider, model, owner) VALUES (?, ?, ?, ?)", queue
            )
            found = self.find_queue(queue)
            assert found is not None
        return found

    def queue_of(self, prompt: Prompt) -> int:
        """The number of the queue that a prompt belongs to; inside a transaction only."""
        return self.queue_number((prompt.lane, prompt.provider, prompt.model, prompt.owner))

    def _remember(self, number: int, text: str) -> str:
        if len(self._texts) >= _KEPT:
            self._texts.clear()
            self._numbers.clear()
        self._texts[number] = text
        self._numbers[text] = number
        return text


def _texts(row: tuple[Any, ...] | None, table: str, number: int) -> tuple[str, ...]:
    """The texts of a row.

    Raises:
        DamagedError: There is no such row, or it holds something else.
    """
    if row is None or not all(type(each) is str for each in row):
        raise DamagedError(f"row {number!r} of {table} cannot be read")
    return row
