"""Hasten: ask about batches at once, since somebody says that they are over.

What is said is a hint. It is never believed: it moves the time of the next question to now, and the provider
is asked as ever. Batches of the lanes `direct` and `flex` are nobody else's to end, so no hint touches them.

Crash story. One commit for each batch, under its version. A process that dies before it has changed nothing:
the poll comes when it would have come. One that dies after it leaves a batch that is due, which every driver
and the sweep find, also if the hint to the waker is lost. A driver that asked the provider before the job was
over, and would put the next question off now, loses its compare-and-set and finds the batch due: so a batch
that is due already is written as well. Twice, or by two processes at once: the batch is asked about once
more, while its job runs; one that has arrived, or is over, is not written again.
"""

from collections.abc import Iterable
from dataclasses import replace

from gemchain.errors import StoreConflictError
from gemchain.records import Batch
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["PAUSES", "hasten", "is_waited_for"]

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between the questions about a job that is not over yet though its end was announced: an output
appears shortly before the job ends.
"""

TRIES = 5
"""How often a batch is read again that another process has changed; then it is being worked on anyway."""


def is_waited_for(batch: Batch) -> bool:
    """Whether a provider's job carries the batch, so that there is something to ask about."""
    return batch.state is BatchState.SENT and not is_own(batch.lane)


def hasten(runtime: Runtime, batches: Iterable[Batch]) -> list[Batch]:
    """Let the jobs of these batches be asked about at once, and wake whoever works.

    Args:
        runtime: Where the batches are.
        batches: As they were read; those that no provider's job carries are left as they are.

    Returns:
        The batches that are due now.

    Raises:
        StoreError: The store failed; the batches before are due.
    """
    due = [now_due for each in batches if (now_due := _due(runtime, each)) is not None]
    for batch in due:
        runtime.waker.look(batch)
    return due


def _due(runtime: Runtime, batch: Batch) -> Batch | None:
    """The batch, due; None when there is nothing to ask about it."""
    found: Batch | None = batch
    for _ in range(TRIES):
        if found is None or not is_waited_for(found):
            return None
        try:
            return runtime.store.save_batch(replace(found, poll_at=runtime.store.now()))
        except StoreConflictError:
            found = runtime.store.batches([batch.id]).get(batch.id)
    return None
