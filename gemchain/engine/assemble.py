"""Assemble: ready prompts become a batch with an input file.

Crash story. The batch is recorded as PLANNED under a lease before it claims anything. Prompts are
claimed page by page and written as they come; the file appears whole or not at all; then one
compare-and-set makes the batch WRITTEN. Whoever dies in between leaves a PLANNED batch whose
lease runs out. The sweep takes it over with `write_input`, which first writes again what the
batch had claimed, into a file named after the new fence, so that a process that was only slow
cannot overwrite it. Two assemblers at once make two batches; no prompt is in both. A batch that
found nothing to claim is closed. A run whose time is over stops between two claims, and sends what it has
claimed; the next run finds the rest queued.
"""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain.engine import policy
from gemchain.engine.forecast import landing, turnarounds
from gemchain.engine.inputs import is_over, queue_names, rules, write_input
from gemchain.engine.leases import leased_until
from gemchain.engine.troubles import Troubles
from gemchain.identity import batch_id
from gemchain.records import Batch, QueueStatus
from gemchain.runtime import Runtime
from gemchain.states import BatchState, PromptState

__all__ = ["Assembled", "assemble"]

RECENT = 20
"""Batches from which the usual turnarounds are taken."""


class Assembled(NamedTuple):
    """What one run of the stage did.

    Attributes:
        batches: The batches it wrote.
        look_at: When a queue that was held may be sent; None when only an event can change that.
    """

    batches: list[Batch]
    look_at: datetime | None


def assemble(runtime: Runtime, until: datetime | None = None, *, without: Container[str] = ()) -> Assembled:
    """Bring every queue that the policy wants sent to a WRITTEN batch.

    Queues that are quiet together are sent together: what this very run sends is no reason to hold another.

    Args:
        runtime: Where the queues are.
        until: When to stop claiming, by the store's clock; what is left is queued for the next run.
        without: Providers to leave alone, since they are known to be not set up.

    Raises:
        NotSetUpError: A queue's provider lacks something, or is not known here; all others were assembled.
    """
    batches: list[Batch] = []
    looks: list[datetime | None] = []
    troubles = Troubles(without)
    queues = [each for each in runtime.store.queues() if queue_names(each.queue)[1] not in troubles]
    around = _around(runtime, queues, without)
    for queue in queues:
        with troubles.of(queue_names(queue.queue)[1]):
            looks.append(_bring(runtime, queue, around, until, batches))
    troubles.tell()
    return Assembled(batches, min(filter(None, looks), default=None))


def _bring(
    runtime: Runtime, queue: QueueStatus, around: "_Around", until: datetime | None, batches: list[Batch]
) -> datetime | None:
    """Bring one queue to as many batches as the policy wants; when to look at it again."""
    decision = _decide(runtime, queue, around)
    while decision.send and not is_over(runtime, until):
        batch = _build(runtime, queue.queue, until)
        if batch.state is not BatchState.WRITTEN:
            break
        batches.append(batch)
        decision = _decide(runtime, _reread(runtime, queue.queue), around)
    return decision.look_at


def _reread(runtime: Runtime, name: str) -> QueueStatus:
    found = (queue for queue in runtime.store.queues() if queue.queue == name)
    return next(found, QueueStatus(name, ready=0))


class _Around(NamedTuple):
    """What was under way when the run began."""

    arriving: int
    landings: tuple[datetime, ...]
    turnarounds: dict[str, timedelta]
    sent_at: dict[str, datetime]


def _around(runtime: Runtime, queues: Sequence[QueueStatus], without: Container[str]) -> _Around:
    if not any(queue.ready for queue in queues):
        return _Around(0, (), {}, {})
    store, now = runtime.store, runtime.store.now()
    arriving = store.tally().prompts.get(PromptState.ANSWERED, 0)
    out = []
    for batch in store.open_batches():
        if batch.state is BatchState.ARRIVED:
            arriving += 1
        elif batch.provider not in without:  # nobody waits for what may never be sent
            out.append(batch)
    recent = store.list_batches(limit=RECENT) if out else []
    usual = turnarounds(recent)
    # Newest first, so the oldest is put in first and the newest stays.
    sent_at = {each.queue: each.created_at for each in reversed(recent)}
    return _Around(arriving, tuple(landing(each, usual, now) for each in out), usual, sent_at)


def _decide(runtime: Runtime, queue: QueueStatus, around: _Around) -> policy.Decision:
    name = queue.queue
    running = sum(
        each.queue == name and each.state is not BatchState.ARRIVED for each in runtime.store.open_batches()
    )
    world = policy.World(
        runtime.store.now(),
        running,
        around.arriving,
        around.landings,
        around.turnarounds.get(name),
        around.sent_at.get(name),
    )
    return policy.decide(queue, world, rules(runtime, name))


def _build(runtime: Runtime, queue: str, until: datetime | None) -> Batch:
    lane, provider, model = queue_names(queue)
    planned = Batch(
        id=batch_id(),
        lane=lane,
        provider=provider,
        model=model,
        created_at=runtime.store.now(),
        leased_until_at=leased_until(runtime),
    )
    return write_input(runtime, runtime.store.plan(planned), until)
