"""Batches and their parts: compare-and-set by version.

Every batch that is saved is durable against a power cut. A provider job is created between two saves:
the first says that a job may exist, and if it were lost, no process would look for the job before paying
for another.
"""

from collections.abc import Sequence
from dataclasses import replace
from sqlite3 import IntegrityError

from gemchain.errors import StoreConflictError
from gemchain.records import Batch, Part
from gemchain.records.states import BatchState, PartState, check_move
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.counters import Deltas
from gemchain.stores.sqlite.tables import BATCHES, PARTS

__all__ = ["insert_batch", "replace_batch", "replace_part"]


def insert_batch(db: Connection, batch: Batch, now: int) -> Batch:
    """Record a new batch."""
    stored = replace(batch, version=1)
    with db.transaction(durable=True):
        if db.row("SELECT 1 FROM batches WHERE id = ?", (batch.id,)) is not None:
            raise StoreConflictError(f"batch {batch.id!r} exists already")
        db.execute(BATCHES.insert, BATCHES.values(stored))
        deltas = Deltas()
        deltas.batches[batch.owner, batch.state] += 1
        deltas.write(db, now)
    return stored


def replace_batch(db: Connection, batch: Batch, parts: Sequence[Part], now: int) -> Batch:
    """Replace a batch, and record its parts, in one transaction."""
    stored = replace(batch, version=batch.version + 1)
    with db.transaction(durable=True):
        before = BatchState(_state(db, "batches", batch))
        if before is not batch.state:
            check_move(before, batch.state)
        db.execute(BATCHES.update, (*BATCHES.values(stored), batch.id, batch.version))
        _insert_parts(db, batch.id, parts)
        deltas = Deltas()
        deltas.batches[batch.owner, before] -= 1
        deltas.batches[batch.owner, batch.state] += 1
        deltas.write(db, now)
    return stored


def _insert_parts(db: Connection, batch_id: str, parts: Sequence[Part]) -> None:
    try:
        db.execute_all(PARTS.insert, [PARTS.values(replace(part, version=1)) for part in parts])
    except IntegrityError as error:
        raise StoreConflictError(f"batch {batch_id!r} has parts already ({error})") from error


def replace_part(db: Connection, part: Part) -> Part:
    """Replace a part."""
    stored = replace(part, version=part.version + 1)
    with db.transaction():
        before = PartState(_state(db, "parts", part))
        if before is not part.state:
            check_move(before, part.state)
        db.execute(PARTS.update, (*PARTS.values(stored), part.id, part.version))
    return stored


def _state(db: Connection, table: str, record: Batch | Part) -> str:
    """The stored state of a record that is still as it was read."""
    found = db.row(f"SELECT state, version FROM {table} WHERE id = ?", (record.id,))
    if found is None:
        raise StoreConflictError(f"{record.id!r} is not recorded in {table}")
    if found[1] != record.version:
        raise StoreConflictError(
            f"{record.id!r} has version {found[1]} by now, not {record.version}: read it again"
        )
    return str(found[0])
