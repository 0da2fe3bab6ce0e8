"""Launch: a batch with an input file becomes a provider job.

Crash story. Creating a job is the one thing that cannot be undone or repeated for free, so the
batch says *before* it that a job may exist (`create_at`, under a lease). From then on every
launcher looks for a job that bears the batch's name and adopts it, and creates one only after
the provider's listing would certainly have shown the earlier one. A launcher looks at the time once more
right before it creates: one that slept through its lease in between gives way. What is left is a
process that sleeps, or a request that is on its way, for a whole lease from that look on; it finds its
lease taken over when it wants to record its job, and cancels that job again.

A provider that cannot be reached leaves the batch WRITTEN, to be looked at later. One that
refuses the job fails the batch and, with its words, the prompts. One that a person has to set up
first (`ConfigurationError`, by which no job came to be) is left alone: the batch is given back as
it was, the batches of other providers are sent, and the next run looks at it at once.
"""

import logging
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.batches.leases import free, leased_until
from gemchain.engine.batches.outages import Outages
from gemchain.engine.endings.batches import abandon
from gemchain.errors import (
    ConfigurationError,
    ProviderError,
    ProviderRejectedError,
    StoreConflictError,
    StoreError,
)
from gemchain.ports import Job, Provider
from gemchain.records import Batch, Failure
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["launch"]

log = logging.getLogger("gemchain")

PATIENCE = 0.02
"""Share of the time since a job was asked for that passes between two looks for it."""


def launch(runtime: Runtime, *, without: Container[str] = ()) -> list[Batch]:
    """Send every WRITTEN batch that no other process is sending.

    Args:
        runtime: What to launch in.
        without: Providers to leave alone, since they are known to be not set up.

    Returns:
        The batches that are SENT or FAILED now.

    Raises:
        NotSetUpError: A provider lacks something; the batches of all others were sent.
    """
    moved = []
    outages = Outages(without)
    for batch in runtime.store.open_batches():
        if batch.provider not in outages and _is_due(batch, runtime.store.now()):
            with suppress(StoreConflictError), outages.of(batch.provider):
                moved += _send(runtime, batch)
    outages.tell()
    return moved


def _is_due(batch: Batch, now: datetime) -> bool:
    if batch.state is not BatchState.WRITTEN:
        return False
    return free(batch, now) and (batch.poll_at is None or batch.poll_at <= now)


def _send(runtime: Runtime, batch: Batch) -> list[Batch]:
    if batch.failure is not None:
        return [abandon(runtime, batch)]
    if is_own(batch.lane):
        return [_hand_over(runtime, batch)]
    return _launch_one(runtime, batch)


def _launch_one(runtime: Runtime, batch: Batch) -> list[Batch]:
    provider = runtime.providers.named(batch.provider)
    until = leased_until(runtime, extra=provider.listing_lag)
    fresh = batch.create_at is None
    create_at = runtime.store.now() if fresh else batch.create_at
    leased = runtime.store.save_batch(
        replace(batch, fence=batch.fence + 1, leased_until_at=until, create_at=create_at)
    )
    if fresh:
        return _create(runtime, provider, leased, None)
    assert leased.create_at is not None
    looked_at = runtime.store.now()  # before the question: a process may sleep on its answer
    try:
        with _untouched(runtime, leased, leased.create_at):
            job = provider.find(leased)
    except ProviderError as error:
        return _give_way(runtime, leased, error)
    if job is not None:
        return [_record(runtime, provider, leased, job)]
    shown_at = leased.create_at + timedelta(seconds=provider.listing_lag)
    if looked_at < shown_at:
        _put_off(runtime, leased, shown_at)
        return []
    asked = runtime.store.save_batch(replace(leased, create_at=runtime.store.now()))
    return _create(runtime, provider, asked, leased.create_at)


def _hand_over(runtime: Runtime, batch: Batch) -> Batch:
    """Let the `perform` stage send the batch, in this process or in another."""
    now = runtime.store.now()
    saved = runtime.store.save_batch(replace(batch, state=BatchState.SENT, sent_at=now, poll_at=None))
    runtime.waker.look(saved)
    return saved


def _create(runtime: Runtime, provider: Provider, asked: Batch, earlier: datetime | None) -> list[Batch]:
    """Create the job of a batch that says already that one may exist; `earlier` is what it said before.

    Raises:
        StoreConflictError: The lease is over, or so nearly that its next holder might not see the job.
    """
    assert asked.leased_until_at is not None
    if runtime.store.now() >= asked.leased_until_at - timedelta(seconds=provider.listing_lag):
        raise StoreConflictError(f"batch {asked.id} is held by another process by now")
    try:
        with _untouched(runtime, asked, earlier):
            job = provider.create(asked)
    except ProviderError as error:
        # Until this very moment a job may have come to be, so its lag begins now.
        return _give_way(runtime, replace(asked, create_at=runtime.store.now()), error)
    return [_record(runtime, provider, asked, job)]


@contextmanager
def _untouched(runtime: Runtime, held: Batch, create_at: datetime | None) -> Iterator[None]:
    """Give the batch back as it was when a person has to mend something first: no job came of this call.

    An earlier call may have made one; so `create_at` is that of the earlier call.
    """
    try:
        yield
    except ConfigurationError:
        with suppress(StoreError):  # its present holder, or the end of the lease, carries it on
            runtime.store.save_batch(replace(held, leased_until_at=None, create_at=create_at))
        raise


def _give_way(runtime: Runtime, leased: Batch, error: ProviderError) -> list[Batch]:
    """Fail the batch if the provider refuses it; otherwise look at it again before long."""
    if isinstance(error, ProviderRejectedError):
        log.warning("batch %s: the provider refuses it: %s", leased.id, error)
        failed = replace(leased, failure=Failure("rejected", str(error)))
        return [abandon(runtime, runtime.store.save_batch(failed))]
    log.warning("batch %s: launching failed, will look again: %s", leased.id, error)
    settings, now = runtime.settings, runtime.store.now()
    # A provider may be unable to say for hours whether a job exists; see `Provider.find`.
    age = (now - (leased.create_at or now)).total_seconds()
    rest = min(max(settings.poll, age * PATIENCE), max(settings.poll, settings.poll_max))
    _put_off(runtime, leased, now + timedelta(seconds=rest))
    return []


def _put_off(runtime: Runtime, leased: Batch, until: datetime) -> None:
    runtime.store.save_batch(replace(leased, leased_until_at=None, poll_at=until))


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
        saved = runtime.store.save_batch(sent)
    except StoreConflictError:
        _cancel_ours(runtime, provider, sent)
        raise
    log.info("batch %s: %d prompts sent to %s, job %s", sent.id, sent.requests, sent.queue, sent.job)
    return saved


def _cancel_ours(runtime: Runtime, provider: Provider, sent: Batch) -> None:
    """Another process took the batch over while the job was created: one of two jobs must be cancelled."""
    stored = _decided(runtime, sent.id)
    if stored is not None and stored.job in (None, sent.job):
        return
    carrier = "nobody waits for it any more" if stored is None else f"{stored.job} carries the batch"
    log.warning("batch %s: cancelling job %s, since %s", sent.id, sent.job, carrier)
    try:
        provider.cancel(sent)
    except ProviderError as error:
        log.warning("batch %s: job %s runs in vain, cancel it by hand: %s", sent.id, sent.job, error)


def _decided(runtime: Runtime, batch_id: str) -> Batch | None:
    """The batch once its present holder recorded a job or let its lease run out; None when it was removed.

    Until then it is open which job must be cancelled: the holder may still adopt the one created here.
    """
    while True:
        stored = runtime.store.batches([batch_id]).get(batch_id)
        if stored is None or stored.state is not BatchState.WRITTEN or free(stored, runtime.store.now()):
            return stored
        runtime.clock.sleep(runtime.settings.poll)
