"""Retention: rows of chains and batches that ended long ago are removed, group by group.

Candidates are looked for outside of any transaction, window by window, and looked at once more inside the
one that removes them: other writers wait for a group of rows, never for the search. SQLite keeps the pages
that become free and fills them again; only `compact` makes the file smaller.

Crash story. A chain goes in one transaction, with all of its rows, so a process that dies leaves it whole or
gone; the next run begins anew and finds what is left. Two at once remove each row once. A prompt's row number
is part of its version, so numbers are never given out again: the highest that was removed is kept in
`counters`.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from gemchain.records import Batch, Forgotten, Space
from gemchain.records.arguments import pruned
from gemchain.records.codec import to_micros
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.tables import BATCHES

__all__ = ["HIGHEST_ROW", "Retention"]

WINDOW = 20_000
"""Rows of chains that one query looks at."""

GROUP = 2_000
"""Prompts that one transaction removes; a chain that has more goes alone."""

HIGHEST_ROW = "row.prompts"
"""The counter that holds the highest row number of a prompt that was removed."""

_RIPE = """
SELECT c.seq, c.key, (SELECT count(*) FROM prompts p WHERE p.chain = c.seq) AS size FROM chains c
WHERE {which} AND c.state <> 'RUNNING' AND c.open = 0 AND c.ended_at < ?1
AND NOT EXISTS (SELECT 1 FROM progress w WHERE w.awaits = c.id)
AND NOT EXISTS (
    SELECT 1 FROM prompts p JOIN progress g ON g.seq = p.seq WHERE p.chain = c.seq AND (g.unsettled = 1
    OR g.batch IN (
        SELECT n.seq FROM batches b JOIN names n ON n.name = b.id
        WHERE b.state IN ('PLANNED', 'WRITTEN', 'SENT', 'ARRIVED')
    ))
)
AND (?2 OR c.key IS NULL OR size > 0) ORDER BY c.seq
"""
_IN_WINDOW = _RIPE.format(which="c.seq > ?3 AND c.seq <= ?4")
_OF_GROUP = _RIPE.format(which="c.seq IN (SELECT value FROM json_each(?3))")

_THEIRS = "SELECT p.seq FROM prompts p WHERE p.chain IN (SELECT value FROM json_each(?))"
_NOTE_HIGHEST = (
    f"INSERT INTO counters (owner, name, value) VALUES ('', '{HIGHEST_ROW}', ?) "
    "ON CONFLICT (owner, name) DO UPDATE SET value = max(value, excluded.value)"
)
_UNUSED = (
    "state IN ('CLOSED', 'FAILED') AND NOT EXISTS "
    "(SELECT 1 FROM progress g WHERE g.batch = (SELECT n.seq FROM names n WHERE n.name = batches.id))"
)

Ripe = tuple[int, str | None, int]


class Retention:
    """What `SqliteStore` does for `gemchain gc`."""

    _db: Connection

    def forget_chains(
        self, before: datetime, *, keys: bool = False, dry_run: bool = False
    ) -> Iterator[Forgotten]:
        """Remove chains that ended before a time; see `Store.forget_chains`."""
        for window in self._windows(before, keys=keys):
            for group in _groups(window):
                yield _sum(group, keys=keys) if dry_run else self._forget(group, before, keys=keys)

    def _windows(self, before: datetime, *, keys: bool) -> Iterator[list[Ripe]]:
        """The chains that may go, as far as one look can tell."""
        ((highest,),) = self._db.rows("SELECT coalesce(max(seq), 0) FROM chains")
        for after in range(0, highest, WINDOW):
            yield self._db.rows(_IN_WINDOW, (to_micros(before), keys, after, after + WINDOW))

    def _forget(self, group: list[Ripe], before: datetime, *, keys: bool) -> Forgotten:
        with self._db.transaction():
            # One may have been retried since, or removed.
            ripe: list[Ripe] = self._db.rows(_OF_GROUP, (to_micros(before), keys, _rows(group)))
            self._remove_prompts(_rows(ripe))
            for seq in [seq for seq, key, _ in ripe if key is not None and not keys]:
                self._prune(seq)
            self._db.execute_all(
                "DELETE FROM chains WHERE seq = ?", [(seq,) for seq, key, _ in ripe if key is None or keys]
            )
        return _sum(ripe, keys=keys)

    def _prune(self, seq: int) -> None:
        """Leave a fingerprint in place of a chain's arguments, which may be long: one chain at a time."""
        for identity, args in self._db.rows("SELECT id, args FROM chains WHERE seq = ?", (seq,)):
            sql = "UPDATE chains SET args = ?, version = version + 1 WHERE seq = ?"
            self._db.execute(sql, (pruned(identity, args), seq))

    def _remove_prompts(self, chains: str) -> None:
        ((highest,),) = self._db.rows(f"SELECT max(seq) FROM prompts WHERE seq IN ({_THEIRS})", (chains,))
        if highest is None:
            return
        self._db.execute(_NOTE_HIGHEST, (highest,))
        for table in ("requests", "progress"):
            self._db.execute(f"DELETE FROM {table} WHERE seq IN ({_THEIRS})", (chains,))
        self._db.execute("DELETE FROM prompts WHERE chain IN (SELECT value FROM json_each(?))", (chains,))

    def unused_batches(self, before: datetime) -> Iterator[Batch]:
        """Batches that ended before a time and that no prompt names; see `Store.unused_batches`."""
        where = f"WHERE closed_at < ? AND {_UNUSED} ORDER BY seq"
        yield from map(BATCHES.record, self._db.rows(BATCHES.select + where, (to_micros(before),)))

    def forget_batch(self, batch: Batch) -> None:
        """Remove a batch with its parts, unless a prompt names it; see `Store.forget_batch`."""
        with self._db.transaction():
            if self._db.execute(f"DELETE FROM batches WHERE id = ? AND {_UNUSED}", (batch.id,)):
                self._db.execute("DELETE FROM parts WHERE batch_id = ?", (batch.id,))

    def space(self) -> Space:
        """The size of the database, without its log, and how much of it waits to be used again."""
        ((pages,),) = self._db.rows("PRAGMA page_count")
        ((free,),) = self._db.rows("PRAGMA freelist_count")
        ((size,),) = self._db.rows("PRAGMA page_size")
        return Space(pages * size, free * size)

    def compact(self) -> None:
        """Write the database anew, without its free pages.

        Others wait as long as it takes, and the disk has to have room for a second copy.
        """
        self._db.rewrite()


def _rows(ripe: list[Ripe]) -> str:
    return json.dumps([seq for seq, _, _ in ripe])


def _sum(ripe: list[Ripe], *, keys: bool) -> Forgotten:
    kept = 0 if keys else sum(key is not None for _, key, _ in ripe)
    return Forgotten(len(ripe) - kept, kept, sum(size for _, _, size in ripe))


def _groups(ripe: list[Ripe]) -> Iterator[list[Ripe]]:
    group: list[Ripe] = []
    size = 0
    for each in ripe:
        if group and (size + each[2] > GROUP or len(group) >= GROUP):
            yield group
            group, size = [], 0
        group.append(each)
        size += each[2]
    if group:
        yield group
