"""Endings of batches: of those whose parts are dispatched, and of those whose job failed.

Crash story. `close` and `abandon` move the leftover prompts one commit each, and the batch last. A process
that dies in between leaves a batch that is still open, and the next run finds the prompts that are still
CLAIMED. Parts that are to be dispatched again are found in the stored counts of the others: a part with
deferred rows that no later part covers. They are recorded in one commit of the batch, under its version, so
that two processes at once make them once.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.endings.chains import settle_marked
from gemchain.engine.policy.escalation import going_over
from gemchain.records import NO_ROWS, NO_USAGE, Batch, Failure, Part, RowCounts, Usage, Verdict
from gemchain.records.identity import part_id
from gemchain.records.states import BatchState, PartState, PromptState
from gemchain.runtime import Runtime

__all__ = ["abandon", "close", "is_complete"]

log = logging.getLogger("gemchain")

MISSING = Failure("missing", "the output has no row for this prompt", retryable=True)


def is_complete(runtime: Runtime, batch: Batch) -> bool:
    """Whether every part of an ARRIVED batch is dispatched."""
    return batch.state is BatchState.ARRIVED and not runtime.store.open_parts(batch.id)


def close(runtime: Runtime, batch: Batch) -> Batch:
    """End an ARRIVED batch all of whose parts are dispatched.

    Prompts without a row are sent again, or fail with the job's own words; or the batch goes over to a faster
    lane with them. Parts with deferred rows come
    first: they are dispatched again, and the batch stays ARRIVED until then. Another process may have made
    those parts since this one saw none open, so the parts that are read here decide.
    """
    parts = runtime.store.batch_parts(batch.id)
    if any(part.state is not PartState.DONE for part in parts):
        return batch
    deferred = _to_repeat(parts)
    if deferred:
        return _repeat(runtime, batch, deferred)
    lost = batch.failure or MISSING
    if batch.next_lane is not None and lost.reason != "rejected":
        return runtime.store.save_batch(going_over(runtime, batch))
    # What a service refuses to tell anything of stays lost; all else may be answered when it is sent again.
    failure = lost if lost.reason == "rejected" else replace(lost, retryable=True)
    missing = _release(runtime, batch, failure)
    counts, usage = _totals(parts)
    closed = replace(
        batch,
        state=BatchState.CLOSED,
        closed_at=runtime.store.now(),
        counts=counts.plus(RowCounts(missing=missing)),
        usage=usage,
    )
    saved = runtime.store.save_batch(closed)
    rows = ", ".join(f"{number} {name}" for name, number in saved.counts._asdict().items() if number)
    log.info("batch %s is closed: %s", saved.id, rows or "no rows")
    return saved


def _to_repeat(parts: Sequence[Part]) -> list[Part]:
    """The parts with deferred rows that no later part covers."""
    last = {(part.file, part.start): part for part in sorted(parts, key=attrgetter("index"))}
    first_of = {part.id for part in last.values()}
    return [part for part in parts if part.counts.deferred and part.id in first_of]


def _repeat(runtime: Runtime, batch: Batch, deferred: Sequence[Part]) -> Batch:
    """Make new parts over the same bytes. The whole output is known now, so no row of them is deferred."""
    parts = [
        Part(
            id=part_id(batch.id, index),
            batch_id=batch.id,
            index=index,
            file=part.file,
            start=part.start,
            end=part.end,
        )
        for index, part in enumerate(deferred, batch.parts)
    ]
    saved = runtime.store.save_batch(replace(batch, parts=batch.parts + len(parts)), parts=parts)
    for part in parts:
        runtime.waker.dispatch(part)
    return saved


def abandon(runtime: Runtime, batch: Batch) -> Batch:
    """End a batch whose job failed, or was refused, as its `failure` says.

    Its prompts are sent again when that may help, else they fail with the provider's words. A job for which
    the service had no room (`rate`) was none of their attempts: they wait for the longest rest between two.
    """
    assert batch.failure is not None
    _release(runtime, batch, batch.failure, unsent=batch.failure.reason == "rate")
    return runtime.store.save_batch(
        replace(batch, state=BatchState.FAILED, leased_until_at=None, closed_at=runtime.store.now())
    )


def _release(runtime: Runtime, batch: Batch, failure: Failure, *, unsent: bool = False) -> int:
    """Hand the failure to every prompt that the batch still holds."""
    outcome = Outcome(failure=failure, unsent=unsent)
    released = 0
    for page in runtime.store.members(batch.id, state=PromptState.CLAIMED):
        # An index may lead to a record of which not even the state can be read: that one stays as it is.
        held = [prompt for prompt in page if prompt.progress.state is PromptState.CLAIMED]
        deliveries = [deliver(runtime, prompt, outcome) for prompt in held]
        verdicts = runtime.store.commit([each.unit for each in deliveries])
        released += verdicts.count(Verdict.APPLIED)
    settle_marked(runtime)
    return released


def _totals(parts: Sequence[Part]) -> tuple[RowCounts, Usage]:
    counts, usage = NO_ROWS, NO_USAGE
    for part in parts:
        assert part.state is PartState.DONE
        counts, usage = counts.plus(part.counts), usage.plus(part.usage)
    return counts, usage
