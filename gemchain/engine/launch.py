"""Launch: a batch with an input file becomes a provider job.

Crash story. Creating a job is the one thing that cannot be undone or repeated for free, so the
batch says *before* it that a job may exist (`create_at`, under a lease). From then on every
launcher looks for a job that bears the batch's name and adopts it, and creates one only after
the provider's listing would certainly have shown the earlier one. A launcher that finds its lease
taken over when it wants to record its job cancels that job again.

A provider that cannot be reached leaves the batch WRITTEN, to be looked at later. One that
refuses the job fails the batch and, with its words, the prompts.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.closing import abandon
from gemchain.engine.leases import free, leased_until
from gemchain.errors import ProviderError, ProviderRejectedError, StoreConflictError
from gemchain.ports import Job, Provider
from gemchain.records import Batch, Failure
from gemchain.runtime import Runtime
from gemchain.states import BatchState

__all__ = ["launch"]

log = logging.getLogger("gemchain")


def launch(runtime: Runtime) -> list[Batch]:
    """Send every WRITTEN batch that nobody else is about to send.

    Returns:
        The batches that are SENT or FAILED now.
    """
    moved = []
    for batch in runtime.store.open_batches():
        if batch.state is BatchState.WRITTEN and _is_due(batch, runtime.store.now()):
            with suppress(StoreConflictError):
                moved += _launch_one(runtime, batch)
    return moved


def _is_due(batch: Batch, now: datetime) -> bool:
    return free(batch, now) and (batch.poll_at is None or batch.poll_at <= now)


def _launch_one(runtime: Runtime, batch: Batch) -> list[Batch]:
    if batch.failure is not None:
        return [abandon(runtime, batch)]
    provider = runtime.providers.named(batch.provider)
    asked_before = batch.create_at
    leased = runtime.store.save_batch(
        replace(
            batch,
            fence=batch.fence + 1,
            leased_until_at=leased_until(runtime, extra=provider.listing_lag),
            create_at=asked_before or runtime.store.now(),
        )
    )
    try:
        return _find_or_create(runtime, provider, leased, asked_before)
    except ProviderRejectedError as error:
        log.warning("batch %s: the provider refuses it: %s", batch.id, error)
        failure = Failure("rejected", str(error))
        return [abandon(runtime, runtime.store.save_batch(replace(leased, failure=failure)))]
    except ProviderError as error:
        log.warning("batch %s: launching failed, will look again: %s", batch.id, error)
        _put_off(runtime, leased, runtime.settings.poll)
        return []


def _find_or_create(
    runtime: Runtime, provider: Provider, leased: Batch, asked_before: datetime | None
) -> list[Batch]:
    job = None
    if asked_before is not None:
        job = provider.find(leased)
        shown_at = asked_before + timedelta(seconds=provider.listing_lag)
        if job is None and runtime.store.now() < shown_at:
            _put_off(runtime, leased, provider.listing_lag)
            return []
    if job is None:
        leased = runtime.store.save_batch(replace(leased, create_at=runtime.store.now()))
        job = provider.create(leased)
    return [_record(runtime, provider, leased, job)]


def _record(runtime: Runtime, provider: Provider, leased: Batch, job: Job) -> Batch:
    now = runtime.store.now()
    sent = replace(
        leased,
        state=BatchState.SENT,
        job=job.name,
        sent_at=now,
        poll_at=now,
        leased_until_at=None,
    )
    try:
        return runtime.store.save_batch(sent)
    except StoreConflictError:
        _cancel_ours(runtime, provider, sent)
        raise


def _cancel_ours(runtime: Runtime, provider: Provider, sent: Batch) -> None:
    """Somebody took the batch over while the job was being created: one of two jobs must go."""
    stored = runtime.store.batches([sent.id]).get(sent.id)
    if stored is not None and stored.job not in (None, sent.job):
        log.warning("batch %s: cancelling job %s, since %s carries it", sent.id, sent.job, stored.job)
        provider.cancel(sent)


def _put_off(runtime: Runtime, leased: Batch, seconds: float) -> None:
    later = runtime.store.now() + timedelta(seconds=seconds)
    runtime.store.save_batch(replace(leased, leased_until_at=None, poll_at=later))
