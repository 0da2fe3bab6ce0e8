"""What leads a process to work that waits: counters, queues, open batches and parts, prompts that are due.

All of it can be limited to the work of some owners; see `Store.owned_by`.
"""

from datetime import datetime
from typing import Any

from gemchain.ports import Clock
from gemchain.records import Batch, Counters, Part, Prompt, QueueStatus
from gemchain.records.codec import from_micros, to_micros
from gemchain.records.states import BatchState
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.counters import read_counters
from gemchain.stores.sqlite.names import Names
from gemchain.stores.sqlite.owners import Owners
from gemchain.stores.sqlite.queues import queue_statuses
from gemchain.stores.sqlite.rows import PROMPT_SELECT, prompt_record
from gemchain.stores.sqlite.tables import BATCHES, PARTS

__all__ = ["Work"]

_OPEN_BATCH = "state IN ('PLANNED', 'WRITTEN', 'SENT', 'ARRIVED')"
_MARKED = "FROM progress g JOIN prompts p ON p.seq = g.seq WHERE g.unsettled = 1"
_REVISITED = "FROM progress g JOIN prompts p ON p.seq = g.seq WHERE g.due_at IS NOT NULL"


class Work:
    """What `SqliteStore` shows of the work that waits."""

    _db: Connection
    _names: Names
    _clock: Clock
    _owners: Owners

    def counters(self) -> Counters:
        """How many records stand where; a handful of rows is read."""
        return read_counters(self._db, self._owners.names)

    def queues(self) -> list[QueueStatus]:
        """Every queue in which prompts wait."""
        return queue_statuses(self._db, self._micros(), self._owners.names)

    def open_batches(self) -> list[Batch]:
        """Every batch that is PLANNED, WRITTEN, SENT or ARRIVED, oldest first."""
        where = f"WHERE {_OPEN_BATCH}{self._owners.of_batch}"
        return BATCHES.records(self._db.rows(f"{BATCHES.select} {where} ORDER BY seq", self._owners.values))

    def list_batches(self, *, state: BatchState | None = None, limit: int = 100) -> list[Batch]:
        """Batches, newest first."""
        is_state, values = ("", ()) if state is None else (" AND state = ?", (state.value,))
        where = f"WHERE true{is_state}{self._owners.of_batch} ORDER BY seq DESC LIMIT ?"
        return BATCHES.records(
            self._db.rows(f"{BATCHES.select} {where}", (*values, *self._owners.values, limit))
        )

    def open_parts(self, batch_id: str | None = None) -> list[Part]:
        """Parts that are not DONE, of one batch or of all, in order."""
        of_batch, values = ("", ()) if batch_id is None else (" AND batch_id = ?", (batch_id,))
        where = f"WHERE state = 'WAITING'{of_batch}{self._owners.of_part}"
        sql = f'{PARTS.select} {where} ORDER BY batch_id, "index"'
        return PARTS.records(self._db.rows(sql, (*values, *self._owners.values)))

    def due_answers(self, *, limit: int) -> list[Prompt]:
        """ANSWERED prompts whose `not_before_at` is reached, in the order in which they fell due."""
        where = (
            f"WHERE g.due_at <= ? AND g.state = 'ANSWERED'{self._owners.of_prompt} ORDER BY g.due_at LIMIT ?"
        )
        return self._select(where, self._micros(), *self._owners.values, limit)

    def next_answer_at(self) -> datetime | None:
        """When the next ANSWERED prompt becomes due; None when there is none."""
        sql = f"SELECT g.due_at {_REVISITED}{self._owners.of_prompt} ORDER BY g.due_at LIMIT 1"
        row = self._db.row(sql, self._owners.values)
        return None if row is None else from_micros(row[0])

    def overdue(self, *, limit: int) -> list[Prompt]:
        """QUEUED and WAITING prompts whose `deadline_at` has passed, earliest deadline first."""
        where = f"WHERE g.deadline_at < ? AND g.state IN ('QUEUED', 'WAITING'){self._owners.of_prompt}"
        return self._select(
            f"{where} ORDER BY g.deadline_at LIMIT ?", self._micros(), *self._owners.values, limit
        )

    def ended_waits(self, *, limit: int) -> list[Prompt]:
        """WAITING prompts of kind `chain` whose chain has ended, or is not there."""
        ended = "NOT EXISTS (SELECT 1 FROM chains e WHERE e.id = g.awaits AND e.state = 'RUNNING')"
        where = (
            f"WHERE g.awaits IS NOT NULL AND g.state = 'WAITING' AND {ended}{self._owners.of_prompt} LIMIT ?"
        )
        return self._select(where, *self._owners.values, limit)

    def unsettled_chains(self, *, limit: int) -> list[str]:
        """Chains with a prompt marked `unsettled`."""
        sql = f"SELECT DISTINCT p.chain_id {_MARKED}{self._owners.of_prompt} LIMIT ?"
        return [each for (each,) in self._db.rows(sql, (*self._owners.values, limit))]

    def _select(self, where: str, *values: Any) -> list[Prompt]:
        return self._records(self._db.rows(PROMPT_SELECT + where, values))

    def _records(self, rows: list[tuple[Any, ...]]) -> list[Prompt]:
        queues, names = self._names.queue, self._names.text
        return [prompt_record(row, queues, names) for row in rows]

    def _micros(self) -> int:
        now = to_micros(self._clock.now())
        assert now is not None
        return now
