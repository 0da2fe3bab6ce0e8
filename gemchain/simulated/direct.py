"""Single requests answered without a model: the `DirectRun` of the simulated service.

Each request is answered after the service's latency. Faults are drawn as for a job; a row that a job would
leave out or damage is a connection that breaks here. Nothing is kept: what was not taken is lost with the
process, as with a real service.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from gemchain.formats.direct_rows import write_row
from gemchain.ports import Clock, Row
from gemchain.records import Batch, Failure, InputRow
from gemchain.simulated.output import Simulation

__all__ = ["SimulatedRun"]

OK = 200

CUT = Failure("server", "the connection broke before the answer was whole (simulated)", retryable=True)


class SimulatedRun:
    """Requests of one batch that are answered one at a time; see `DirectRun`.

    Args:
        batch: The batch.
        simulation: How requests are answered.
        clock: Tells when answers are there.
        input_line: The request as a line of an input file.
        read_row: Reads a row of an output file.
        concurrency: Requests on their way at the same time.
        latency: Seconds from a request to its answer.
        asked: Counts for each prompt how often it was asked.
    """

    held_up = ""

    def __init__(  # noqa: PLR0913 -- the parts of the service
        self,
        batch: Batch,
        simulation: Simulation,
        clock: Clock,
        *,
        input_line: Callable[[InputRow], bytes],
        read_row: Callable[[bytes], Row],
        concurrency: int,
        latency: float,
        asked: Counter[str],
    ) -> None:
        self._simulation = simulation
        self._clock = clock
        self._line = input_line
        self._read = read_row
        self._concurrency = concurrency
        self._latency = timedelta(seconds=latency)
        self._asked = asked
        self._row = partial(write_row, lane=batch.lane)
        self._going: deque[tuple[datetime, InputRow]] = deque()

    def room(self) -> int:
        """How many more requests it wants now."""
        return max(0, self._concurrency - len(self._going))

    def feed(self, rows: Sequence[InputRow]) -> None:
        """Ask these."""
        answered_at = self._clock.now() + self._latency
        self._going.extend((answered_at, row) for row in rows)
        self._asked.update(row.prompt_id for row in rows)

    def allow(self, seconds: float) -> None:
        """Nothing waits here: what is fed is asked at once."""

    def take(self) -> list[bytes]:
        """The answers that are there by now."""
        now, lines = self._clock.now(), []
        while self._going and self._going[0][0] <= now:
            lines.append(self._answer(self._going.popleft()[1]))
        return lines

    @property
    def pending(self) -> int:
        """How many requests were fed whose row was not taken yet."""
        return len(self._going)

    def stop(self, drain: float = 0.0) -> None:
        """Send nothing more; what is not answered within `drain` seconds is lost."""
        last = self._clock.now() + timedelta(seconds=drain)
        while self._going and self._going[-1][0] > last:
            self._going.pop()

    def _answer(self, asked: InputRow) -> bytes:
        """The row of one request."""
        for line in self._simulation.rows(self._line(asked), 0):
            try:
                row = self._read(line)
            except ValueError:
                break
            if row.failure is not None:
                return self._row(asked.prompt_id, status=0, body=None, failure=row.failure)
            return self._row(asked.prompt_id, status=OK, body=row.body)
        return self._row(asked.prompt_id, status=0, body=None, failure=CUT)
