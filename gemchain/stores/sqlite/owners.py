"""Owners: the condition that limits a query to the work of some, and the records of runs."""

import json
from collections.abc import Collection
from typing import Any

from gemchain.records import Run
from gemchain.records.codec import from_micros, to_micros
from gemchain.records.damage import UNREADABLE
from gemchain.stores.sqlite.connection import Connection

__all__ = ["Owners", "read_runs", "write_run"]

_AMONG = "IN (SELECT value FROM json_each(?))"


class Owners:
    """Conditions on the owner of a prompt, a batch or a part; without owners they are empty.

    Args:
        names: Whose work is shown; None for everyone's.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        self.names = None if names is None else frozenset(names)
        self.values: tuple[str, ...] = () if names is None else (json.dumps(sorted(names)),)

    @property
    def of_prompt(self) -> str:
        """On a row `p` of `prompts`, after other conditions."""
        return self._when(f" AND p.queue IN (SELECT q.seq FROM queues q WHERE q.owner {_AMONG})")

    @property
    def of_batch(self) -> str:
        """On a row of `batches`, after other conditions."""
        return self._when(f" AND owner {_AMONG}")

    @property
    def of_part(self) -> str:
        """On a row of `parts`, after other conditions."""
        return self._when(f" AND batch_id IN (SELECT b.id FROM batches b WHERE b.owner {_AMONG})")

    def _when(self, condition: str) -> str:
        return "" if self.names is None else condition


_TEXTS = ("id", "kind", "function", "input", "output", "command", "folder")
_COLUMNS = f"{', '.join(_TEXTS)}, created_at, begun_at"
_SAVE = (
    f"INSERT INTO runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, function = excluded.function, "
    "input = excluded.input, output = excluded.output, command = excluded.command, folder = excluded.folder, "
    "begun_at = excluded.begun_at"
)


def write_run(db: Connection, run: Run) -> None:
    """Record a run, or that it is continued; see `Store.save_run`."""
    texts = run.id, run.kind, run.function, run.input, run.output, run.command, run.folder
    times = to_micros(run.created_at), to_micros(run.begun_at)
    with db.transaction(durable=True):
        db.execute(_SAVE, (*texts, *times))


def read_runs(db: Connection, ids: Collection[str] | None, limit: int) -> list[Run]:
    """Runs with these ids, or all; see `Store.runs`."""
    where, values = ("", ()) if ids is None else (f"WHERE id {_AMONG}", (json.dumps([*ids]),))
    sql = f"SELECT {_COLUMNS} FROM runs {where} ORDER BY begun_at DESC, id LIMIT ?"
    return [run for row in db.rows(sql, (*values, limit)) if (run := _run(*row)) is not None]


def _run(*row: Any) -> Run | None:
    """The run in a row; None when its times make no sense."""
    *texts, created, begun = row
    try:
        created_at, begun_at = from_micros(created), from_micros(begun)
    except UNREADABLE:
        return None
    if created_at is None or begun_at is None:
        return None
    named = dict(zip(_TEXTS, texts, strict=True))
    return Run(**named, created_at=created_at, begun_at=begun_at)
