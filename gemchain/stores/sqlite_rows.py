"""Rows of `schema.sql` to records and back.

A prompt's version is `seq * 2^20 + changes`: whoever holds the record holds its row number too, so
a move finds its row without the index of ids.
"""

from collections.abc import Callable, Mapping
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
    "prompt_record",
    "prompt_values",
    "row_of",
]

CHANGES = 1 << 20
"""Changes of one prompt that a version can count."""


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
    f"SELECT c.id, p.queue, g.version, {', '.join(f'p.{name}' for name in PROMPT_COLUMNS)}, "
    f"{', '.join(f'g.{name}' for name in PROGRESS_COLUMNS)} "
    "FROM prompts p JOIN progress g ON g.seq = p.seq JOIN chains c ON c.seq = p.chain "
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
    created = _time(created_at)
    assert created is not None
    return Prompt(
        id=id_,
        chain_id=chain_id,
        parent_id=parent_id,
        path=path,
        depth=depth,
        lane=lane,
        provider=provider,
        model=model,
        kind=kind,
        size=size,
        callback=callback,
        params=params,
        on_error=on_error,
        retry_if=retry_if,
        closure=closure,
        schema=schema,
        accept=tuple(accept.split(",")) if accept else (),
        max_attempts=max_attempts,
        priority=priority,
        deadline_at=None if deadline_at is None else _time(deadline_at),
        labels=labels,
        key=key,
        forked=bool(forked),
        durable=bool(durable),
        join_id=join_id,
        branch=branch,
        request_hash=request_hash,
        created_at=created,
        progress=_progress_record(progress, names),
        version=version,
    )


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
    return Progress(
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
        unsettled=bool(unsettled),
    )


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
        places = ", ".join("?" for _ in self.columns)
        self.insert = f"INSERT INTO {name} ({', '.join(self.columns)}) VALUES ({places})"
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


BATCHES = Table("batches", Batch, BatchState)
CHAINS = Table("chains", Chain, ChainState)
PARTS = Table("parts", Part, PartState)
