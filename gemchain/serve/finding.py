"""Which batches a notification is about. Nothing here writes."""

from gemchain.engine.operations.hasten import is_waited_for
from gemchain.records import Batch
from gemchain.runtime import Runtime

__all__ = ["is_known_job", "named", "open_batches", "with_job"]

RECENT = 500
"""Batches among which a job is looked for that no open batch has: it may be over."""

LONGEST = 64
"""Characters of an id, at most."""


def open_batches(runtime: Runtime, provider: str = "") -> list[Batch]:
    """Every batch that a provider's job carries; those of one provider, if it is named."""
    found = runtime.store.open_batches()
    return [each for each in found if is_waited_for(each) and provider in ("", each.provider)]


def named(runtime: Runtime, batch_id: str) -> list[Batch]:
    """The batch with this id, if there is one. What is no id at all leads nowhere."""
    is_one = len(batch_id) <= LONGEST and batch_id.isascii() and batch_id.isalnum()
    return list(runtime.store.batches([batch_id]).values()) if is_one else []


def with_job(runtime: Runtime, job: str, provider: str = "") -> list[Batch]:
    """The open batches that are carried by a job of this name, or whose name ends so behind a slash."""
    return [each for each in open_batches(runtime, provider) if _is_called(each, job)]


def is_known_job(runtime: Runtime, job: str, provider: str) -> bool:
    """Whether a job of this name carries, or carried, one of the latest batches."""
    latest = runtime.store.list_batches(limit=RECENT)
    return any(each.provider == provider and _is_called(each, job) for each in latest)


def _is_called(batch: Batch, job: str) -> bool:
    return bool(job) and batch.job is not None and _last(batch.job) == _last(job)


def _last(name: str) -> str:
    """What tells a job from others: `batches/x` and `x` are the same one."""
    return name.rpartition("/")[2]
