"""The input file of a batch: written by the holder of its lease, at the first try or a later one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import NamedTuple

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.batches.leases import giving_back, leased_until
from gemchain.engine.policy.limits import LINE, rules
from gemchain.engine.policy.policy import FlushLimits
from gemchain.ports import BlobWriter, Provider
from gemchain.records import Batch, InputRow, queue_names, queue_owner
from gemchain.records.damage import UNREADABLE
from gemchain.records.identity import batch_id
from gemchain.records.lanes import split
from gemchain.records.states import BatchState, PromptState
from gemchain.runtime import Runtime

__all__ = ["is_over", "plan", "write_input"]

PAGE = 5_000
"""Prompts that one claim takes."""

PAGE_BYTES = 16 << 20
"""Bytes of requests that one claim takes, and holds in memory."""


def _provider(runtime: Runtime, queue: str) -> Provider:
    return runtime.providers.named(queue_names(queue)[1])


def plan(runtime: Runtime, queue: str, lane: str | None = None) -> Batch:
    """Record a batch of this queue, PLANNED under a lease of this process.

    Args:
        runtime: Where the queue is.
        queue: The queue that it claims from.
        lane: How it is sent, if not in the queue's own lane.
    """
    source, provider, model = queue_names(queue)
    own = lane or split(source)[0]
    return runtime.store.plan(
        Batch(
            id=batch_id(),
            lane=own,
            source=None if own == source else source,
            provider=provider,
            model=model,
            owner=queue_owner(queue),
            created_at=runtime.store.now(),
            leased_until_at=leased_until(runtime),
            holder=runtime.process,
        )
    )


class _OutOfTimeError(Exception):
    """What the batch had claimed could not all be written again in time."""


def write_input(
    runtime: Runtime, batch: Batch, until: datetime | None = None, *, rows: Sequence[InputRow] = ()
) -> Batch:
    """Fill a PLANNED batch that this process holds the lease of, and make it WRITTEN.

    When the time is over it claims nothing more and sends what it has: a smaller batch now is worth more than
    a full one later. Only what an earlier holder had claimed must be in the file completely. When even that
    takes too long, the batch is given back without a file, and the next run begins again.

    Args:
        runtime: Where the batch is.
        batch: The batch as this process leased it.
        until: When to stop, by the store's clock; None takes as long as it takes.
        rows: The members that were created with the batch, where they are known; after a take-over they are
            read.

    Returns:
        The batch: WRITTEN, CLOSED when there was nothing to claim, or PLANNED when it was given back.

    Raises:
        StoreConflictError: Another process took the batch over.
    """
    try:
        with giving_back(runtime, batch):
            return _write(runtime, batch, until, rows)
    except _OutOfTimeError:
        return runtime.store.batches([batch.id])[batch.id]


def _write(runtime: Runtime, batch: Batch, until: datetime | None, rows: Sequence[InputRow]) -> Batch:
    name = f"batches/{batch.id}/input-{batch.fence}.jsonl"
    with runtime.blobs.writer(name) as out:
        batch = _fill(runtime, batch, out, until, rows)
    if not batch.requests:
        runtime.blobs.delete(runtime.blobs.uri(name))
        closed_at = runtime.store.now()
        return runtime.store.save_batch(
            replace(batch, state=BatchState.CLOSED, leased_until_at=None, closed_at=closed_at)
        )
    uri = runtime.blobs.uri(name)
    written = replace(batch, state=BatchState.WRITTEN, leased_until_at=None, input_uri=uri)
    return runtime.store.save_batch(written)


def _fill(
    runtime: Runtime, batch: Batch, out: BlobWriter, until: datetime | None, known: Sequence[InputRow]
) -> Batch:
    line = partial(_provider(runtime, batch.queue).input_line, batch)
    limit = rules(runtime, batch.queue)
    requests = size = 0
    for rows in chain(_chunks(known), _pages(runtime, batch)):
        if requests and is_over(runtime, until):
            raise _OutOfTimeError
        written = _write_rows(runtime, rows, line, out)
        requests, size = requests + written.requests, size + written.size
        batch = _renewed(runtime, batch)
    while (room := _room(limit, requests, size)) is not None and not (requests and is_over(runtime, until)):
        rows = runtime.store.claim(batch, limit=room[0], max_bytes=room[1])
        if not rows:
            break
        written = _write_rows(runtime, rows, line, out)
        requests, size = requests + written.requests, size + written.size
        batch = _renewed(runtime, batch)
    return replace(batch, requests=requests, size=size)


class _Written(NamedTuple):
    """What was added to an input file."""

    requests: int
    size: int


def _write_rows(
    runtime: Runtime, rows: Sequence[InputRow], line: Callable[[InputRow], bytes], out: BlobWriter
) -> _Written:
    """Write the lines of what was claimed, but for requests that would spoil the file for all others."""
    lines: list[bytes] = []
    damaged: dict[str, str] = {}
    for row in rows:
        try:
            lines.append(line(row))
        except UNREADABLE as error:
            damaged[row.prompt_id] = str(error)
    size = out.write(b"".join(lines))
    if damaged:
        _park(runtime, damaged)
    return _Written(len(rows) - len(damaged), size)


def _park(runtime: Runtime, damaged: dict[str, str]) -> None:
    """A process that dies before this leaves the requests to the next one, which finds them again."""
    found = runtime.store.prompts(damaged)
    prompts = {key: each for key, each in found.items() if each.progress.state is PromptState.CLAIMED}
    parked = [
        replace(each, damage=f"'request' cannot be sent: {damaged[key]}") for key, each in prompts.items()
    ]
    runtime.store.commit([deliver(runtime, each, Outcome()).unit for each in parked])


def is_over(runtime: Runtime, until: datetime | None) -> bool:
    """Whether a run that may go on until then has to stop."""
    return until is not None and runtime.store.now() >= until


def _room(limit: FlushLimits, requests: int, size: int) -> tuple[int, int] | None:
    """What the next claim may take; None when the batch is full."""
    left = limit.max_bytes - size
    # Half of what is left at most goes to what lines add, so that a small batch has room for requests too.
    count = min(PAGE, limit.max_requests - requests, left // (2 * LINE) + 1)
    return (count, min(left - count * LINE, PAGE_BYTES)) if count > 0 and left > LINE else None


def _chunks(rows: Iterable[InputRow]) -> Iterator[list[InputRow]]:
    """As many rows at a time as may be in memory twice."""
    chunk: list[InputRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.request)
        if size >= PAGE_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _pages(runtime: Runtime, batch: Batch) -> Iterator[list[InputRow]]:
    """What an earlier holder of this batch had claimed; a batch under its first fence has nothing."""
    if batch.fence == 1:
        return
    page: list[InputRow] = []
    for row in runtime.store.input_rows(batch.id):
        page.append(row)
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def _renewed(runtime: Runtime, batch: Batch) -> Batch:
    until = batch.leased_until_at
    if until is not None and until - runtime.store.now() > timedelta(seconds=runtime.settings.lease / 2):
        return batch
    return runtime.store.save_batch(replace(batch, leased_until_at=leased_until(runtime)))
