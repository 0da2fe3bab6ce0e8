"""Asking again after a notification that came before its job was over.

A bucket tells of an output shortly before the job ends, and a service's own records may lag behind its
events. So a batch that was announced is made due a few times more, until it is over.

Crash story. What is to be asked again stands in memory only. When the process dies, the next question comes
when it would have come without any notification.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from gemchain.engine.operations.hasten import PAUSES
from gemchain.records import Batch

__all__ = ["FollowUps"]


class FollowUps:
    """Which batches are to be asked about again, and when. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, list[datetime]] = {}

    def add(self, batches: Iterable[Batch], now: datetime) -> None:
        """These were announced now; an earlier announcement of the same batch counts no more."""
        with self._lock:
            for batch in batches:
                moment, times = now, []
                for pause in PAUSES:
                    moment += timedelta(seconds=pause)
                    times.append(moment)
                self._times[batch.id] = times

    def next_at(self) -> datetime | None:
        """When the next question is due; None when there is none."""
        with self._lock:
            return min((times[0] for times in self._times.values()), default=None)

    def take_due(self, now: datetime) -> list[str]:
        """The batches to ask about now, by id; each of them is due again after its next pause."""
        with self._lock:
            due = [name for name, times in self._times.items() if times[0] <= now]
            for name in due:
                later = [each for each in self._times[name] if each > now]
                if later:
                    self._times[name] = later
                else:
                    del self._times[name]
        return due

    def forget(self, names: Iterable[str]) -> None:
        """Ask about these no more: they are over."""
        with self._lock:
            for name in names:
                self._times.pop(name, None)
