"""Forecast: when the batches that are out will land, from how long earlier ones took. Pure: no I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median

from gemchain.records import Batch
from gemchain.records.lanes import split

__all__ = ["landing", "turnarounds"]


def turnarounds(batches: Iterable[Batch]) -> dict[str, timedelta]:
    """The median time between sending and arrival, for each queue that has an arrived batch among these."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for batch in batches:
        own = batch.lane == split(batch.claims_from)[0]  # sent in the lane of its queue
        if own and batch.sent_at is not None and batch.arrived_at is not None:
            took[batch.queue].append((batch.arrived_at - batch.sent_at).total_seconds())
    return {queue: timedelta(seconds=median(times)) for queue, times in took.items()}


def landing(batch: Batch, usual: Mapping[str, timedelta], now: datetime) -> datetime:
    """When a batch that is out may be expected.

    After its queue's usual time. One that is late already, or whose queue is unknown, may well take as
    long again as it is late, or as it is out: turnarounds have long tails.
    """
    sent_at = batch.sent_at or now
    due_at = sent_at + usual.get(batch.queue, timedelta())
    return due_at if due_at > now else now + (now - due_at)
