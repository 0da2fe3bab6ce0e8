"""Rows of `schema.sql` that hold prompts, to records and back; `tables.py` has those of all others.

A prompt's version is `seq * 2^20 + changes`: a process that holds the record holds its row number too, so
a move finds its row without the index of ids.

Rows are not trusted, since anything may have written them, and checking every value of every row would cost
a fifth of reading it. So a row is looked at closely only when its values have types that were never seen to
be sound.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from gemchain.errors import DamagedError
from gemchain.records import NO_USAGE, AnswerRef, Progress, Prompt, Usage, codec, damage
from gemchain.records.states import PromptState

__all__ = [
    "CHANGES",
    "NOTHING_RARE",
    "PROGRESS_COLUMNS",
    "PROMPTS_OF",
    "PROMPT_SELECT",
    "RARE_COLUMNS",
    "SEQ",
    "SHAPES",
    "USUAL_COLUMNS",
    "insert",
    "prompt_record",
    "rare_values",
    "row_of",
    "usual_values",
]

CHANGES = 1 << 20
"""Changes of one prompt that a version can count."""


def insert(table: str, columns: Sequence[str], rows: int = 1) -> str:
    """An INSERT of so many rows with these columns."""
    row = f"({', '.join('?' for _ in columns)})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"


def row_of(version: int) -> int:
    """The row of the prompt that bears this version."""
    return version // CHANGES


# fmt: off
USUAL_COLUMNS = (
    "id", "parent_id", "path", "depth", "kind", "size", "callback", "params", "accept", "max_attempts",
    "priority", "forked", "durable", "created_at",
)
RARE_COLUMNS = (
    "on_error", "retry_if", "closure", "rules", "schema", "deadline_at", "labels", "key", "join_id", "branch",
    "request_hash",
)
# fmt: on
PROMPT_COLUMNS = (*USUAL_COLUMNS, *RARE_COLUMNS)
# fmt: off
PROGRESS_COLUMNS = (
    "state", "attempt", "callback_attempts", "prompt_tokens", "answer_tokens", "cost", "full_cost",
    "unsettled", "batch", "not_before_at", "claimed_at", "answered_at", "ended_at", "answer_file",
    "answer_generation", "answer_offset", "answer_length", "failure", "result",
)
# fmt: on
_SELECTED = (
    f"SELECT p.chain_id, p.queue, g.version, g.seq, {', '.join(f'p.{name}' for name in PROMPT_COLUMNS)}, "
    f"{', '.join(f'g.{name}' for name in PROGRESS_COLUMNS)}"
)
PROMPT_SELECT = f"{_SELECTED} FROM prompts p JOIN progress g ON g.seq = p.seq "
# Id by id, in any order: sorting them first, as IN does, takes longer than it saves.
PROMPTS_OF = (
    f"{_SELECTED} FROM json_each(?) j CROSS JOIN prompts p ON p.id = j.value JOIN progress g ON g.seq = p.seq"
)

SEQ = 3
"""Where a row of `PROMPT_SELECT` holds its number."""


# Binding a None or a bool takes `sqlite3` 0.2 µs, four times as long as a number or a text: what is rarely
# given stands in statements of its own, and flags are bound as numbers.
NOTHING_RARE = (None,) * len(RARE_COLUMNS)


def usual_values(prompt: Prompt) -> tuple[Any, ...]:
    """What `USUAL_COLUMNS` hold."""
    return (
        prompt.id,
        prompt.parent_id,
        prompt.path,
        prompt.depth,
        prompt.kind,
        prompt.size,
        prompt.callback,
        prompt.params,
        ",".join(prompt.accept),
        prompt.max_attempts,
        prompt.priority,
        1 if prompt.forked else 0,
        1 if prompt.durable else 0,
        codec.to_micros(prompt.created_at),
    )


def rare_values(prompt: Prompt) -> tuple[Any, ...]:
    """What `RARE_COLUMNS` hold; mostly `NOTHING_RARE`."""
    return (
        prompt.on_error,
        prompt.retry_if,
        prompt.closure,
        prompt.rules,
        prompt.schema,
        codec.to_micros(prompt.deadline_at),
        prompt.labels,
        prompt.key,
        prompt.join_id,
        prompt.branch,
        prompt.request_hash,
    )


Queues = Callable[[int], tuple[str, str, str, str]]
_STATES: Mapping[str, PromptState] = {state.value: state for state in PromptState}
_time: Callable[[int], datetime] = codec.from_micros  # type: ignore[assignment]  # a number is a time


_sound_shapes: set[tuple[type, ...]] = set()
SHAPES = 4096
"""Shapes of rows that are remembered as sound."""

MANY, MOST = 1 << 31, 1 << 61


def prompt_record(row: tuple[Any, ...], queues: Queues, names: Callable[[int], str]) -> Prompt:
    """The prompt in a row of `PROMPT_SELECT`."""
    shape = tuple(map(type, row))
    if shape not in _sound_shapes:
        return _inspected(row, shape, queues, names)
    try:
        return _quickly(row, queues, names)
    except damage.UNREADABLE:
        return _closely(row, queues, names)


def _inspected(
    row: tuple[Any, ...], shape: tuple[type, ...], queues: Queues, names: Callable[[int], str]
) -> Prompt:
    prompt = _closely(row, queues, names)
    if prompt.damage is None and len(_sound_shapes) < SHAPES:
        _sound_shapes.add(shape)
    return prompt


def _quickly(row: tuple[Any, ...], queues: Queues, names: Callable[[int], str]) -> Prompt:
    # fmt: off
    (
        chain_id, queue, version, seq, id_, parent_id, path, depth, kind, size, callback, params, accept,
        max_attempts, priority, forked, durable, created_at, on_error, retry_if, closure, rules, schema,
        deadline_at, labels, key, join_id, branch, request_hash, *progress,
    ) = row
    # fmt: on
    if version // CHANGES != seq or not -MANY < priority < MANY:
        raise DamagedError("the version is another row's, or the priority is out of its range")
    lane, provider, model, owner = queues(queue)
    return Prompt(
        id_,
        chain_id,
        provider,
        model,
        size,
        _time(created_at),
        parent_id,
        path,
        depth,
        lane,
        kind,
        callback,
        params,
        on_error,
        retry_if,
        closure,
        rules,
        schema,
        tuple(accept.split(",")) if accept else (),
        max_attempts,
        priority,
        None if deadline_at is None else _time(deadline_at),
        labels,
        key,
        bool(forked),
        bool(durable),
        join_id,
        branch,
        request_hash,
        owner,
        _progress_record(progress, names),
        version,
    )


def _progress_record(row: list[Any], names: Callable[[int], str]) -> Progress:
    # fmt: off
    (
        state, attempt, callback_attempts, prompt_tokens, answer_tokens, cost, full_cost, unsettled, batch,
        not_before_at, claimed_at, answered_at, ended_at,
        answer_file, answer_generation, answer_offset, answer_length, failure, result,
    ) = row
    # fmt: on
    if attempt > MANY or callback_attempts > MANY or prompt_tokens > MOST or answer_tokens > MOST:
        raise DamagedError("more than can be counted up")
    answer = usage = None
    if answer_file is not None:
        answer = AnswerRef(names(answer_file), answer_generation, answer_offset, answer_length)
        if answer_offset < 0 or answer_length < 0:
            raise DamagedError("no place in a file")
    if prompt_tokens or answer_tokens or cost or full_cost:
        usage = Usage(prompt_tokens, answer_tokens, cost, full_cost)
        if not isfinite(cost + full_cost):
            raise DamagedError("no amount of money")
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
        bool(unsettled),
    )


_TIMES = frozenset({"deadline_at", "created_at", "not_before_at", "claimed_at", "answered_at", "ended_at"})
_FLAGS = frozenset({"forked", "durable", "unsettled"})
_ALL_COLUMNS = ("chain_id", "queue", "version", "seq", *PROMPT_COLUMNS, *PROGRESS_COLUMNS)


def _closely(row: tuple[Any, ...], queues: Queues, names: Callable[[int], str]) -> Prompt:
    """The prompt in a row that may be anything: see `damage.prompt_of`."""
    read = dict(zip(_ALL_COLUMNS, row, strict=True))
    found: dict[str, Any] = {name: read[name] for name in ("chain_id", *PROMPT_COLUMNS, *PROGRESS_COLUMNS)}

    def decoded(name: str, decode: Callable[[], Any]) -> None:
        try:
            found[name] = decode()
        except damage.UNREADABLE:
            found[name] = _NONSENSE

    for name in _TIMES:
        decoded(name, lambda name=name: codec.from_micros(read[name]))  # type: ignore[misc]
    for name in _FLAGS:
        decoded(name, lambda name=name: {0: False, 1: True}[read[name]])  # type: ignore[misc]
    decoded("accept", lambda: tuple(read["accept"].split(",")) if read["accept"] else ())
    decoded("lane", lambda: queues(read["queue"])[0])
    decoded("provider", lambda: queues(read["queue"])[1])
    decoded("model", lambda: queues(read["queue"])[2])
    decoded("owner", lambda: queues(read["queue"])[3])
    decoded("state", lambda: _STATES[read["state"]])
    decoded("failure", lambda: codec.failure_from_text(read["failure"]))
    decoded("usage", lambda: damage.usage_of({name: read[name] for name in Usage._fields}))
    decoded("batch_id", lambda: None if read["batch"] is None else names(read["batch"]))
    decoded("answer", lambda: _answer(read, names))
    # A version that does not lead back to its row would move another.
    whose = read["version"] // CHANGES == read["seq"] if type(read["version"]) is int else False
    return damage.prompt_of(found, found, read["version"] if whose else 0)


_NONSENSE = object()


def _answer(read: Mapping[str, Any], names: Callable[[int], str]) -> AnswerRef | None:
    if read["answer_file"] is None:
        return None
    return damage.answer_of(
        [
            names(read["answer_file"]),
            *(read[f"answer_{name}"] for name in ("generation", "offset", "length")),
        ]
    )
