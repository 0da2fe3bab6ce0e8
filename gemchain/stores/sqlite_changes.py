"""The rows that a group of units writes, kind by kind, and what they change in the tallies."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gemchain import codec
from gemchain.errors import StoreError
from gemchain.records import NO_USAGE, ChainMove, Move, Progress, Prompt, Unit
from gemchain.states import UNFINISHED_PROMPT, PromptState
from gemchain.stores.sqlite_connection import Connection
from gemchain.stores.sqlite_names import Names
from gemchain.stores.sqlite_rows import (
    CHAINS,
    CHANGES,
    PROGRESS_COLUMNS,
    PROMPT_COLUMNS,
    prompt_values,
    row_of,
)
from gemchain.stores.sqlite_tallies import Deltas

__all__ = ["Changes", "ConflictError", "mark"]

QUEUED, ANSWERED, WAITING = PromptState.QUEUED, PromptState.ANSWERED, PromptState.WAITING
_UNFINISHED = UNFINISHED_PROMPT

_CHAIN_HEAD = "seq, open, tokens"
_PROMPT_HEAD = "seq, chain, queue"
_PROGRESS_TAIL = "queue, rank, waits_at, deadline_at, open_join, awaits"


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"


_INSERT_CHAIN = _insert("chains", f"{_CHAIN_HEAD}, {', '.join(CHAINS.columns)}")
_INSERT_PROMPT = _insert("prompts", f"{_PROMPT_HEAD}, {', '.join(PROMPT_COLUMNS)}")
_INSERT_REQUEST = _insert("requests", "seq, body")
_INSERT_PROGRESS = _insert(
    "progress", f"{', '.join(PROGRESS_COLUMNS)}, {_PROGRESS_TAIL}, tokens, version, seq"
)
_MOVE_PROMPT = (
    f"UPDATE progress SET {', '.join(f'{name} = ?' for name in PROGRESS_COLUMNS)}, "
    f"{', '.join(f'{name} = ?' for name in _PROGRESS_TAIL.split(', '))}, "
    "tokens = tokens || ?, version = version + 1 WHERE version = ? AND seq = ?"
)
_MOVE_CHAIN = (
    "UPDATE chains SET state = ?, result = ?, failure = ?, ended_at = ?, open = open + ?, "
    "tokens = tokens || ?, version = version + 1 WHERE id = ? AND state = ? AND instr(tokens, ?) = 0"
)
_COUNT_OPEN = "UPDATE chains SET open = open + ? WHERE id = ?"


class ConflictError(Exception):
    """Some unit of the group does not apply."""


def mark(token: str) -> str:
    """A token as it stands among others."""
    return f"\n{token}\n"


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
        self._move_prompts([(move, mark(unit.token)) for unit in units for move in unit.moves])
        self._number_chains(units)
        self._create_prompts(units)
        self._create_chains(units)
        self._move_chains([(unit.ending, unit.token) for unit in units if unit.ending is not None])
        self._count_open()
        self._deltas.write(self._db, self._now)

    def _move_prompts(self, moves: Sequence[tuple[Move, str]]) -> None:
        rows = [self._move_row(move, token) for move, token in moves]
        if self._db.execute_all(_MOVE_PROMPT, rows) != len(rows):
            raise ConflictError

    def _move_row(self, move: Move, token: str) -> tuple[object, ...]:
        prompt, after = move
        before = prompt.progress
        deltas = self._deltas
        deltas.prompts[before.state] -= 1
        deltas.prompts[after.state] += 1
        deltas.spend(before.usage, after.usage)
        self._opened[prompt.chain_id] += (after.state in _UNFINISHED) - (before.state in _UNFINISHED)
        if before.state is QUEUED:
            deltas.dequeue(self._queue(prompt), prompt.size)
        tail = self._wait(prompt, after, self._now)
        return *self._progress_values(after), *tail, token, prompt.version, row_of(prompt.version)

    def _wait(self, prompt: Prompt, after: Progress, since: int) -> tuple[int | str | None, ...]:
        """What `_PROGRESS_TAIL` holds: the place in the queue, while there is one."""
        if after.state is QUEUED:
            queue = self._queue(prompt)
            # Only a submit from outside asks for a grace: what callbacks add is known from what is in flight.
            self._deltas.enqueue(queue, prompt.size, from_outside=prompt.parent_id is None)
            waits_at = codec.to_micros(after.not_before_at) or since
            deadline_at = codec.to_micros(prompt.deadline_at)
            return queue, -prompt.priority, waits_at, deadline_at, prompt.join_id, None
        due = (codec.to_micros(after.not_before_at) or since) if after.state is ANSWERED else None
        open_join = prompt.join_id if after.state in _UNFINISHED else None
        awaits = prompt.key if after.state is WAITING and prompt.kind == "chain" else None
        return None, -prompt.priority, due, None, open_join, awaits

    def _queue(self, prompt: Prompt) -> int:
        return self._names.queue_number((prompt.lane, prompt.provider, prompt.model))

    def _progress_values(self, progress: Progress) -> tuple[object, ...]:
        """What `PROGRESS_COLUMNS` hold."""
        usage, answer = progress.usage, progress.answer
        return (
            progress.state.value,
            progress.attempt,
            progress.callback_attempts,
            *usage,
            progress.unsettled,
            None if progress.batch_id is None else self._names.number(progress.batch_id),
            codec.to_micros(progress.not_before_at),
            codec.to_micros(progress.claimed_at),
            codec.to_micros(progress.answered_at),
            codec.to_micros(progress.ended_at),
            *((None,) * 4 if answer is None else (self._names.number(answer.uri), *answer[1:])),
            codec.failure_to_text(progress.failure),
            progress.result,
        )

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
        first = self._next_row("prompts")
        prompts, requests, progress = [], [], []
        for seq, ((prompt, request), token) in enumerate(drafts, start=first):
            queue = self._queue(prompt)
            prompts.append((seq, chains[prompt.chain_id], queue, *prompt_values(prompt)))
            requests.append((seq, request))
            progress.append(self._first_progress(seq, prompt, token))
        self._insert(_INSERT_PROMPT, prompts)
        self._insert(_INSERT_REQUEST, requests)
        self._insert(_INSERT_PROGRESS, progress)

    def _first_progress(self, seq: int, prompt: Prompt, tokens: str) -> tuple[object, ...]:
        after = prompt.progress
        self._deltas.prompts[after.state] += 1
        self._deltas.spend(NO_USAGE, after.usage)
        self._opened[prompt.chain_id] += after.state in _UNFINISHED
        # A submitter's clock may run ahead; its prompt is ready all the same.
        since = min(codec.to_micros(prompt.created_at) or 0, self._now)
        return (
            *self._progress_values(after),
            *self._wait(prompt, after, since),
            tokens,
            seq * CHANGES + 1,
            seq,
        )

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
        rows = []
        for unit in units:
            if (chain := unit.chain) is not None:
                self._deltas.chains[chain.state] += 1
                values = CHAINS.values(replace(chain, token=unit.token, version=1))
                rows.append((self._created[chain.id], self._opened.pop(chain.id, 0), "", *values))
        self._insert(_INSERT_CHAIN, rows)

    def _move_chains(self, endings: Sequence[tuple[ChainMove, str]]) -> None:
        rows = [self._chain_row(ending, mark(token)) for ending, token in endings]
        if self._db.execute_all(_MOVE_CHAIN, rows) != len(rows):
            raise ConflictError

    def _chain_row(self, ending: ChainMove, token: str) -> tuple[object, ...]:
        self._deltas.chains[ending.before] -= 1
        self._deltas.chains[ending.after] += 1
        return (
            ending.after.value,
            ending.result,
            codec.failure_to_text(ending.failure),
            codec.to_micros(ending.ended_at),
            self._opened.pop(ending.chain_id, 0),
            token,
            ending.chain_id,
            ending.before.value,
            token,
        )

    def _count_open(self) -> None:
        rows = [(change, chain_id) for chain_id, change in self._opened.items() if change]
        self._db.execute_all(_COUNT_OPEN, rows)

    def _next_row(self, table: str) -> int:
        row = self._db.row(f"SELECT coalesce(max(seq), 0) + 1 FROM {table}")
        assert row is not None
        return int(row[0])

    def _insert(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows.

        Raises:
            ConflictError: One is there already.
        """
        try:
            self._db.execute_all(sql, rows)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            raise ConflictError from error
