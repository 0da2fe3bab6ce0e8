"""When to send a queue. Pure: no clock, no store, no I/O.

The latency of a chain is its depth times the turnaround, so the moment of sending matters more
than anything else. Waiting pays only while something can still add to the batch.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gemchain.records import QueueStatus

__all__ = ["Decision", "Rules", "World", "decide"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that the policy looks at, with the provider's limits already applied.

    Attributes:
        max_wait: Longest time a ready prompt waits for company.
        grace: Quiet time after a submit from outside before the queue counts as complete.
    """

    max_requests: int
    max_bytes: int
    max_running: int
    max_wait: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class World:
    """What goes on outside the queue.

    Attributes:
        running: Batches of this queue that a provider still works on, or soon will.
        in_flight: Batches of any queue that are not closed: their callbacks can add prompts.
        answered: Prompts whose callback will run again, and can add prompts.
    """

    now: datetime
    running: int
    in_flight: int
    answered: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Send or hold.

    Attributes:
        reason: One word for people: `full`, `waited`, `quiet`; or `empty`, `busy`, `grace`, `company`.
        look_at: When to decide anew if nothing happens before; None when only an event can change it.
    """

    send: bool
    reason: str
    look_at: datetime | None = None


def decide(queue: QueueStatus, world: World, rules: Rules) -> Decision:
    """Whether to send what is ready in the queue.

    Sends when the batch is full, when the oldest prompt has waited `max_wait`, or when nothing in
    flight can add to it any more, so that waiting would gain nothing.
    """
    if not queue.ready:
        return Decision(send=False, reason="empty", look_at=queue.due_at)
    if world.running >= rules.max_running:
        return Decision(send=False, reason="busy")
    if queue.ready >= rules.max_requests or queue.size >= rules.max_bytes:
        return Decision(send=True, reason="full")
    waited_at = (queue.oldest_at or world.now) + rules.max_wait
    if world.now >= waited_at:
        return Decision(send=True, reason="waited")
    return _by_quiescence(queue, world, rules, waited_at)


def _by_quiescence(queue: QueueStatus, world: World, rules: Rules, waited_at: datetime) -> Decision:
    quiet_at = queue.newest_at + rules.grace if queue.newest_at else world.now
    if world.now < quiet_at:
        return Decision(send=False, reason="grace", look_at=min(quiet_at, waited_at))
    if world.in_flight or world.answered:
        return Decision(send=False, reason="company", look_at=waited_at)
    return Decision(send=True, reason="quiet")
