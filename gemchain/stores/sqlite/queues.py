"""Queues: which ones hold prompts, since when, and the claim that takes prompts out.

Inside a queue prompts lie by rank (minus priority), then by `waits_at`: since when a prompt waits, or
until when it rests. So in each rank the ready ones come first, the longest-waiting in front, and
the resting ones behind the present moment: neither is ever read to reach the other.
"""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from gemchain.errors import StoreConflictError
from gemchain.records import Batch, InputRow, QueueStatus, queue_name
from gemchain.records.codec import from_micros
from gemchain.records.states import BatchState, PromptState
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.counters import Deltas
from gemchain.stores.sqlite.names import Names

__all__ = ["check_fence", "claim", "queue_statuses"]

_NEXT_RANK = "SELECT min(rank) FROM progress WHERE queue = ? AND rank > ?"
_READY = (
    "SELECT g.seq, CAST(p.size AS INTEGER), p.id, r.body, p.request_hash "
    "FROM progress g JOIN prompts p ON p.seq = g.seq JOIN requests r ON r.seq = g.seq "
    "WHERE g.queue = ? AND g.rank = ? AND g.waits_at <= ? ORDER BY g.waits_at, g.seq LIMIT ?"
)
_CLAIM = (
    "UPDATE progress SET state = 'CLAIMED', batch = ?, claimed_at = ?, not_before_at = NULL, queue = NULL, "
    "rank = NULL, waits_at = NULL, deadline_at = NULL, version = version + 1 "
    "WHERE seq IN (SELECT value FROM json_each(?))"
)
_SEQ, _SIZE, _OWNER = 0, 1, 4
_LOWEST_RANK = -(1 << 62)


def claim(
    db: Connection, names: Names, batch: Batch, *, limit: int, max_bytes: int, now: int
) -> list[InputRow]:
    """Move ready prompts to CLAIMED by a batch; inside a transaction."""
    check_fence(db, batch)
    queue = names.find_queue((batch.claims_from, batch.provider, batch.model, batch.owner))
    if queue is None:
        return []
    rows = _ready(db, queue, limit, max_bytes, _horizon(db, queue, now))
    holder = names.number(batch.id)
    db.execute(_CLAIM, (holder, now, json.dumps([row[_SEQ] for row in rows])))
    deltas = Deltas()
    deltas.prompts[batch.owner, PromptState.QUEUED] -= len(rows)
    deltas.prompts[batch.owner, PromptState.CLAIMED] += len(rows)
    deltas.waiting[queue] -= len(rows)
    deltas.size[queue] -= sum(row[_SIZE] for row in rows)
    deltas.write(db, now)
    return [InputRow(*row[2:]) for row in rows]


def check_fence(db: Connection, batch: Batch) -> None:
    """Refuse prompts for a batch that takes no more of them.

    Raises:
        StoreConflictError: It is not PLANNED any more, or another process took it over.
    """
    found = db.row("SELECT state, fence FROM batches WHERE id = ?", (batch.id,))
    if found is None:
        raise StoreConflictError(f"batch {batch.id!r} is not recorded: plan it first")
    if found[0] != BatchState.PLANNED:
        raise StoreConflictError(f"batch {batch.id!r} is {found[0]} by now and claims no more")
    if found[1] != batch.fence:
        raise StoreConflictError(
            f"batch {batch.id!r} was taken over under fence {found[1]}, after {batch.fence}"
        )


def _ready(db: Connection, queue: int, limit: int, max_bytes: int, now: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    room = max_bytes
    for rank in _ranks(db, queue):
        values = (queue, rank, now, limit - len(found))
        more, whole = db.rows_within(_READY, values, column=_SIZE, limit=room, at_least=0 if found else 1)
        found += more
        room -= sum(row[_SIZE] for row in more)
        # A large request is not overtaken by small ones of a lower priority.
        if not whole or len(found) >= limit:
            break
    return found


def _ranks(db: Connection, queue: int) -> Iterator[int]:
    """The ranks of a queue, first things first: one step down the index for each."""
    rank = _LOWEST_RANK
    while (found := db.row(_NEXT_RANK, (queue, rank))) is not None and found[0] is not None:
        rank = found[0]
        yield rank


def _horizon(db: Connection, queue: int, now: int) -> int:
    """Now, or the last moment the queue has seen, should the clock have been set back since."""
    found = db.row("SELECT CAST(newest_at AS INTEGER) FROM queues WHERE seq = ?", (queue,))
    return max(now, (found and found[0]) or 0)


_NUMBERS = ", ".join(f"CAST({name} AS INTEGER)" for name in ("waiting", "size", "newest_at"))


def queue_statuses(db: Connection, now: int, owners: Collection[str] | None = None) -> list[QueueStatus]:
    """Every queue in which prompts wait, all as they stood at one moment; with `owners`, only theirs."""
    sql = f"SELECT seq, lane, provider, model, owner, {_NUMBERS} FROM queues WHERE waiting > 0"
    with db.snapshot():
        rows = db.rows(sql)
        return [_status(db, row, now) for row in rows if owners is None or row[_OWNER] in owners]


_OLDEST = "SELECT min(waits_at) FROM progress WHERE queue = ? AND rank = ? AND waits_at <= ?"
_RESTING = "SELECT count(*), min(waits_at) FROM progress WHERE queue = ? AND rank = ? AND waits_at > ?"


def _status(db: Connection, row: tuple[Any, ...], now: int) -> QueueStatus:
    queue, lane, provider, model, owner, waiting, size, newest_at = row
    horizon = max(now, newest_at or 0)
    resting, oldest, due = 0, [], []
    for rank in _ranks(db, queue):
        oldest += db.rows(_OLDEST, (queue, rank, horizon))
        ((more, first),) = db.rows(_RESTING, (queue, rank, horizon))
        resting += more
        due.append((first,))
    return QueueStatus(
        queue=queue_name(lane, provider, model, owner),
        ready=waiting - resting,
        resting=resting,
        size=size,
        oldest_at=_first(oldest),
        newest_at=_moment(newest_at),
        due_at=_first(due),
    )


def _first(moments: list[tuple[Any, ...]]) -> datetime | None:
    return _moment(min((each for (each,) in moments if type(each) is int), default=None))


def _moment(micros: int | None) -> datetime | None:
    try:
        return from_micros(micros)
    except OverflowError:
        return None
