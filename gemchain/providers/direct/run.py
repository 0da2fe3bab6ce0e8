"""The `DirectRun` of one batch: what goes into its channel, and what came out."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from gemchain.formats.direct_rows import write_row
from gemchain.providers.direct import hub
from gemchain.providers.direct.channel import Channel
from gemchain.providers.direct.endpoint import Endpoint
from gemchain.providers.direct.waiting import Waiting
from gemchain.records import Failure, InputRow

__all__ = ["HttpRun"]

AHEAD = 2
"""Times the concurrency: requests that are on their way or wait for their turn."""


class HttpRun:
    """See `DirectRun`, whose methods are called by one thread; the others are called by the loop.

    Args:
        channel: What it shares with all runs of its model and lane.
        endpoint: Where its requests go.

    Attributes:
        flying: Requests that are on their way.
    """

    def __init__(self, channel: Channel, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.flying = 0
        self._channel = channel
        self._lines: deque[bytes] = deque()
        self._fed = 0
        self._came = 0
        self._taken = 0
        self._error: Exception | None = None
        self._is_failed = False
        self._is_stopped = False
        self._is_dropped = False
        self._until = inf
        hub.soon(channel.begin, endpoint)

    def room(self) -> int:
        """See `DirectRun.room`: at most twice the concurrency, less what has no answer yet."""
        if self.is_over:
            return 0
        return max(0, AHEAD * self.endpoint.concurrency - (self._fed - self._came))

    def feed(self, rows: Sequence[InputRow]) -> None:
        """See `DirectRun.feed`."""
        self._fed += len(rows)
        waiting = []
        for row in rows:
            try:
                waiting.append(Waiting(self, row, self.endpoint.body(row.request)))
            except ValueError as error:
                hub.soon(self.ended, row, 0, None, Failure("rejected", str(error)))
        if waiting:
            hub.soon(self._channel.add, waiting)

    def allow(self, seconds: float) -> None:
        """See `DirectRun.allow`."""
        self._until = time.monotonic() + seconds

    def take(self) -> list[bytes]:
        """See `DirectRun.take`."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        taken = [self._lines.popleft() for _ in range(len(self._lines))]
        self._taken += len(taken)
        return taken

    @property
    def pending(self) -> int:
        """See `DirectRun.pending`."""
        if not self._is_stopped:
            return self._fed - self._taken
        on_their_way = self.flying if self._is_dropped else max(1, self.flying)
        return on_their_way + len(self._lines)

    @property
    def held_up(self) -> str:
        """See `DirectRun.held_up`."""
        return self._channel.held_up if self._fed > self._came else ""

    def stop(self, drain: float = 0.0) -> None:
        """See `DirectRun.stop`."""
        if not self._is_stopped:
            self._is_stopped = True
            hub.soon(self._channel.drop, self, drain)

    # For the channel.

    @property
    def is_over(self) -> bool:
        """See `Asker.is_over`."""
        return self._is_stopped or self._is_failed

    @property
    def may_send(self) -> bool:
        """See `Asker.may_send`."""
        return time.monotonic() < self._until

    def ended(
        self, row: InputRow, status: int, body: Mapping[str, Any] | None, failure: Failure | None = None
    ) -> None:
        """See `Asker.ended`."""
        self._lines.append(write_row(row.prompt_id, self.endpoint.lane, status, body, failure))
        self._came += 1

    def fail(self, error: Exception) -> None:
        """See `Asker.fail`."""
        if not self._is_failed:
            self._error = error
            self._is_failed = True

    def dropped(self) -> None:
        """See `Asker.dropped`."""
        self._is_dropped = True
