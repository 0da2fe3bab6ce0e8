"""Perform: batches of the lanes `direct` and `flex` are sent by this process, one request at a time.

Such a batch is SENT from the start and has no provider job. Whoever performs it holds a lease on it. Requests
are read from its input file and fed to the provider's `DirectRun` as there is room. Answers are written down
in pieces, each a file of its own, every second: first the file, then, in one commit of the batch, its parts.
Parts are dispatched as ever, while the rest of the batch is on its way.

Crash story. A process that dies loses what was on its way and what came in since the last piece. Whoever
takes the batch over, when the lease is over or its holder is gone, reads the pieces that were written, also
one that no commit names yet, and asks none of their prompts again. A prompt is asked only while it is still
CLAIMED by the batch, so what was dispatched, cancelled or given up is not asked either. A process that slept
through its lease finds the batch taken over at its next commit and stops. What both have asked meanwhile
comes twice, and the second row counts as a duplicate. Two performers at once are kept apart by the lease. A
batch that nobody performs is found by the next run of this stage. When all requests have a row, the batch is
ARRIVED, in the commit that records the last piece.
"""

import logging
from collections.abc import Callable, Container
from contextlib import suppress
from datetime import datetime, timedelta

from gemchain.engine.batches.leases import abandoned
from gemchain.engine.batches.outages import Outages
from gemchain.engine.batches.performance import DRAIN, LOOK, Performance
from gemchain.engine.endings.batches import close, is_complete
from gemchain.errors import BlobError, StoreConflictError, StoreError
from gemchain.records import Batch
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["Nap", "Performer", "by_the_clock", "perform"]

Nap = Callable[[float], bool]
"""How to rest for so many seconds: returns whether somebody asked for a look, which ends the rest."""

log = logging.getLogger("gemchain")


def by_the_clock(runtime: Runtime) -> Nap:
    """Rests that nobody can end."""

    def nap(seconds: float) -> bool:
        runtime.clock.sleep(seconds)
        return False

    return nap


def perform(
    runtime: Runtime, until: datetime, *, without: Container[str] = (), only: Container[str] | None = None
) -> bool:
    """Perform batches until a time, then give back what is not done: for processes that must end.

    Args:
        runtime: What to perform in.
        until: When to end, by the store's clock.
        without: Providers to leave alone.
        only: The batches to perform, by id; all when None.

    Returns:
        Whether there is more to perform.

    Raises:
        NotSetUpError: A provider lacks something; the batches of all others were carried on.
    """
    performer = Performer(runtime, only=only)
    try:
        while performer.step(without) or (performer.is_busy and performer.wait(until)):
            if runtime.store.now() >= until:
                return True
        return performer.is_busy
    finally:
        performer.release()


class Performer:
    """Performs batches while a process drives the engine.

    It holds connections, and nothing that the store does not know.

    Args:
        runtime: What to perform in.
        nap: How to rest while nothing comes in; by the clock when None.
        only: The batches to perform, by id; all when None.
    """

    def __init__(
        self, runtime: Runtime, nap: Nap | None = None, *, only: Container[str] | None = None
    ) -> None:
        self._runtime = runtime
        self._nap = nap or by_the_clock(runtime)
        self._only = only
        self._going: dict[str, Performance] = {}
        self._told: set[str] = set()

    @property
    def is_busy(self) -> bool:
        """Whether requests are on their way."""
        return bool(self._going)

    @property
    def held_up(self) -> str:
        """What it waits for, for people; empty when answers come in."""
        return next(filter(None, (each.held_up for each in self._going.values())), "")

    def step(self, without: Container[str] = ()) -> bool:
        """Take over what nobody performs, and carry on with what this process performs.

        Args:
            without: Providers to leave alone, since they are known to be not set up.

        Returns:
            Whether answers were written down, or a batch was begun or ended.

        Raises:
            NotSetUpError: A provider lacks something; the batches of all others were carried on.
        """
        moved = False
        outages = Outages(without)
        open_batches = self._runtime.store.open_batches()
        ours = [each for each in open_batches if self._is_for_us(each)]
        for batch in ours:
            if batch.provider not in outages:
                with suppress(StoreConflictError), outages.of(batch.provider):
                    moved |= self._carry_on(batch)
        for name in self._going.keys() - {each.id for each in ours}:  # another process has ended it
            self._going.pop(name).drop()
        for name, each in list(self._going.items()):
            if each.batch.provider in outages:
                self._let_go(name)
        outages.tell()
        return moved

    def _is_for_us(self, batch: Batch) -> bool:
        asked = self._only is None or batch.id in self._only
        return asked and batch.state is BatchState.SENT and is_own(batch.lane)

    def wait(self, until: datetime) -> bool:
        """Keep requests on their way until then, until there is something to write down, or a nap is ended.

        Returns:
            Whether there is something to write down.

        Raises:
            NotSetUpError: A provider lacks something; the requests of all others were carried on.
        """
        outages = Outages()
        while not any(each.is_due() for each in self._going.values()):
            asked = self._nap(min(LOOK, max(0.0, (until - self._runtime.store.now()).total_seconds())))
            for each in self._going.values():
                with outages.of(each.batch.provider):
                    each.exchange()
            outages.tell()
            self._tell()
            if asked or self._runtime.store.now() >= until:
                return False
        return True

    def _tell(self) -> None:
        """Log once what is waited for."""
        held_up = {each.batch.id: each.held_up for each in self._going.values() if each.held_up}
        for name in held_up.keys() - self._told:
            log.warning("batch %s: %s", name, held_up[name])
        self._told = set(held_up)

    def keep(self) -> None:
        """Renew the leases that are due for it, while callbacks run; the next step meets what goes wrong."""
        for each in self._going.values():
            with suppress(StoreError, BlobError):
                each.keep()

    def rest(self, until: datetime) -> bool:
        """Wait while requests are on their way; else rest until then, or until the nap is ended.

        Returns:
            Whether there is something to write down.
        """
        if self.is_busy:
            return self.wait(until)
        self._nap((until - self._runtime.store.now()).total_seconds())
        return False

    def release(self) -> None:
        """Stop: wait a little for what is on its way, write it down, and give the batches back."""
        until = self._runtime.clock.now() + timedelta(seconds=DRAIN)
        for each in self._going.values():  # all at once: none is sent while another is waited for
            each.stop(DRAIN)
        for name in list(self._going):
            self._let_go(name, max(0.0, (until - self._runtime.clock.now()).total_seconds()))

    def _carry_on(self, batch: Batch) -> bool:
        going = self._going.get(batch.id)
        begun = going is None
        if going is None:
            if not abandoned(batch, self._runtime.store.now()):
                return False
            going = self._going[batch.id] = Performance(self._runtime, batch)
        going.exchange()
        if not going.is_due():
            return begun
        parts = going.batch.parts
        going.save()
        if going.ended:
            del self._going[batch.id]
            self._close_if_empty(going.batch, parts)
        return begun or going.ended or going.batch.parts > parts

    def _close_if_empty(self, batch: Batch, parts: int) -> None:
        """Close a batch that ended without a new part: nothing else would, before the next sweep."""
        if batch.parts == parts and is_complete(self._runtime, batch):
            close(self._runtime, batch)

    def _let_go(self, name: str, drain: float = DRAIN) -> None:
        try:
            self._going.pop(name).leave(drain)
        except (StoreError, BlobError) as error:  # the lease runs out, and what was written is found
            log.warning("batch %s could not be given back: %s", name, error)
