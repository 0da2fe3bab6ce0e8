"""When to send a queue. Pure: no clock, no store, no I/O.

The latency of a chain is its depth times the turnaround, so the moment of sending matters more
than anything else. Waiting pays only while something can still add to the batch, and only as long as
that is short beside the turnaround itself. docs/decisions/0008-when-to-flush.md tells why and what it costs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gemchain.records import QueueStatus

__all__ = ["Decision", "FlushLimits", "Workload", "decide"]

SHARE = 8
"""A prompt waits at most an eighth of its queue's turnaround for batches that are still out."""


@dataclass(frozen=True, slots=True)
class FlushLimits:
    """The settings that the policy looks at, with the provider's limits already applied.

    Attributes:
        max_wait: Longest time a ready prompt waits for company, whatever the turnaround.
        grace: Quiet time after a submit from outside before the queue counts as complete.
    """

    max_requests: int
    max_bytes: int
    max_running: int
    max_wait: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Workload:
    """What goes on outside the queue.

    Attributes:
        running: Batches of this queue that a provider still works on, or soon will.
        arriving: Batches and prompts, of any queue, whose callbacks run now or in a moment.
        landings: When each batch that is out, of any queue, may be expected.
        turnaround: The usual one of this queue; None when it has never been seen.
        sent_at: When this queue was last sent; None when never, or long ago.
    """

    now: datetime
    running: int
    arriving: int = 0
    landings: tuple[datetime, ...] = ()
    turnaround: timedelta | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Send or hold.

    Attributes:
        reason: One word for people: `full`, `waited`, `quiet` (nothing is out), `far` (nothing is near); or
            `empty`, `busy`, `grace`, `company`.
        look_at: When to decide anew if nothing happens before; None when only an event can change it.
    """

    send: bool
    reason: str
    look_at: datetime | None = None


def decide(queue: QueueStatus, world: Workload, rules: FlushLimits) -> Decision:
    """Whether to send what is ready in the queue.

    Sends when the batch is full, when the oldest prompt has waited `max_wait`, or when nothing can add to
    it soon enough for waiting to be worth it.
    """
    if not queue.ready:
        return Decision(send=False, reason="empty", look_at=queue.due_at)
    if world.running >= rules.max_running:
        return Decision(send=False, reason="busy")
    if queue.ready >= rules.max_requests or queue.size >= rules.max_bytes:
        return Decision(send=True, reason="full")
    oldest_at = queue.oldest_at or world.now
    if world.now >= oldest_at + rules.max_wait:
        return Decision(send=True, reason="waited")
    return _by_what_comes_in(queue, world, rules, oldest_at)


def _by_what_comes_in(
    queue: QueueStatus, world: Workload, rules: FlushLimits, oldest_at: datetime
) -> Decision:
    waited_at = oldest_at + rules.max_wait
    quiet_at = queue.newest_at + rules.grace if queue.newest_at else world.now
    if world.now < quiet_at:
        return Decision(send=False, reason="grace", look_at=min(quiet_at, waited_at))
    if world.arriving:
        return Decision(send=False, reason="company", look_at=waited_at)
    return _by_what_is_out(world, oldest_at, _patience(world, rules))


def _patience(world: Workload, rules: FlushLimits) -> timedelta:
    return rules.max_wait if world.turnaround is None else min(rules.max_wait, world.turnaround / SHARE)


def _by_what_is_out(world: Workload, oldest_at: datetime, patience: timedelta) -> Decision:
    """Nothing comes in this very moment: is anything near?"""
    if not world.landings:
        return Decision(send=True, reason="quiet")
    until = oldest_at + patience
    if world.now >= until:
        return Decision(send=True, reason="waited")
    # A queue that was sent just now is in the middle of a stream: what follows may share a batch.
    streams = world.sent_at is not None and world.now < world.sent_at + patience
    if streams or min(world.landings) <= until:
        return Decision(send=False, reason="company", look_at=until)
    return Decision(send=True, reason="far")
