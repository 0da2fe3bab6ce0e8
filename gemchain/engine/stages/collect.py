"""Collect: the output of a job becomes parts, while the job runs and when it is over.

Reads no output: parts are byte ranges of files whose size is known. A file that appears while the job runs
becomes parts at once, so that its answers need not wait for the others. The batch is ARRIVED when the job is
over.

Crash story. The files, the parts and the state change in one commit of the batch, under its version. A
process that dies before it leaves nothing, and the next one asks the provider again. Two collectors at once
make the same parts, since parts are numbered on from those that the batch has; one of them loses the
compare-and-set. A process that dies after the commit leaves parts that wait; `dispatch` and the sweep find
them without a hint. A job that fails after it has delivered files is not abandoned: its answers are paid, so
the batch arrives with them, and the prompts without a row get the job's failure.
"""

import logging
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.batches.escalation import cancel_for_next_lane
from gemchain.engine.batches.outages import Outages
from gemchain.engine.batches.output_parts import save_with_parts
from gemchain.engine.endings.batches import abandon, close, is_complete
from gemchain.errors import ProviderError, ProviderRejectedError, StoreConflictError
from gemchain.ports import Job, JobState
from gemchain.records import Batch, Failure, OutputFile
from gemchain.records.lanes import is_own
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
        The batches that are ARRIVED or FAILED now, or CLOSED without any output, and those with new parts.

    Raises:
        NotSetUpError: A provider lacks something; all others were asked.
    """
    now = runtime.store.now()
    due = [each for each in runtime.store.open_batches() if _is_due(each, now)]
    moved = []
    outages = Outages(without)
    for batch in due:
        if batch.provider not in outages:
            with suppress(StoreConflictError), outages.of(batch.provider):
                moved += collect_one(runtime, batch)
    outages.tell()
    return moved


def _is_due(batch: Batch, now: datetime) -> bool:
    if batch.state is not BatchState.SENT or is_own(batch.lane):
        return False
    return batch.poll_at is None or batch.poll_at <= now


def collect_one(runtime: Runtime, batch: Batch) -> list[Batch]:
    """Ask the provider about one SENT batch, whether it is due or not.

    Returns:
        The batch, if it moved or got new parts.
    """
    try:
        job = runtime.providers.named(batch.provider).poll(batch)
    except ProviderRejectedError as error:
        job = Job(batch.job or "", JobState.FAILED, failure=Failure("rejected", str(error)))
    except ProviderError as error:
        log.warning("batch %s: asking after its job failed, will ask again: %s", batch.id, error)
        return _ask_later(runtime, batch, ())
    match job.state:
        case JobState.RUNNING:
            return _ask_later(runtime, cancel_for_next_lane(runtime, batch), job.output)
        case JobState.LANDED:
            return [_arrive(runtime, batch, job)]
        case JobState.FAILED:
            failure = job.failure or Failure(
                "job", "the provider job failed without a reason", retryable=True
            )
            if batch.output or job.output or batch.next_lane is not None:
                return [_arrive(runtime, batch, replace(job, failure=failure))]
            return [abandon(runtime, runtime.store.save_batch(replace(batch, failure=failure)))]


def _ask_later(runtime: Runtime, batch: Batch, output: tuple[OutputFile, ...]) -> list[Batch]:
    """Note when to ask again, and make parts of the files that are new."""
    settings, now = runtime.settings, runtime.store.now()
    age = (now - (batch.sent_at or now)).total_seconds()
    rest = min(max(settings.poll, age * PATIENCE), settings.poll_max)
    saved = save_with_parts(runtime, replace(batch, poll_at=now + timedelta(seconds=rest)), output)
    return [saved] if saved.parts > batch.parts else []


def _arrive(runtime: Runtime, batch: Batch, job: Job) -> Batch:
    now = runtime.store.now()
    over = replace(batch, state=BatchState.ARRIVED, arrived_at=now, failure=job.failure)
    arrived = save_with_parts(runtime, over, job.output)
    log.info("batch %s has arrived: files %d, parts %d", arrived.id, len(arrived.output), arrived.parts)
    # Without an open part nothing else would close it before the next sweep.
    is_over = arrived.parts == batch.parts and is_complete(runtime, arrived)
    return close(runtime, arrived) if is_over else arrived
