"""The store of the embedded engine: one SQLite file, shared by any number of processes.

`:memory:` gives a store that lives as long as the object: the test double of every other test.
"""

import copy
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from gemchain.ports import Clock
from gemchain.records import Batch, Chain, InputRow, Part, Prompt, Run, Unit, Verdict
from gemchain.records.identity import is_join
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.sqlite.batches import insert_batch, replace_batch, replace_part
from gemchain.stores.sqlite.commit import check_units, commit_group
from gemchain.stores.sqlite.connection import MEMORY, Connection
from gemchain.stores.sqlite.names import Names
from gemchain.stores.sqlite.owners import Owners, read_runs, write_run
from gemchain.stores.sqlite.progress import STOPPED
from gemchain.stores.sqlite.queues import claim
from gemchain.stores.sqlite.retention import Retention
from gemchain.stores.sqlite.rows import PROMPT_SELECT, PROMPTS_OF, SEQ, row_of
from gemchain.stores.sqlite.tables import BATCHES, CHAINS, PARTS
from gemchain.stores.sqlite.work import Work

__all__ = ["MEMORY", "SqliteStore"]

_GROUP = 10_000
"""Units in one transaction: others wait for it no longer than some tenths of a second.

Ids are random, so among a million of them every new one touches a page of the index of its own. The
more of them one transaction writes, the more share a page.
"""

_PAGE = 1_000
_PAGE_BYTES = 8 << 20

_AMONG = "IN (SELECT value FROM json_each(?))"
_INPUT_ROWS = (
    "SELECT CAST(p.size AS INTEGER), g.seq, p.id, r.body, p.request_hash "
    "FROM progress g JOIN prompts p ON p.seq = g.seq JOIN requests r ON r.seq = g.seq "
    "WHERE g.batch = ? AND g.state = 'CLAIMED' AND g.seq > ? ORDER BY g.seq LIMIT ?"
)
_STATE_IS = dict.fromkeys(PromptState, "g.state = ?") | {
    PromptState.QUEUED: "g.queue IS NOT NULL AND g.state = ?",
    PromptState.ANSWERED: "g.due_at IS NOT NULL AND g.state = ?",
    **dict.fromkeys(STOPPED, "g.stopped = ?"),
}
"""The condition that lets an index find the prompts in a state, where there is one."""

_FIND_IDS = " UNION ALL ".join(
    f"SELECT * FROM (SELECT id FROM {table} WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)"
    for table in ("chains", "prompts", "batches")
)
_SETTLE = "UPDATE progress SET unsettled = 0 WHERE unsettled = 1 AND version = ? AND seq = ?"


class SqliteStore(Work, Retention):
    """A `Store` in one SQLite file. `gemchain.ports.Store` is the contract.

    What it adds to the contract: among prompts of one priority, the one that waited longest goes first, a
    retried prompt counting from the end of its rest; chains and batches are listed newest first.
    Threads may share one store. A forked process opens its own.

    Args:
        path: The file, made when missing together with its folder; or `:memory:`.
        clock: Gives `now()`.
        timeout: Seconds to wait for another process's transaction.

    Raises:
        StoreRefusedError: The file or its folder cannot be written.
        NewerSchemaError: A newer gemchain wrote the file.
        StoreError: The file is something else.
    """

    def __init__(self, path: str, clock: Clock, *, timeout: float = 30.0) -> None:
        self._clock = clock
        self._db = Connection(path, timeout)
        self._names = Names(self._db)
        self._owners = Owners()

    def owned_by(self, owners: Collection[str] | None) -> "SqliteStore":
        """The same store, showing only the work of these owners; see `Store.owned_by`."""
        view = copy.copy(self)
        view._owners = Owners(owners)  # noqa: SLF001 -- a copy of this very object
        return view

    def owners(self) -> set[str]:
        """Everyone whose work was ever recorded."""
        return {each for (each,) in self._db.rows("SELECT DISTINCT owner FROM counters")}

    def save_run(self, run: Run) -> None:
        """Record a run, or that it is continued."""
        write_run(self._db, run)

    def runs(self, ids: Collection[str] | None = None, *, limit: int = 100) -> list[Run]:
        """Runs with these ids, or all, the one begun last first."""
        return read_runs(self._db, ids, limit)

    def now(self) -> datetime:
        """The store's own time."""
        return self._clock.now()

    def commit(self, units: Sequence[Unit], *, into: Sequence[Batch] = ()) -> list[Verdict]:
        """Apply each unit whole or not at all; see `Store.commit`."""
        check_units(units)
        verdicts: list[Verdict] = []
        for start in range(0, len(units), _GROUP):
            group = units[start : start + _GROUP]
            verdicts += commit_group(self._db, self._names, group, into, self._micros())
        return verdicts

    def prompts(self, ids: Collection[str]) -> dict[str, Prompt]:
        """The prompts with these ids."""
        return {prompt.id: prompt for prompt in self._records(self._db.rows(PROMPTS_OF, (_json(ids),)))}

    def requests(self, ids: Collection[str]) -> dict[str, str]:
        """The requests of these prompts, as JSON text."""
        sql = f"SELECT id, body FROM prompts JOIN requests USING (seq) WHERE id {_AMONG}"
        return dict(self._db.rows(sql, (_json(ids),)))

    def chains(self, ids: Collection[str]) -> dict[str, Chain]:
        """The chains with these ids."""
        rows = self._db.rows(f"{CHAINS.select} WHERE id {_AMONG}", (_json(ids),))
        return {chain.id: chain for chain in CHAINS.records(rows)}

    def chain_prompts(self, chain_id: str) -> Iterator[Prompt]:
        """All prompts of a chain, or of a join's branches, oldest first."""
        whose = "join_id = ?" if is_join(chain_id) else "chain = (SELECT seq FROM chains WHERE id = ?)"
        where = f"WHERE p.{whose} AND p.seq > ? ORDER BY p.seq LIMIT ?"
        for page in self._pages(where, chain_id):
            yield from page

    def has_open(self, chain_id: str) -> bool:
        """Whether any prompt of the chain, or of the join's branches, is unfinished."""
        if is_join(chain_id):
            return self._db.row("SELECT 1 FROM progress WHERE open_join = ? LIMIT 1", (chain_id,)) is not None
        return self._db.row("SELECT 1 FROM chains WHERE id = ? AND open > 0", (chain_id,)) is not None

    def list_chains(
        self,
        *,
        state: ChainState | None = None,
        owner: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[Chain]:
        """Chains, newest first; `after` is the last id of the page before."""
        where, values = _conditions(
            ("owner = ?", owner),
            ("state = ?", None if state is None else state.value),
            ("seq < (SELECT seq FROM chains WHERE id = ?)", after),
        )
        rows = self._db.rows(f"{CHAINS.select} {where} ORDER BY seq DESC LIMIT ?", (*values, limit))
        return CHAINS.records(rows)

    def list_prompts(self, *, state: PromptState, limit: int = 100) -> list[Prompt]:
        """Up to `limit` prompts in a state."""
        return self._select(f"WHERE {_STATE_IS[state]} LIMIT ?", state.value, limit)

    def find_ids(self, prefix: str, limit: int = 10) -> list[str]:
        """Ids of chains, prompts and batches that start with `prefix`, in order."""
        rows = self._db.rows(_FIND_IDS, (prefix, f"{prefix}\U0010ffff", limit))
        return sorted(each for (each,) in rows)[:limit]

    def find_key(self, key: str, limit: int = 10) -> list[str]:
        """Ids of chains with exactly this key, newest first. Looks at all chains: no index has keys."""
        rows = self._db.rows("SELECT id FROM chains WHERE key = ? ORDER BY seq DESC LIMIT ?", (key, limit))
        return [identity for (identity,) in rows]

    def plan(self, batch: Batch) -> Batch:
        """Record a new batch."""
        return insert_batch(self._db, batch, self._micros())

    def claim(self, batch: Batch, *, limit: int, max_bytes: int) -> list[InputRow]:
        """Move ready prompts of the batch's queue from QUEUED to CLAIMED by this batch."""
        with self._names.kept(), self._db.transaction():
            return claim(self._db, self._names, batch, limit=limit, max_bytes=max_bytes, now=self._micros())

    def input_rows(self, batch_id: str) -> Iterator[InputRow]:
        """Everything that is CLAIMED by the batch, oldest first, in pages of at most 8 MiB."""
        holder, last, whole = self._names.find(batch_id), 0, False
        while not whole:
            values = (holder, last, _PAGE)
            rows, whole = self._db.rows_within(_INPUT_ROWS, values, column=0, limit=_PAGE_BYTES)
            whole = whole and len(rows) < _PAGE
            yield from (InputRow(*row[2:]) for row in rows)
            last = rows[-1][1] if rows else last

    def members(self, batch_id: str, *, state: PromptState) -> Iterator[list[Prompt]]:
        """The prompts in `state` that carry this batch id, in pages."""
        where = "WHERE g.batch = ? AND g.state = ? AND g.seq > ? ORDER BY g.seq LIMIT ?"
        return self._pages(where, self._names.find(batch_id), state.value)

    def save_batch(self, batch: Batch, *, parts: Sequence[Part] = ()) -> Batch:
        """Replace a batch, and record its parts, in one commit."""
        return replace_batch(self._db, batch, parts, self._micros())

    def batches(self, ids: Collection[str]) -> dict[str, Batch]:
        """The batches with these ids."""
        rows = self._db.rows(f"{BATCHES.select} WHERE id {_AMONG}", (_json(ids),))
        return {batch.id: batch for batch in BATCHES.records(rows)}

    def batch_parts(self, batch_id: str) -> list[Part]:
        """All parts of a batch, in order."""
        rows = self._db.rows(f'{PARTS.select} WHERE batch_id = ? ORDER BY "index"', (batch_id,))
        return PARTS.records(rows)

    def save_part(self, part: Part) -> Part:
        """Replace a part."""
        return replace_part(self._db, part)

    def settle(self, prompts: Sequence[Prompt]) -> None:
        """Clear the `unsettled` mark of prompts that are still as they were read; their versions stay."""
        with self._db.transaction():
            self._db.execute_all(_SETTLE, [(each.version, row_of(each.version)) for each in prompts])

    def close(self) -> None:
        """Let go of the file. Records stay, except those of `:memory:`."""
        self._db.close()

    def _pages(self, where: str, *values: Any) -> Iterator[list[Prompt]]:
        """Pages by row number: moves between two pages neither hide a prompt nor show it twice."""
        last = 0
        while rows := self._db.rows(PROMPT_SELECT + where, (*values, last, _PAGE)):
            yield self._records(rows)
            last = rows[-1][SEQ]


def _json(ids: Collection[str]) -> str:
    return json.dumps([each for each in ids if type(each) is str])  # a damaged row may have another


def _conditions(*pairs: tuple[str, str | None]) -> tuple[str, list[str]]:
    """A WHERE clause of the conditions that have a value."""
    given = [(sql, value) for sql, value in pairs if value is not None]
    where = f"WHERE {' AND '.join(sql for sql, _ in given)}" if given else ""
    return where, [value for _, value in given]
