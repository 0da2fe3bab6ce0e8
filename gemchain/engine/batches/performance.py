"""One batch that this process sends itself: requests are fed, answers written down, the lease renewed.

The crash story is that of `stages/perform.py`.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.engine.batches.leases import giving_back, leased_until
from gemchain.engine.batches.output_parts import save_with_parts
from gemchain.engine.batches.pieces import answered, pieces, write_piece
from gemchain.engine.batches.unanswered import still_wanted, unanswered
from gemchain.engine.policy.escalation import goes_over_at, going_over
from gemchain.errors import BlobError, BlobNotFoundError, ConfigurationError, StoreConflictError
from gemchain.ports import DirectRun
from gemchain.records import Batch, InputRow, OutputFile
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["DRAIN", "LOOK", "Performance"]

log = logging.getLogger("gemchain")

PIECE = 2_000
"""Answers after which a piece is written, however recent the last one is."""

LOOK = 0.02
"""Seconds between two looks at what came in, while nothing else is to be done."""

ON_ITS_WAY = 1_800.0
"""Seconds for which answers in `flex` are waited for when their batch goes over: as long as one may take."""

DRAIN = 5.0
"""Seconds that requests on their way are waited for when a run or a batch ends before they are answered."""


class Performance:
    """The sending of one batch by this process, from its lease to its end.

    Args:
        runtime: Where the batch is.
        batch: A SENT batch that no process works on.

    Attributes:
        batch: The batch as last saved by this process.
        ended: Whether this process has nothing more to do with it.

    Raises:
        StoreConflictError: Another process was faster.
        ConfigurationError: The provider is not set up.
    """

    def __init__(self, runtime: Runtime, batch: Batch) -> None:
        self._runtime = runtime
        leased = replace(
            batch,
            fence=batch.fence + 1,
            leased_until_at=leased_until(runtime),
            holder=runtime.process,
            poll_at=None,
        )
        self.batch = runtime.store.save_batch(leased)
        self.ended = False
        self._leaving: Callable[[Batch], Batch] | None = None
        self._goes_over = False
        self._lines: list[bytes] = []
        self._number = 0
        self._read = batch.failure is not None  # it was cancelled: nothing more is asked
        with giving_back(runtime, self.batch):
            self._begin()

    def _begin(self) -> None:
        """Look what was answered before, and start a run for the rest."""
        runtime, batch = self._runtime, self.batch
        self._output = pieces(runtime, batch)
        self._known = answered(runtime, self._output)
        self._provider = runtime.providers.named(batch.provider)
        self._run: DirectRun = self._provider.start(batch)
        self._run.allow(self._left)
        self._rows = self._unread()
        self._next: list[InputRow] = []
        self._written_at = runtime.store.now()

    @property
    def held_up(self) -> str:
        """What it waits for, for people; empty when answers come in."""
        return self._run.held_up

    @property
    def _is_over(self) -> bool:
        return self._is_fed and not self._run.pending

    def exchange(self) -> None:
        """Take what was answered, and feed what there is room for.

        Raises:
            ConfigurationError: The provider is not set up as it has to be.
        """
        if self._leaving is not None:
            return
        self._lines += self._run.take()
        if self._is_fed:
            return
        self._read_on(self._run.room())
        wanted, late = still_wanted(self._runtime, self.batch, self._next)
        if self._holds:
            self._next = []
            self._lines += late
            self._run.feed(wanted)

    @property
    def _is_fed(self) -> bool:
        return self._read and not self._next

    @property
    def _holds(self) -> bool:
        """Whether the lease still holds: nobody else asks these prompts in this moment."""
        return self._left > 0

    @property
    def _left(self) -> float:
        """Seconds until the lease is over."""
        until = self.batch.leased_until_at
        return 0.0 if until is None else (until - self._runtime.store.now()).total_seconds()

    def _read_on(self, room: int) -> None:
        """Read requests from the input file until there are so many to feed.

        When the file cannot be read, it is read from its start the next time, without what is known by then.
        """
        try:
            while len(self._next) < room and not self._read:
                row = next(self._rows, None)
                if row is None:
                    self._read = True
                else:
                    self._known.add(row.prompt_id)
                    self._next.append(row)
        except BlobNotFoundError as error:  # its prompts are in the store: they are sent again
            log.warning(
                "batch %s: its input is gone, so what has no row is sent in another: %s", self.batch.id, error
            )
            self._read = True
        except BlobError:
            self._rows = self._unread()
            raise

    def _unread(self) -> Iterator[InputRow]:
        return unanswered(self._runtime, self._provider, self.batch, self._known)

    def is_due(self) -> bool:
        """Whether there is something to save: answers, the end, another lane, or a lease to be renewed."""
        if self._leaving is not None or self._is_over or len(self._lines) >= PIECE:
            return True
        settings, now = self._runtime.settings, self._runtime.store.now()
        if self._lines and now >= self._written_at + timedelta(seconds=settings.flush):
            return True
        if self._lease_is_due(now):
            return True
        return self._is_too_slow(now)

    def _is_too_slow(self, now: datetime) -> bool:
        """Whether the batch is to go over to a faster lane, and does not yet."""
        over_at = None if self._goes_over else goes_over_at(self._runtime, self.batch)
        return over_at is not None and now >= over_at

    def _lease_is_due(self, now: datetime) -> bool:
        until = self.batch.leased_until_at
        return until is None or now >= until - timedelta(seconds=self._runtime.settings.lease * 2 / 3)

    def keep(self) -> None:
        """Renew the lease if that is due, and nothing else."""
        if self._leaving is None and not self.ended and self._lease_is_due(self._runtime.store.now()):
            self._save(self._renewed)

    def save(self) -> None:
        """Write down what came in, and save the batch as it stands."""
        if self._leaving is not None:  # it could not be saved when this process left it
            self._save(self._leaving)
            self.ended = True
        elif self._is_over:
            self._save(self._gone_over if self._goes_over else self._arrived)
            self.ended = True
        else:
            if self._is_too_slow(self._runtime.store.now()):
                self._go_over()
            self._save(self._renewed)

    def _go_over(self) -> None:
        """Send nothing more in this lane; what is on its way is waited for, since it is paid."""
        self._goes_over = True
        self._read, self._next = True, []
        self._run.stop(ON_ITS_WAY)

    def stop(self, drain: float) -> None:
        """Send nothing more; what is on its way may be answered for so many seconds. `leave` follows."""
        self._run.stop(drain)

    def leave(self, drain: float = 0.0) -> None:
        """Stop, write down what came in, and give the batch back.

        Args:
            drain: How long to wait for what is on its way, in seconds.
        """
        self._leaving = _given_back
        self._run.stop(drain)
        self._drain(self._runtime.clock.now() + timedelta(seconds=drain))
        self._save(self._leaving)
        self.ended = True

    def _drain(self, until: datetime) -> None:
        """Take what comes in until nothing is on its way, or until then."""
        clock = self._runtime.clock
        self._take()
        while self._run.pending and clock.now() < until:
            clock.sleep(LOOK)
            self._take()

    def _take(self) -> None:
        """Take what came in. What the provider lacks is met again by whoever takes the batch over."""
        try:
            self._lines += self._run.take()
        except ConfigurationError:  # it is told once; what was answered is taken all the same
            self._lines += self._run.take()

    def drop(self) -> None:
        """Stop, and write nothing: the batch is over, or another process works on it."""
        self.ended = True
        self._run.stop()

    def _arrived(self, batch: Batch) -> Batch:
        return replace(
            batch, state=BatchState.ARRIVED, arrived_at=self._runtime.store.now(), leased_until_at=None
        )

    def _renewed(self, batch: Batch) -> Batch:
        return replace(batch, leased_until_at=leased_until(self._runtime))

    def _gone_over(self, batch: Batch) -> Batch:
        return _given_back(batch) if batch.failure is not None else going_over(self._runtime, batch)

    def _save(self, change: Callable[[Batch], Batch]) -> None:
        """Write a piece, then save the batch with its parts.

        A batch that somebody else changed under the same fence, to cancel it, is saved as they left it. One
        that was taken over is let go; its new holder finds the piece when it ends.
        """
        if self._lines:
            self._number += 1
            file = write_piece(self._runtime, self.batch, self._number, self._lines)
            self._output = (*self._output, file)
            self._lines = []
        self._written_at = self._runtime.store.now()
        while not self._try_save(change(self.batch)):
            if not self._adopt():
                return

    def _try_save(self, changed: Batch) -> bool:
        """Save the batch; False when somebody else changed it."""
        output = self._whole_output() if changed.state is BatchState.ARRIVED else self._output
        try:
            self.batch = save_with_parts(self._runtime, changed, output)
        except StoreConflictError:
            return False
        self._run.allow(self._left)
        return True

    def _whole_output(self) -> tuple[OutputFile, ...]:
        """All pieces, also those of a holder that was slow to see that the batch was taken over."""
        return pieces(self._runtime, self.batch)

    def _adopt(self) -> bool:
        """Go on with the batch as somebody else saved it; False when it was taken over, and is let go."""
        stored = self._runtime.store.batches([self.batch.id]).get(self.batch.id)
        if (
            stored is None
            or stored.fence != self.batch.fence
            or stored.state is not BatchState.SENT
            or stored.version == self.batch.version  # the conflict is about something else
        ):
            log.warning("batch %s: another process works on it by now", self.batch.id)
            self.drop()
            return False
        self.batch = stored
        if stored.failure is not None:  # cancelled; what was fed may still wait for its turn
            self._read, self._next = True, []
            self._run.stop(DRAIN)
        return True


def _given_back(batch: Batch) -> Batch:
    return replace(batch, leased_until_at=None)
