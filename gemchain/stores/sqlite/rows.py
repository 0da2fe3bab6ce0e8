"""Rows of `schema.sql` to records and back.

A prompt's version is `seq * 2^20 + changes`: whoever holds the record holds its row number too, so
a move finds its row without the index of ids.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, Generic, TypeVar

from gemchain import codec
from gemchain.records import NO_USAGE, AnswerRef, Batch, Chain, Part, Progress, Prompt, Usage
from gemchain.states import BatchState, ChainState, PartState, PromptState

__all__ = [
    "BATCHES",
    "CHAINS",
    "CHANGES",
    "PARTS",
    "PROGRESS_COLUMNS",
    "PROMPT_COLUMNS",
    "PROMPT_SELECT",
    "Table",
    "chain_values",
    "insert",
    "prompt_record",
    "prompt_values",
    "row_of",
]

CHANGES = 1 << 20
"""Changes of one prompt that a version can count."""


def insert(table: str, columns: Sequence[str]) -> str:
    """An INSERT of these columns."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})"


def row_of(version: int) -> int:
    """The row of the prompt that bears this version."""
    return version // CHANGES


# fmt: off
PROMPT_COLUMNS = (
    "id", "parent_id", "path", "depth", "kind", "size", "callback",
    "params", "on_error", "retry_if", "closure", "schema", "accept", "max_attempts",
    "priority", "deadline_at", "labels", "key", "forked", "durable", "join_id", "branch",
    "request_hash", "created_at",
)
# fmt: on
# fmt: off
PROGRESS_COLUMNS = (
    "state", "attempt", "callback_attempts", "prompt_tokens", "answer_tokens", "cost", "full_cost",
    "unsettled", "batch", "not_before_at", "claimed_at", "answered_at", "ended_at", "answer_file",
    "answer_generation", "answer_offset", "answer_length", "failure", "result",
)
# fmt: on
PROMPT_SELECT = (
    f"SELECT p.chain_id, p.queue, g.version, {', '.join(f'p.{name}' for name in PROMPT_COLUMNS)}, "
    f"{', '.join(f'g.{name}' for name in PROGRESS_COLUMNS)} "
    "FROM prompts p JOIN progress g ON g.seq = p.seq "
)


def prompt_values(prompt: Prompt) -> tuple[Any, ...]:
    """What `PROMPT_COLUMNS` hold."""
    return (
        prompt.id,
        prompt.parent_id,
        prompt.path,
        prompt.depth,
        prompt.kind,
        prompt.size,
        prompt.callback,
        prompt.params,
        prompt.on_error,
        prompt.retry_if,
        prompt.closure,
        prompt.schema,
        ",".join(prompt.accept),
        prompt.max_attempts,
        prompt.priority,
        codec.to_micros(prompt.deadline_at),
        prompt.labels,
        prompt.key,
        prompt.forked,
        prompt.durable,
        prompt.join_id,
        prompt.branch,
        prompt.request_hash,
        codec.to_micros(prompt.created_at),
    )


_STATES: Mapping[str, PromptState] = {state.value: state for state in PromptState}
_time = codec.from_micros


_PROMPT_SLOTS = tuple(getattr(Prompt, each.name).__set__ for each in fields(Prompt))
_PROGRESS_SLOTS = tuple(getattr(Progress, each.name).__set__ for each in fields(Progress))
F = TypeVar("F", Prompt, Progress)


def _filled(kind: type[F], slots: tuple[Callable[[Any, Any], None], ...], values: tuple[Any, ...]) -> F:
    """A frozen record, made in half the time that its `__init__` takes: dispatch reads millions."""
    record = object.__new__(kind)
    for fill, value in zip(slots, values, strict=True):
        fill(record, value)
    return record


def prompt_record(
    row: tuple[Any, ...], queues: Callable[[int], tuple[str, str, str]], names: Callable[[int], str]
) -> Prompt:
    """The prompt in a row of `PROMPT_SELECT`."""
    # fmt: off
    (
        chain_id, queue, version, id_, parent_id, path, depth, kind, size, callback, params, on_error,
        retry_if, closure, schema, accept, max_attempts, priority, deadline_at, labels, key, forked,
        durable, join_id, branch, request_hash, created_at, *progress,
    ) = row
    # fmt: on
    lane, provider, model = queues(queue)
    # In the order of the fields.
    # fmt: off
    values = (
        id_, chain_id, parent_id, path, depth, lane, provider, model, kind, size, callback, params, on_error,
        retry_if, closure, schema, tuple(accept.split(",")) if accept else (), max_attempts, priority,
        None if deadline_at is None else _time(deadline_at), labels, key, bool(forked), bool(durable),
        join_id, branch, request_hash, _time(created_at), _progress_record(progress, names), version,
    )
    # fmt: on
    return _filled(Prompt, _PROMPT_SLOTS, values)


def _progress_record(row: list[Any], names: Callable[[int], str]) -> Progress:
    # fmt: off
    (
        state, attempt, callback_attempts, prompt_tokens, answer_tokens, cost, full_cost, unsettled, batch,
        not_before_at, claimed_at, answered_at, ended_at,
        answer_file, answer_generation, answer_offset, answer_length, failure, result,
    ) = row
    # fmt: on
    answer = usage = None
    if answer_file is not None:
        answer = AnswerRef(names(answer_file), answer_generation, answer_offset, answer_length)
    if prompt_tokens or answer_tokens or cost or full_cost:
        usage = Usage(prompt_tokens, answer_tokens, cost, full_cost)
    values = (
        _STATES[state],
        attempt,
        None if batch is None else names(batch),
        None if not_before_at is None else _time(not_before_at),
        answer,
        callback_attempts,
        None if failure is None else codec.failure_from_text(failure),
        result,
        usage or NO_USAGE,
        None if claimed_at is None else _time(claimed_at),
        None if answered_at is None else _time(answered_at),
        None if ended_at is None else _time(ended_at),
        bool(unsettled),
    )
    return _filled(Progress, _PROGRESS_SLOTS, values)


_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
_TIME: _Codec = (codec.to_micros, codec.from_micros)
_CODECS: Mapping[str, _Codec] = {
    "failure": (codec.failure_to_text, codec.failure_from_text),
    "output": (codec.files_to_text, codec.files_from_text),
    "file": (codec.file_to_text, codec.file_from_text),
    "counts": (codec.counts_to_text, codec.counts_from_text),
    "usage": (codec.usage_to_text, codec.usage_from_text),
}


R = TypeVar("R", Batch, Chain, Part)


class Table(Generic[R]):
    """A table whose columns are called like the fields of its record.

    Args:
        name: The table's name.
        record: The record's class.
        states: The enumeration of its `state`.
    """

    def __init__(self, name: str, record: type[R], states: type[StrEnum]) -> None:
        self.name = name
        self._build: Callable[..., R] = record
        self._codecs = {"state": (str, states)} | {
            each.name: _TIME if each.name.endswith("_at") else _CODECS[each.name]
            for each in fields(record)
            if each.name.endswith("_at") or each.name in _CODECS
        }
        self._names = [each.name for each in fields(record)]
        self.columns = [f'"{name}"' for name in self._names]
        self.select = f"SELECT {', '.join(self.columns)} FROM {name} "
        self.insert = insert(name, self.columns)
        changes = ", ".join(f"{column} = ?" for column in self.columns)
        self.update = f"UPDATE {name} SET {changes} WHERE id = ? AND version = ?"

    def values(self, record: R) -> list[Any]:
        """What the columns hold."""
        row = [getattr(record, name) for name in self._names]
        for place, name in enumerate(self._names):
            if name in self._codecs:
                row[place] = self._codecs[name][0](row[place])
        return row

    def record(self, row: tuple[Any, ...]) -> R:
        """The record in a row of `select`."""
        read = dict(zip(self._names, row, strict=True))
        for name, (_, decode) in self._codecs.items():
            read[name] = decode(read[name])
        return self._build(**read)


def chain_values(chain: Chain, token: str) -> tuple[Any, ...]:
    """What the columns of `CHAINS` hold for a new chain."""
    # In the order of the fields; one by one, because chains are created by the thousand.
    return (
        chain.id,
        chain.key,
        chain.function,
        chain.args,
        chain.code_version,
        chain.labels,
        chain.budget,
        codec.to_micros(chain.deadline_at),
        codec.to_micros(chain.created_at),
        chain.state.value,
        chain.result,
        codec.failure_to_text(chain.failure),
        codec.to_micros(chain.ended_at),
        token,
        1,
    )


BATCHES = Table("batches", Batch, BatchState)
CHAINS = Table("chains", Chain, ChainState)
PARTS = Table("parts", Part, PartState)
