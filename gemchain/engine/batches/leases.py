"""Leases: which process works on a batch or a part, and until when.

A lease is a time in the record, compared with the store's clock, and a fence that every new holder raises by
compare-and-set. A holder whose lease ran out gets a conflict at its next write, because the fence, and with
it the version, has changed.

On one machine nobody waits for the lease of a process that was killed: the record names the process, and the
next one sees that it is gone. That holds for parts, and for batches that are being written. It does not hold
for a batch that is being sent: a request of the dead process may still be on its way to the service, and the
length of the lease is what it may take.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.base.process import is_gone
from gemchain.errors import StoreError
from gemchain.records import Batch, Part
from gemchain.runtime import Runtime

__all__ = [
    "abandoned",
    "free",
    "giving_back",
    "lease_part",
    "leased_until",
    "renew_part",
    "renewal_due",
    "returning",
]


def free(record: Batch | Part, now: datetime) -> bool:
    """Whether no process works on the record."""
    return record.leased_until_at is None or record.leased_until_at <= now


def abandoned(record: Batch | Part, now: datetime) -> bool:
    """Whether no process works on a part, or writes a batch: the lease is over, or its holder is gone."""
    return free(record, now) or is_gone(record.holder)


def leased_until(runtime: Runtime, *, extra: float = 0.0) -> datetime:
    """The end of a lease that begins now."""
    return runtime.store.now() + timedelta(seconds=runtime.settings.lease + extra)


def lease_part(runtime: Runtime, part: Part) -> Part:
    """Take a part.

    Raises:
        StoreConflictError: Another process was faster.
    """
    return runtime.store.save_part(
        replace(
            part,
            fence=part.fence + 1,
            leased_until_at=leased_until(runtime),
            holder=runtime.process,
        )
    )


def renewal_due(runtime: Runtime, part: Part) -> datetime:
    """When a third of the lease is over: time to commit what there is, and to renew it."""
    assert part.leased_until_at is not None
    return part.leased_until_at - timedelta(seconds=runtime.settings.lease * 2 / 3)


def renew_part(runtime: Runtime, part: Part) -> Part:
    """Renew the lease on a part.

    Raises:
        StoreConflictError: Another process took the part over; stop working on it.
    """
    return runtime.store.save_part(replace(part, leased_until_at=leased_until(runtime)))


@contextmanager
def returning(runtime: Runtime, holder: list[Part]) -> Iterator[None]:
    """Give a part back when the block is left by an error or by Ctrl-C.

    Then the next process need not wait for the lease to end. Nothing depends on it: a process that is killed
    cannot do it. The part is the last item of `holder`.
    """
    try:
        yield
    except BaseException:
        with suppress(StoreError):
            runtime.store.save_part(replace(holder[-1], leased_until_at=None))
        raise


@contextmanager
def giving_back(runtime: Runtime, batch: Batch) -> Iterator[None]:
    """Give a batch back when the block is left by an error or by Ctrl-C, as `returning` does.

    The next process finds what any crash leaves, without having to wait for the lease to end.
    """
    try:
        yield
    except BaseException:
        with suppress(StoreError):
            stored = runtime.store.batches([batch.id]).get(batch.id)
            if stored is not None and stored.fence == batch.fence and stored.leased_until_at is not None:
                runtime.store.save_batch(replace(stored, leased_until_at=None))
        raise
