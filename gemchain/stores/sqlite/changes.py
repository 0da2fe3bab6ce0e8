"""The rows that a group of units writes, kind by kind, and what they change in the counters."""

import itertools
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

from gemchain.errors import StoreError
from gemchain.records import NO_USAGE, ChainMove, Move, Progress, Prompt, Unit, codec, step_name
from gemchain.records.states import ENDED_PROMPT, UNFINISHED_PROMPT, PromptState
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.counters import Deltas
from gemchain.stores.sqlite.names import Names
from gemchain.stores.sqlite.progress import IN_MANY, MANY, insertion, move
from gemchain.stores.sqlite.retention import HIGHEST_ROW
from gemchain.stores.sqlite.rows import (
    NOTHING_RARE,
    RARE_COLUMNS,
    USUAL_COLUMNS,
    insert,
    rare_values,
    usual_values,
)
from gemchain.stores.sqlite.tables import (
    NOTHING_RARE_OF_CHAIN,
    RARE_CHAIN_COLUMNS,
    USUAL_CHAIN_COLUMNS,
    rare_chain_values,
    usual_chain_values,
)

__all__ = ["Changes", "ConflictError", "mark"]

QUEUED = PromptState.QUEUED
_ROW = itemgetter(-1)

_USUAL_CHAIN = ("seq", "open", "tokens", *USUAL_CHAIN_COLUMNS)
_INSERT_USUAL_CHAIN = insert("chains", _USUAL_CHAIN)
_INSERT_CHAIN = insert("chains", (*_USUAL_CHAIN, *RARE_CHAIN_COLUMNS))
_USUAL = ("seq", "chain", "chain_id", "queue", *USUAL_COLUMNS)
_INSERT_USUAL = insert("prompts", _USUAL)
_INSERT_PROMPT = insert("prompts", (*_USUAL, *RARE_COLUMNS))
_INSERT_REQUEST = insert("requests", ("seq", "body"))
_MOVE_CHAIN = (
    "UPDATE chains SET state = ?, result = ?, failure = ?, ended_at = ?, open = open + ?, "
    "tokens = tokens || ?, version = version + 1 "
    "WHERE id = ? AND state = ? AND version = coalesce(?, version) AND (? = '' OR instr(tokens, ?) = 0)"
)
_COUNT_OPEN = "UPDATE chains SET open = open + ? WHERE id = ?"


class ConflictError(Exception):
    """Some unit of the group does not apply."""


def _rows() -> defaultdict[str, list[tuple[object, ...]]]:
    """Rows by the statement that writes them."""
    return defaultdict(list)


def mark(token: str) -> str:
    """A token as it stands among others."""
    return f"\n{token}\n"


def _with_proof(unit: Unit) -> Iterator[tuple[Move, str]]:
    """The moves of a unit, and of each the token that proves the commit: one record keeps it, no other."""
    proof = "" if unit.chain else mark(unit.token)
    for each in unit.moves:
        yield each, proof
        proof = ""


class Changes:
    """The rows that a group of units writes, kind by kind."""

    def __init__(self, db: Connection, names: Names, now: int) -> None:
        self._db = db
        self._names = names
        self._now = now
        self._deltas = Deltas()
        self._opened: Counter[str] = Counter()
        self._created: dict[str, int] = {}

    def apply(self, units: Sequence[Unit]) -> None:
        """Write everything.

        Raises:
            ConflictError: Some unit does not apply; the caller rolls back.
        """
        self._move_prompts([moved for unit in units for moved in _with_proof(unit)])
        self._number_chains(units)
        self._create_prompts(units)
        self._create_chains(units)
        self._move_chains(
            [
                (unit.ending, "" if unit.moves or unit.drafts or unit.chain else mark(unit.token))
                for unit in units
                if unit.ending is not None
            ]
        )
        self._count_open()
        self._deltas.write(self._db, self._now)

    def _move_prompts(self, moves: Sequence[tuple[Move, str]]) -> None:
        rows = _rows()
        for (prompt, after), proof in moves:
            self._count_move(prompt, after)
            sql, values = move(self._names, prompt, after, proof, self._now)
            rows[sql].append(values)
        for each in rows.values():
            each.sort(key=_ROW)  # neighbours share pages, and answers come in any order
        changed = sum(self._db.execute_all(sql, each) for sql, each in rows.items())
        if changed != len(moves):
            raise ConflictError

    def _count_move(self, prompt: Prompt, after: Progress) -> None:
        before, deltas = prompt.progress, self._deltas
        owner = prompt.owner
        deltas.prompts[owner, before.state] -= 1
        deltas.prompts[owner, after.state] += 1
        deltas.spend(owner, before.usage, after.usage)
        ended = (after.state in ENDED_PROMPT) - (before.state in ENDED_PROMPT)
        if ended and (step := step_name(prompt)):
            deltas.steps[owner, f"ended.{step}"] += ended
        self._opened[prompt.chain_id] += (after.state in UNFINISHED_PROMPT) - (
            before.state in UNFINISHED_PROMPT
        )
        if before.state is QUEUED:
            deltas.dequeue(self._names.queue_of(prompt), prompt.size)
        if after.state is QUEUED:
            self._enqueue(prompt)

    def _enqueue(self, prompt: Prompt) -> None:
        # Only a submit from outside asks for a grace: what callbacks add is known from what is in flight.
        queue, from_outside = self._names.queue_of(prompt), prompt.parent_id is None
        self._deltas.enqueue(queue, prompt.size, from_outside=from_outside)

    def _number_chains(self, units: Sequence[Unit]) -> None:
        new = [unit.chain.id for unit in units if unit.chain is not None]
        if new:
            first = self._next_row("chains")
            self._created = {each: first + place for place, each in enumerate(new)}

    def _create_prompts(self, units: Sequence[Unit]) -> None:
        # Only a unit that writes nothing else proves itself by its drafts.
        drafts = [
            (draft, "" if unit.moves or unit.chain else mark(unit.token))
            for unit in units
            for draft in unit.drafts
        ]
        if not drafts:
            return
        chains = self._chain_rows(units)
        first = max(self._next_row("prompts"), self._after_removed())
        rows = _rows()
        for seq, ((prompt, request), token) in enumerate(drafts, start=first):
            self._count_draft(prompt)
            queue = self._names.queue_of(prompt)
            row = seq, chains[prompt.chain_id], prompt.chain_id, queue, *usual_values(prompt)
            rare = rare_values(prompt)
            if rare == NOTHING_RARE:
                rows[_INSERT_USUAL].append(row)
            else:
                rows[_INSERT_PROMPT].append((*row, *rare))
            rows[_INSERT_REQUEST].append((seq, request))
            sql, values = insertion(self._names, seq, prompt, token, self._now)
            rows[sql].append(values)
        for sql, each in rows.items():
            self._insert(sql, each)

    def _count_draft(self, prompt: Prompt) -> None:
        after = prompt.progress
        self._deltas.prompts[prompt.owner, after.state] += 1
        if step := step_name(prompt):
            self._deltas.steps[prompt.owner, f"created.{step}"] += 1
            self._deltas.steps[prompt.owner, f"ended.{step}"] += after.state in ENDED_PROMPT
        if after.usage is not NO_USAGE:
            self._deltas.spend(prompt.owner, NO_USAGE, after.usage)
        self._opened[prompt.chain_id] += after.state in UNFINISHED_PROMPT
        if after.state is QUEUED:
            self._enqueue(prompt)

    def _chain_rows(self, units: Sequence[Unit]) -> dict[str, int]:
        """The rows of the chains that get prompts."""
        wanted = {draft.prompt.chain_id for unit in units for draft in unit.drafts}
        old = [*(wanted - self._created.keys())]
        sql = "SELECT id, seq FROM chains WHERE id IN (SELECT value FROM json_each(?))"
        found = dict(self._db.rows(sql, (json.dumps(old),))) if old else {}
        if len(found) < len(old):
            missing = min(wanted - found.keys() - self._created.keys())
            raise StoreError(f"chain {missing!r} is not recorded: commit it before, or with, its prompts")
        return found | self._created

    def _create_chains(self, units: Sequence[Unit]) -> None:
        rows = _rows()
        for unit in units:
            if (chain := unit.chain) is not None:
                self._deltas.chains[chain.owner, chain.state] += 1
                head = self._created[chain.id], self._opened.pop(chain.id, 0), ""
                row = *head, *usual_chain_values(chain, unit.token)
                rare = rare_chain_values(chain)
                if rare == NOTHING_RARE_OF_CHAIN:
                    rows[_INSERT_USUAL_CHAIN].append(row)
                else:
                    rows[_INSERT_CHAIN].append((*row, *rare))
        for sql, each in rows.items():
            self._insert(sql, each)

    def _move_chains(self, endings: Sequence[tuple[ChainMove, str]]) -> None:
        rows = [self._chain_row(ending, proof) for ending, proof in endings]
        if self._db.execute_all(_MOVE_CHAIN, rows) != len(rows):
            raise ConflictError

    def _chain_row(self, ending: ChainMove, proof: str) -> tuple[object, ...]:
        self._deltas.chains[ending.owner, ending.before] -= 1
        self._deltas.chains[ending.owner, ending.after] += 1
        return (
            ending.after.value,
            ending.result,
            codec.failure_to_text(ending.failure),
            codec.to_micros(ending.ended_at),
            self._opened.pop(ending.chain_id, 0),
            proof,
            ending.chain_id,
            ending.before.value,
            ending.version,
            proof,
            proof,
        )

    def _count_open(self) -> None:
        rows = [(change, chain_id) for chain_id, change in self._opened.items() if change]
        self._db.execute_all(_COUNT_OPEN, rows)

    def _next_row(self, table: str) -> int:
        row = self._db.row(f"SELECT coalesce(max(seq), 0) + 1 FROM {table}")
        assert row is not None
        return int(row[0])

    def _after_removed(self) -> int:
        """Behind every prompt that was removed: old versions of those must fit no new one."""
        row = self._db.row("SELECT value FROM counters WHERE owner = '' AND name = ?", (HIGHEST_ROW,))
        return 1 if row is None else int(row[0]) + 1

    def _insert(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows.

        Raises:
            ConflictError: One is there already.
        """
        whole = len(rows) // MANY * MANY if sql in IN_MANY else 0
        joined = [tuple(itertools.chain(*rows[at : at + MANY])) for at in range(0, whole, MANY)]
        try:
            if joined:
                self._db.execute_all(IN_MANY[sql], joined)
            self._db.execute_all(sql, rows[whole:])
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            raise ConflictError from error
