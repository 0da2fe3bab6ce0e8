"""Cancelling a batch: the provider stops, what is finished is used, the rest is sent again."""

from dataclasses import replace

from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Failure
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["cancel_batch"]

CANCELLED = Failure("job", "the batch was cancelled; what was answered is kept", retryable=True)


def cancel_batch(runtime: Runtime, batch_id: str) -> Batch:
    """Ask the provider to stop the job of a SENT batch, and look at it at once.

    A batch that a process of ours sends is marked; whoever performs it sends nothing more.

    Prompts whose rows are delivered all the same go on; the others are queued again, as after a job that
    expired. To stop a chain for good, cancel the chain.

    Returns:
        The batch as stored; the next `collect` finds how the job ended.

    Raises:
        InvalidInputError: There is no such batch, or no job of it is running.
        ProviderError: The provider could not be asked.
    """
    batch = runtime.store.batches([batch_id]).get(batch_id)
    if batch is None:
        raise InvalidInputError(f"there is no batch {batch_id!r}")
    if batch.state is not BatchState.SENT:
        raise InvalidInputError(f"batch {batch_id} is {batch.state}; only a SENT one has a job to cancel")
    if is_own(batch.lane):
        changed = replace(batch, failure=CANCELLED)
    else:
        runtime.providers.named(batch.provider).cancel(batch)
        changed = replace(batch, poll_at=runtime.store.now(), next_lane=None)
    saved = runtime.store.save_batch(changed)
    runtime.waker.hurry()
    return saved
