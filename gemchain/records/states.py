"""The states of every record, and all moves between them.

Everything that affects the state machine lives in this file. A move that is not in a table
raises `MoveError`.

Prompt::

    QUEUED ──▶ CLAIMED ──▶ DONE
      ▲          │ │ ╲
      │ retry    │ │  ╲──▶ ANSWERED ──▶ DONE     the answer is safe, its callback is tried again
      ╰──────────╯ │           │ ╲
                   ▼           ▼  ╲──▶ PARKED    needs a person; retry sends it back
                 FAILED ◀──────╯

A prompt that a callback submits, and the policy would send at once, is created as CLAIMED. A prompt that
sends nothing (a join, a person's approval, another chain's end) begins as WAITING and moves on like one that
is CLAIMED. A QUEUED prompt whose deadline passes goes where its failure leads. Any open state moves to
CANCELLED. An operator's retry sends FAILED and PARKED back to QUEUED (send again), to ANSWERED (the answer is
there: only its callback runs again), or to WAITING.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from gemchain.errors import MoveError

__all__ = [
    "ENDED_PROMPT",
    "OPEN_BATCH",
    "OPEN_PROMPT",
    "UNFINISHED_PROMPT",
    "BatchState",
    "ChainState",
    "PartState",
    "PromptState",
    "check_move",
]


class PromptState(StrEnum):
    """Where a prompt stands."""

    QUEUED = "QUEUED"
    CLAIMED = "CLAIMED"
    ANSWERED = "ANSWERED"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    PARKED = "PARKED"
    WAITING = "WAITING"


class BatchState(StrEnum):
    """Where a batch stands."""

    PLANNED = "PLANNED"
    WRITTEN = "WRITTEN"
    SENT = "SENT"
    ARRIVED = "ARRIVED"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


class ChainState(StrEnum):
    """Where a chain stands."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class PartState(StrEnum):
    """Where a part of an output stands."""

    WAITING = "WAITING"
    DONE = "DONE"


P, B, C = PromptState, BatchState, ChainState

PROMPT_MOVES: Mapping[PromptState, frozenset[PromptState]] = {
    # Past its deadline it ends without ever being sent, and its on_error may do anything.
    P.QUEUED: frozenset({P.CLAIMED, P.DONE, P.ANSWERED, P.PARKED, P.FAILED, P.CANCELLED}),
    P.CLAIMED: frozenset({P.DONE, P.QUEUED, P.ANSWERED, P.PARKED, P.FAILED, P.CANCELLED}),
    P.ANSWERED: frozenset({P.ANSWERED, P.DONE, P.QUEUED, P.PARKED, P.FAILED, P.CANCELLED}),
    # A join whose branch is sent again is written: a process that reads its branches now must conflict.
    P.WAITING: frozenset({P.WAITING, P.DONE, P.ANSWERED, P.PARKED, P.FAILED, P.CANCELLED}),
    P.PARKED: frozenset({P.QUEUED, P.ANSWERED, P.WAITING, P.CANCELLED}),
    P.FAILED: frozenset({P.QUEUED, P.ANSWERED, P.WAITING}),
    P.DONE: frozenset(),
    P.CANCELLED: frozenset(),
}
BATCH_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    B.PLANNED: frozenset({B.WRITTEN, B.CLOSED}),
    B.WRITTEN: frozenset({B.SENT, B.FAILED}),
    B.SENT: frozenset({B.ARRIVED, B.FAILED}),
    # What is not answered goes over to a faster lane.
    B.ARRIVED: frozenset({B.CLOSED, B.SENT}),
    B.CLOSED: frozenset(),
    B.FAILED: frozenset(),
}
CHAIN_MOVES: Mapping[ChainState, frozenset[ChainState]] = {
    # A chain whose prompt is sent back is written: a process that ends or cancels it now must conflict.
    C.RUNNING: frozenset({C.RUNNING, C.DONE, C.FAILED, C.CANCELLED}),
    # A retry sends a prompt back; or the function that starts the chain had raised, and is run again.
    C.FAILED: frozenset({C.RUNNING, C.DONE, C.FAILED}),
    C.DONE: frozenset(),
    C.CANCELLED: frozenset(),
}
PART_MOVES: Mapping[PartState, frozenset[PartState]] = {
    PartState.WAITING: frozenset({PartState.DONE}),
    PartState.DONE: frozenset(),
}
OPEN_PROMPT = frozenset({P.QUEUED, P.CLAIMED, P.ANSWERED})
"""Prompts that the engine itself can carry on; PARKED ones wait for a person."""

UNFINISHED_PROMPT = OPEN_PROMPT | {P.PARKED, P.WAITING}
"""Prompts whose chain has not ended."""

ENDED_PROMPT = frozenset({P.DONE, P.FAILED, P.CANCELLED})
"""Prompts that have come to an end; a retry sends FAILED ones back."""

OPEN_BATCH = frozenset({B.PLANNED, B.WRITTEN, B.SENT, B.ARRIVED})
"""Batches with work left."""

_TABLES: tuple[Mapping[StrEnum, frozenset[StrEnum]], ...] = (
    PROMPT_MOVES,  # type: ignore[assignment]
    BATCH_MOVES,
    CHAIN_MOVES,
    PART_MOVES,
)
# StrEnum members compare as text (DONE of a prompt equals DONE of a chain), so the type is part of the key.
_MOVES = frozenset(
    (type(before), before, after) for table in _TABLES for before, afters in table.items() for after in afters
)

S = TypeVar("S", PromptState, BatchState, ChainState, PartState)


def check_move(before: S, after: S) -> None:
    """Refuse a move that is not in the table.

    Raises:
        MoveError: `before` may not become `after`.
    """
    if type(after) is not type(before) or (type(before), before, after) not in _MOVES:
        kind = type(before).__name__.removesuffix("State").lower()
        raise MoveError(f"a {kind} cannot move from {before} to {after}")
