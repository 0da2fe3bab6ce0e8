"""Assemble: ready prompts become a batch with an input file.

Crash story. The batch is recorded as PLANNED under a lease before it claims anything. Prompts are claimed
page by page and written as they come. The file appears whole or not at all. Then one compare-and-set makes
the batch WRITTEN. A process that dies in between leaves a PLANNED batch whose lease runs out. The sweep takes
it over with `write_input`, which first writes again what the batch had claimed. The new file is named after
the new fence, so a process that was only slow cannot overwrite it. Two assemblers at once make two batches;
no prompt is in both. A batch that found nothing to claim is closed. A run whose time is over stops between
two claims and sends what it has claimed; the next run finds the rest queued.
"""

from collections.abc import Container
from datetime import datetime
from typing import NamedTuple

from gemchain.engine.batches.input_file import is_over, plan, write_input
from gemchain.engine.batches.outages import Outages
from gemchain.engine.policy.escalation import direct_now
from gemchain.engine.policy.outlook import Outlook, decide, observe
from gemchain.records import Batch, QueueStatus, queue_names
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["Assembled", "assemble"]


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
    outages = Outages(without)
    queues = [each for each in runtime.store.queues() if queue_names(each.queue)[1] not in outages]
    outlook = observe(runtime, without) if any(queue.ready for queue in queues) else Outlook()
    for queue in queues:
        with outages.of(queue_names(queue.queue)[1]):
            looks.append(_bring(runtime, queue, outlook, until, batches))
    outages.tell()
    return Assembled(batches, min(filter(None, looks), default=None))


def _bring(
    runtime: Runtime, queue: QueueStatus, outlook: Outlook, until: datetime | None, batches: list[Batch]
) -> datetime | None:
    """Bring one queue to as many batches as the policy wants; when to look at it again."""
    decision = decide(runtime, queue, outlook)
    while decision.send and not is_over(runtime, until):
        planned = plan(runtime, queue.queue, direct_now(runtime, queue, decision.reason))
        batch = write_input(runtime, planned, until)
        if batch.state is not BatchState.WRITTEN:
            break
        batches.append(batch)
        queue = _reread(runtime, queue.queue)
        decision = decide(runtime, queue, outlook)
    return decision.look_at


def _reread(runtime: Runtime, name: str) -> QueueStatus:
    found = (queue for queue in runtime.store.queues() if queue.queue == name)
    return next(found, QueueStatus(name, ready=0))
