"""Endings of batches: of those whose parts are dispatched, and of those whose job failed.

Crash story. `close` and `abandon` move the leftover prompts one commit each, and the batch last. Whoever dies
in between leaves a batch that is still open, and the next run finds the prompts that are still CLAIMED.
"""

from dataclasses import replace

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.endings.chains import settle_marked
from gemchain.records import NO_ROWS, NO_USAGE, Batch, Failure, RowCounts, Usage, Verdict
from gemchain.records.states import BatchState, PartState, PromptState
from gemchain.runtime import Runtime

__all__ = ["abandon", "close", "is_complete"]

MISSING = Failure("missing", "the output has no row for this prompt", retryable=True)


def is_complete(runtime: Runtime, batch: Batch) -> bool:
    """Whether every part of an ARRIVED batch is dispatched."""
    return batch.state is BatchState.ARRIVED and not runtime.store.open_parts(batch.id)


def close(runtime: Runtime, batch: Batch) -> Batch:
    """End an ARRIVED batch all of whose parts are dispatched.

    Prompts without a row are sent again, or fail with the job's own words.
    """
    lost = batch.failure or MISSING
    missing = _release(runtime, batch, replace(lost, retryable=True))
    counts, usage = _totals(runtime, batch)
    return runtime.store.save_batch(
        replace(
            batch,
            state=BatchState.CLOSED,
            closed_at=runtime.store.now(),
            counts=counts.plus(RowCounts(missing=missing)),
            usage=usage,
        )
    )


def abandon(runtime: Runtime, batch: Batch) -> Batch:
    """End a batch whose job failed, or was refused, as its `failure` says.

    Its prompts are sent again when that may help, else they fail with the provider's words.
    """
    assert batch.failure is not None
    _release(runtime, batch, batch.failure)
    return runtime.store.save_batch(
        replace(batch, state=BatchState.FAILED, leased_until_at=None, closed_at=runtime.store.now())
    )


def _release(runtime: Runtime, batch: Batch, failure: Failure) -> int:
    """Hand the failure to every prompt that the batch still holds."""
    released = 0
    for page in runtime.store.members(batch.id, state=PromptState.CLAIMED):
        # An index may lead to a record of which not even the state can be read: that one stays as it is.
        held = [prompt for prompt in page if prompt.progress.state is PromptState.CLAIMED]
        deliveries = [deliver(runtime, prompt, Outcome(failure=failure)) for prompt in held]
        verdicts = runtime.store.commit([each.unit for each in deliveries])
        released += verdicts.count(Verdict.APPLIED)
    settle_marked(runtime)
    return released


def _totals(runtime: Runtime, batch: Batch) -> tuple[RowCounts, Usage]:
    counts, usage = NO_ROWS, NO_USAGE
    for part in runtime.store.batch_parts(batch.id):
        assert part.state is PartState.DONE
        counts, usage = counts.plus(part.counts), usage.plus(part.usage)
    return counts, usage
