"""Retention: remove what ended long ago, records and files. It runs when an operator asks for it.

Crash story. Chains go first, each whole; then the batches that no prompt names any more, the files of one
before its record. A process that dies in between leaves chains that are whole or gone, and batches whose
record still tells where the rest of their files lie: the next run goes on with them. Other processes keep
working: what is open is never touched, and two runs at once remove each thing once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gemchain.records import Batch
from gemchain.records.identity import job_name
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["Removed", "forget", "would_forget"]


@dataclass(frozen=True, slots=True)
class Removed:
    """What went.

    Attributes:
        chains: Chains of which nothing is left.
        kept_keys: Chains that keep their record, with key and result, and lost the rest.
        prompts: Prompts of both.
        batches: Batches.
        files: Files of these batches.
        size: Bytes of these files.
    """

    chains: int = 0
    kept_keys: int = 0
    prompts: int = 0
    batches: int = 0
    files: int = 0
    size: int = 0


def _nobody(_: Removed) -> None:
    pass


def forget(
    runtime: Runtime,
    older_than: timedelta,
    *,
    keys: bool = False,
    watch: Callable[[Removed], None] = _nobody,
) -> Removed:
    """Remove what ended before the present less `older_than`.

    Args:
        runtime: Where.
        older_than: Age since the end of a chain or a batch.
        keys: Whether chains with a key go without a trace as well: starting them again then runs, and
            pays, again.
        watch: Called now and then with what went so far.
    """
    before = runtime.store.now() - older_than
    removed = Removed()
    for removed in _chains(runtime, before, keys=keys, dry_run=False):
        watch(removed)
    for batch in runtime.store.unused_batches(before):
        # Listed again until nothing is left: a process that polls late may have added an output meanwhile.
        while files := list(_files(runtime, batch)):
            for uri, size in files:
                runtime.blobs.delete(uri)
                removed = replace(removed, files=removed.files + 1, size=removed.size + size)
        runtime.store.forget_batch(batch)
        removed = replace(removed, batches=removed.batches + 1)
        watch(removed)
    return removed


def would_forget(runtime: Runtime, older_than: timedelta, *, keys: bool = False) -> Removed:
    """What `forget` would remove now. Batches and files are an upper bound: those that stay named, stay."""
    before = runtime.store.now() - older_than
    found = list(_chains(runtime, before, keys=keys, dry_run=True))
    counted = runtime.store.counters().batches
    batches = [
        batch
        for state in (BatchState.CLOSED, BatchState.FAILED)
        for batch in runtime.store.list_batches(state=state, limit=counted.get(state, 0) + 1)
        if batch.closed_at is not None and batch.closed_at < before
    ]
    sizes = [size for batch in batches for _, size in _files(runtime, batch)]
    last = found[-1] if found else Removed()
    return replace(last, batches=len(batches), files=len(sizes), size=sum(sizes))


def _chains(runtime: Runtime, before: datetime, *, keys: bool, dry_run: bool) -> Iterator[Removed]:
    """What went so far, after every commit."""
    removed = Removed()
    for more in runtime.store.forget_chains(before, keys=keys, dry_run=dry_run):
        removed = replace(
            removed,
            chains=removed.chains + more.chains,
            kept_keys=removed.kept_keys + more.kept_keys,
            prompts=removed.prompts + more.prompts,
        )
        yield removed


def _files(runtime: Runtime, batch: Batch) -> Iterator[tuple[str, int]]:
    """The files of a batch: its inputs, its output, and what the simulated service keeps of its jobs."""
    for folder in (f"batches/{batch.id}/", f"simulated/jobs/{job_name(batch.id)}/"):
        for info in runtime.blobs.list(folder):
            yield info.uri, info.size
