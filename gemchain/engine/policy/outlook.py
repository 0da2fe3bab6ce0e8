"""Outlook: what is in flight outside a queue, read from the store, and the decision of the policy on it."""

from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain.engine.policy import policy
from gemchain.engine.policy.forecast import landing, turnarounds
from gemchain.engine.policy.limits import rules
from gemchain.records import QueueStatus
from gemchain.records.states import BatchState, PromptState
from gemchain.runtime import Runtime

__all__ = ["Outlook", "decide", "observe"]

RECENT = 20
"""Batches from which the usual turnarounds are taken."""


class Outlook(NamedTuple):
    """What was in flight at one moment; see `policy.Workload`.

    Attributes:
        waits: Prompts that wait for others: for branches, for a chain's end, for a person.
    """

    arriving: int = 0
    landings: tuple[datetime, ...] = ()
    turnarounds: Mapping[str, timedelta] = {}
    sent_at: Mapping[str, datetime] = {}
    waits: int = 0


def observe(runtime: Runtime, without: Container[str] = (), *, handled: str | None = None) -> Outlook:
    """What is in flight now.

    Args:
        runtime: Where to look.
        without: Providers that are not waited for: their prompts may never be sent.
        handled: A batch whose parts are all dispatched, or will be in a moment.
    """
    store, now = runtime.store, runtime.store.now()
    counts = store.counters().prompts
    arriving = counts.get(PromptState.ANSWERED, 0)
    out = []
    for batch in store.open_batches():
        if batch.state is BatchState.ARRIVED:
            arriving += batch.id != handled
            continue
        if batch.provider not in without:
            out.append(batch)
        if batch.parts and batch.id != handled:  # its job runs, and has delivered something already
            arriving += bool(store.open_parts(batch.id))
    recent = store.list_batches(limit=RECENT) if out else []
    usual = turnarounds(recent)
    # Newest first, so the oldest is put in first and the newest stays.
    sent_at = {each.queue: each.created_at for each in reversed(recent)}
    landings = tuple(landing(each, usual, now) for each in out)
    return Outlook(arriving, landings, usual, sent_at, counts.get(PromptState.WAITING, 0))


def decide(runtime: Runtime, queue: QueueStatus, outlook: Outlook) -> policy.Decision:
    """Whether to send what is ready in a queue."""
    name = queue.queue
    running = sum(
        each.queue == name and each.state is not BatchState.ARRIVED for each in runtime.store.open_batches()
    )
    world = policy.Workload(
        runtime.store.now(),
        running,
        outlook.arriving,
        outlook.landings,
        outlook.turnarounds.get(name),
        outlook.sent_at.get(name),
    )
    return policy.decide(queue, world, rules(runtime, name))
