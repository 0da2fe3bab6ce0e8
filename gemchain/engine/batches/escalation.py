"""Escalation: a batch that takes too long goes over to a faster lane with what is not answered.

A batch whose lane is `batch` has a provider job. The batch is marked first (`next_lane`), then the job is
cancelled. What the job delivers all the same is dispatched as ever. When all of that is dispatched the batch
is not closed: it becomes SENT again, in the next lane, and its prompts that are still CLAIMED are asked
there. So no prompt is asked while the job may still answer it. A batch of the lane `flex` is ours:
its holder stops, waits for what is on its way, and gives it back in the lane `direct`.

Crash story. A process that dies after the mark and before the cancellation leaves a mark, and whoever polls
the job next cancels it. A cancellation that comes twice, or too late, changes nothing. The last step is one
commit of the batch.
"""

import logging
from dataclasses import replace

from gemchain.engine.policy.escalation import faster_lane, goes_over_at
from gemchain.errors import ProviderError
from gemchain.records import Batch
from gemchain.records.lanes import BATCH
from gemchain.runtime import Runtime

__all__ = ["cancel_for_next_lane"]

log = logging.getLogger("gemchain")


def cancel_for_next_lane(runtime: Runtime, batch: Batch) -> Batch:
    """Cancel the job of a batch whose time is over, so that it goes over when the job has ended.

    Returns:
        The batch, marked if its time is over.

    Raises:
        StoreConflictError: Another process moved the batch.
    """
    at = goes_over_at(runtime, batch)
    if batch.lane != BATCH or at is None or runtime.store.now() < at:
        return batch
    if batch.next_lane is None:
        batch = runtime.store.save_batch(replace(batch, next_lane=faster_lane(runtime, batch)))
        log.info("batch %s takes too long: what is not answered goes over to %s", batch.id, batch.next_lane)
    try:
        runtime.providers.named(batch.provider).cancel(batch)
    except ProviderError as error:
        log.warning("batch %s: its job could not be cancelled, will ask again: %s", batch.id, error)
    return batch
