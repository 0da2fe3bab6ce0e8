"""Collect: a job that is over becomes parts of its output.

Reads no output: parts are byte ranges of files whose size is known. Crash story: the batch moves
to ARRIVED in the same commit that records its parts. Whoever dies before it asks the provider
again; two collectors at once compute the same parts, and one of them loses the compare-and-set.
"""

import logging
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.batches.outages import Outages
from gemchain.engine.endings.batches import abandon, close
from gemchain.engine.rows.lines import split
from gemchain.errors import ProviderError, ProviderRejectedError, StoreConflictError
from gemchain.ports import Job, JobState
from gemchain.records import Batch, Failure, Part
from gemchain.records.identity import part_id
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["collect", "collect_one"]

log = logging.getLogger("gemchain")

PATIENCE = 0.02
"""Share of a job's age that passes between two questions after it."""


def collect(runtime: Runtime, *, without: Container[str] = ()) -> list[Batch]:
    """Ask after every SENT batch that is due.

    Args:
        runtime: What to collect in.
        without: Providers to leave alone, since they are known to be not set up.

    Returns:
        The batches that are ARRIVED or FAILED now, or CLOSED for want of output.

    Raises:
        NotSetUpError: A provider lacks something; all others were asked.
    """
    now = runtime.store.now()
    due = [
        each for each in runtime.store.open_batches() if each.state is BatchState.SENT and _is_due(each, now)
    ]
    moved = []
    outages = Outages(without)
    for batch in due:
        if batch.provider not in outages:
            with suppress(StoreConflictError), outages.of(batch.provider):
                moved += collect_one(runtime, batch)
    outages.tell()
    return moved


def _is_due(batch: Batch, now: datetime) -> bool:
    return batch.poll_at is None or batch.poll_at <= now


def collect_one(runtime: Runtime, batch: Batch) -> list[Batch]:
    """Ask after one SENT batch, due or not.

    Returns:
        The batch, if it moved.
    """
    try:
        job = runtime.providers.named(batch.provider).poll(batch)
    except ProviderRejectedError as error:
        job = Job(batch.job or "", JobState.FAILED, failure=Failure("rejected", str(error)))
    except ProviderError as error:
        log.warning("batch %s: asking after its job failed, will ask again: %s", batch.id, error)
        return _ask_later(runtime, batch)
    match job.state:
        case JobState.RUNNING:
            return _ask_later(runtime, batch)
        case JobState.LANDED:
            return [_arrive(runtime, batch, job)]
        case JobState.FAILED:
            failure = job.failure or Failure(
                "job", "the provider job failed without a reason", retryable=True
            )
            return [abandon(runtime, runtime.store.save_batch(replace(batch, failure=failure)))]


def _ask_later(runtime: Runtime, batch: Batch) -> list[Batch]:
    settings, now = runtime.settings, runtime.store.now()
    age = (now - (batch.sent_at or now)).total_seconds()
    rest = min(max(settings.poll, age * PATIENCE), settings.poll_max)
    runtime.store.save_batch(replace(batch, poll_at=now + timedelta(seconds=rest)))
    return []


def _arrive(runtime: Runtime, batch: Batch, job: Job) -> Batch:
    ranges = [
        (file, start, end) for file in job.output for start, end in split(file, runtime.settings.part_bytes)
    ]
    parts = [
        Part(id=part_id(batch.id, index), batch_id=batch.id, index=index, file=file, start=start, end=end)
        for index, (file, start, end) in enumerate(ranges)
    ]
    arrived = runtime.store.save_batch(
        replace(
            batch,
            state=BatchState.ARRIVED,
            arrived_at=runtime.store.now(),
            output=job.output,
            parts=len(parts),
            failure=job.failure,
        ),
        parts=parts,
    )
    for part in parts:
        runtime.waker.dispatch(part)
    # Without a part nobody would come by to close it before the next sweep.
    return arrived if parts else close(runtime, arrived)
