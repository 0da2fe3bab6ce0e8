"""Rows of `progress`: the state of a prompt, and by which indexes it is found.

Two changes make up nearly all of the work, and each has short statements of its own: a prompt that is
new, and one that is DONE right after it was CLAIMED. Whatever else happens goes through the long ones.
"""

from gemchain.records import NO_USAGE, Progress, Prompt, codec
from gemchain.records import QUEUED as FRESH
from gemchain.records.states import UNFINISHED_PROMPT, PromptState
from gemchain.stores.sqlite.names import Names
from gemchain.stores.sqlite.rows import CHANGES, PROGRESS_COLUMNS, insert, row_of

__all__ = [
    "IN_MANY",
    "MANY",
    "STOPPED",
    "insertion",
    "move",
]

P = PromptState
STOPPED = frozenset({P.PARKED, P.FAILED, P.CANCELLED})
Values = tuple[object, ...]

_PLACE = ("queue", "rank", "waits_at")
_FOUND_BY = (*_PLACE, "deadline_at", "open_join", "due_at", "awaits", "stopped")
_OUTCOME = (
    "callback_attempts",
    "prompt_tokens",
    "answer_tokens",
    "cost",
    "full_cost",
    "answered_at",
    "ended_at",
)
_ANSWER = ("answer_file", "answer_generation", "answer_offset", "answer_length")


_KEY = ("tokens", "version", "seq")
_INSERT = insert("progress", (*PROGRESS_COLUMNS, *_FOUND_BY, *_KEY))
_FRESH = ("state", *_PLACE, *_KEY)
_INSERT_FRESH = insert("progress", _FRESH)
_INSERT_FRESH_BOUND = insert("progress", ("state", *_PLACE, *_KEY, "deadline_at", "open_join"))
_BORN = ("state", "batch", "claimed_at", *_KEY)
_INSERT_BORN = insert("progress", _BORN)

MANY = 50
IN_MANY = {
    _INSERT_FRESH: insert("progress", _FRESH, MANY),
    _INSERT_BORN: insert("progress", _BORN, MANY),
}
"""The same for so many rows at once: each statement has to open all indexes of the table."""


def _update(columns: tuple[str, ...], also: str = "") -> str:
    changes = ", ".join(f"{name} = ?" for name in columns)
    return (
        f"UPDATE progress SET {changes}, {also}tokens = tokens || ?, version = version + 1 "
        "WHERE version = ? AND seq = ?"
    )


_MOVE = _update((*PROGRESS_COLUMNS, *_FOUND_BY))
_FINISH = _update((*_OUTCOME, *_ANSWER), "state = 'DONE', failure = NULL, result = NULL, ")
_FINISH_WITH = _update((*_OUTCOME, *_ANSWER, "failure", "result"), "state = 'DONE', ")


def insertion(names: Names, seq: int, prompt: Prompt, token: str, now: int) -> tuple[str, Values]:
    """The statement that records where a new prompt stands, and what it takes."""
    key = token, seq * CHANGES + 1, seq
    if prompt.join_id is None and _is_only_claimed(prompt.progress):
        holder, claimed_at = names.number(prompt.progress.batch_id or ""), prompt.progress.claimed_at
        return _INSERT_BORN, ("CLAIMED", holder, codec.to_micros(claimed_at), *key)
    since = _since(prompt, now)
    if prompt.progress is not FRESH:
        found_by = _found_by(names, prompt, prompt.progress, since)
        return _INSERT, (*_all_values(names, prompt.progress), *found_by, *key)
    fresh = "QUEUED", *_place(names, prompt, since), *key
    if prompt.deadline_at is None and prompt.join_id is None:
        return _INSERT_FRESH, fresh
    return _INSERT_FRESH_BOUND, (*fresh, codec.to_micros(prompt.deadline_at), prompt.join_id)


_NOTHING_ELSE = (1, None, None, 0, None, None, NO_USAGE, None, None, False)


def _is_only_claimed(now: Progress) -> bool:
    """Whether a new prompt is a member of a batch, and has no other progress."""
    if now.state is not P.CLAIMED or now.batch_id is None:
        return False
    return (
        now.attempt,
        now.not_before_at,
        now.answer,
        now.callback_attempts,
        now.failure,
        now.result,
        now.usage,
        now.answered_at,
        now.ended_at,
        now.unsettled,
    ) == _NOTHING_ELSE


def move(names: Names, prompt: Prompt, after: Progress, token: str, now: int) -> tuple[str, Values]:
    """The statement that moves a prompt, and what it takes."""
    key = token, prompt.version, row_of(prompt.version)
    if not _only_finishes(prompt, after):
        return _MOVE, (*_all_values(names, after), *_found_by(names, prompt, after, now), *key)
    outcome = _outcome(names, after)
    if after.failure is None and after.result is None:
        return _FINISH, (*outcome, *key)
    return _FINISH_WITH, (*outcome, codec.failure_to_text(after.failure), after.result, *key)


def _only_finishes(prompt: Prompt, after: Progress) -> bool:
    """Whether `_FINISH` says all about a move: whatever it leaves alone stays as it is."""
    before = prompt.progress
    return (
        before.state is P.CLAIMED
        and after.state is P.DONE
        and prompt.join_id is None
        and before.batch_id == after.batch_id
        and before.attempt == after.attempt
        and before.claimed_at == after.claimed_at
        and before.not_before_at == after.not_before_at
        and before.unsettled is after.unsettled
    )


def _outcome(names: Names, after: Progress) -> Values:
    """What `_OUTCOME` and `_ANSWER` hold."""
    return (
        after.callback_attempts,
        *after.usage,
        codec.to_micros(after.answered_at),
        codec.to_micros(after.ended_at),
        *_answer(names, after),
    )


def _since(prompt: Prompt, now: int) -> int:
    """Since when a new prompt waits. A submitter's clock may run ahead; its prompt is ready all the same."""
    return min(codec.to_micros(prompt.created_at) or 0, now)


def _found_by(names: Names, prompt: Prompt, after: Progress, since: int) -> Values:
    """What `_FOUND_BY` holds."""
    state = after.state
    due_at = codec.to_micros(after.not_before_at) or since
    return (
        *(_place(names, prompt, due_at) if state is P.QUEUED else (None, None, None)),
        codec.to_micros(prompt.deadline_at) if state in (P.QUEUED, P.WAITING) else None,
        prompt.join_id if state in UNFINISHED_PROMPT else None,
        due_at if state is P.ANSWERED else None,
        prompt.key if state is P.WAITING and prompt.kind == "chain" else None,
        state.value if state in STOPPED else None,
    )


def _place(names: Names, prompt: Prompt, waits_at: int) -> Values:
    """What `_PLACE` holds: the place in the queue."""
    return names.queue_of(prompt), -prompt.priority, waits_at


def _answer(names: Names, progress: Progress) -> Values:
    answer = progress.answer
    return (None, None, None, None) if answer is None else (names.number(answer.uri), *answer[1:])


def _all_values(names: Names, progress: Progress) -> Values:
    """What `PROGRESS_COLUMNS` hold."""
    return (
        progress.state.value,
        progress.attempt,
        progress.callback_attempts,
        *progress.usage,
        progress.unsettled,
        None if progress.batch_id is None else names.number(progress.batch_id),
        codec.to_micros(progress.not_before_at),
        codec.to_micros(progress.claimed_at),
        codec.to_micros(progress.answered_at),
        codec.to_micros(progress.ended_at),
        *_answer(names, progress),
        codec.failure_to_text(progress.failure),
        progress.result,
    )
