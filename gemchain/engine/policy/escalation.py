"""When prompts are sent in a faster lane than their own, and how a batch looks then."""

from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.records import Batch, QueueStatus, queue_names
from gemchain.records.lanes import BATCH, DIRECT, LANES, split
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["direct_now", "faster_lane", "goes_over_at", "going_over"]

NEVER = 100 * 365 * 86_400
"""Seconds that no batch is out; a longer time would be no date."""


def direct_now(runtime: Runtime, queue: QueueStatus, reason: str) -> str | None:
    """The lane `direct` for the last few prompts of a run, which do not wait for a batch; else None.

    Args:
        runtime: Where the queue is.
        queue: The queue as it is sent now.
        reason: Why it is sent now; see `policy.Decision`.
    """
    lane, provider, model = queue_names(queue.queue)
    if reason != "quiet" or queue.ready > runtime.settings.direct_below or split(lane)[0] == DIRECT:
        return None
    return DIRECT if DIRECT in runtime.providers.named(provider).capabilities(model).lanes else None


def goes_over_at(runtime: Runtime, batch: Batch) -> datetime | None:
    """When a batch that was sent goes over to a faster lane; None when it stays where it is."""
    _, said = split(batch.claims_from)
    seconds = runtime.settings.escalate_after if said is None else said
    if not seconds or batch.sent_at is None or faster_lane(runtime, batch) is None:
        return None
    return batch.sent_at + timedelta(seconds=min(seconds, NEVER))


def faster_lane(runtime: Runtime, batch: Batch) -> str | None:
    """The next faster lane that the model has."""
    if batch.lane == DIRECT:
        return None
    can = runtime.providers.named(batch.provider).capabilities(batch.model)
    if batch.lane == BATCH and not can.partial:
        return None  # its job would deliver nothing of what it has answered
    return next((each for each in LANES[LANES.index(batch.lane) + 1 :] if each in can.lanes), None)


def going_over(runtime: Runtime, batch: Batch) -> Batch:
    """The batch in its next lane, SENT and free to be performed; not saved yet."""
    return replace(
        batch,
        state=BatchState.SENT,
        lane=batch.next_lane or faster_lane(runtime, batch) or batch.lane,
        source=batch.claims_from,
        next_lane=None,
        job=None,
        failure=None,
        sent_at=runtime.store.now(),
        arrived_at=None,
        poll_at=None,
        leased_until_at=None,
    )
