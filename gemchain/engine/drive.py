"""Drive: run the stages in one process until nothing is left to do.

It keeps no state of its own: all it knows was read from the store. So it can be killed between any two lines,
and several processes can drive one state at the same time.
"""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gemchain.base.collections import rare_collections
from gemchain.engine.batches.leases import abandoned
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.perform import Nap, Performer
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import BlobNotFoundError, NotSetUpError, StoreConflictError, StoreUnavailableError
from gemchain.records import Batch, queue_names
from gemchain.records.states import OPEN_PROMPT, BatchState
from gemchain.runtime import Runtime

__all__ = ["Driver", "drive", "is_idle"]

log = logging.getLogger("gemchain")

MIN_SLEEP = 0.005
"""Shortest sleep in seconds: reading the store is not free."""

PATIENCE = 5
"""Times in a row that an unavailable store is asked again before the error is raised."""


def is_idle(runtime: Runtime) -> bool:
    """Whether nothing is left that the engine could carry on; PARKED prompts wait for a person."""
    store = runtime.store
    counts = store.counters().prompts
    open_prompts = any(counts.get(state) for state in OPEN_PROMPT)
    # A process that died may have left a chain to be settled, with nothing else open.
    return not (
        open_prompts or store.open_batches() or store.unsettled_chains(limit=1) or store.ended_waits(limit=1)
    )


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Driver:
    """Runs the stages.

    Attributes:
        watch: Called after every piece of work, for a display of progress; keep it quick.
        nap: How to rest; by the clock when None.
        aside: Providers that a person has to set up first, and what each lacks. They are asked again when
            they were left alone for `poll_max`, since a person may have mended it.
        lost: Why a part of an output could not be read in the last turn.
    """

    runtime: Runtime
    watch: Callable[[], None] = _nothing
    nap: Nap | None = None
    _turned_at: datetime | None = None
    _look_at: datetime | None = None
    _sweep_at: datetime | None = None
    _failures: int = field(default=0)
    aside: dict[str, Exception] = field(default_factory=dict)
    lost: BlobNotFoundError | None = None
    _ask_again_at: datetime | None = None
    _performer: Performer = field(init=False)

    def __post_init__(self) -> None:
        self._performer = Performer(self.runtime, self.nap)

    def release(self) -> None:
        """Give back what this process works on. Called at the end, however the run ends."""
        self._performer.release()

    def turn(self) -> bool:
        """Run every stage once.

        Returns:
            Whether anything moved.

        Raises:
            StoreError: The store failed for good, or for too long.
        """
        return self.patiently(self._stages, otherwise=True)

    def patiently(self, ask: Callable[[], bool], *, otherwise: bool) -> bool:
        """What `ask` says; or, when it could not be asked, `otherwise`.

        Rests when the store is unavailable, and raises only when that was so several times in a row.
        """
        try:
            return ask()
        except StoreConflictError:
            return otherwise  # another process moved it, which is as good
        except StoreUnavailableError as error:
            self._failures += 1
            if self._failures > PATIENCE:
                raise
            log.warning("the store is unavailable, will ask again: %s", error)
            self.runtime.clock.sleep(self.runtime.settings.poll)
            return otherwise

    def _stages(self) -> bool:
        runtime = self.runtime
        self._turned_at = runtime.store.now()
        self._forgive(self._turned_at)
        moved = self._going_on(lambda: bool(collect(runtime, without=self.aside)))
        moved |= self._going_on(self._dispatch)
        moved |= bool(retry_callbacks(runtime))
        moved |= self._going_on(self._assemble)
        moved |= self._going_on(lambda: bool(launch(runtime, without=self.aside)))
        moved |= self._going_on(lambda: self._performer.step(self.aside))
        moved |= self._going_on(self._sweep)
        self.watch()
        self._failures = 0
        return moved

    def _going_on(self, stage: Callable[[], bool]) -> bool:
        """Whether a stage moved anything; a provider that is not set up is put aside, once it was met."""
        try:
            return stage()
        except NotSetUpError as error:
            for name, why in error.errors.items():
                log.warning("provider %r is left alone for now: %s", name, why)
            self.aside |= error.errors
            seconds = self.runtime.settings.poll_max
            self._ask_again_at = self.runtime.store.now() + timedelta(seconds=seconds)
            return True

    def _forgive(self, now: datetime) -> None:
        if self._ask_again_at is not None and now >= self._ask_again_at:
            self.aside, self._ask_again_at = {}, None

    def _dispatch(self) -> bool:
        self.lost = None
        moved = False
        try:
            for _ in dispatch(self.runtime, without=self.aside, meanwhile=self._performer.keep):
                moved = True
                self.watch()
        except BlobNotFoundError as error:
            self.lost = error
        return moved

    def _assemble(self) -> bool:
        assembled = assemble(self.runtime, without=self.aside)
        self._look_at = assembled.look_at
        return bool(assembled.batches)

    def _sweep(self) -> bool:
        now = self.runtime.store.now()
        if self._sweep_at is not None and now < self._sweep_at:
            return False
        self._sweep_at = now + timedelta(seconds=self.runtime.settings.sweep)
        return bool(sweep(self.runtime, without=self.aside))

    def is_idle(self) -> bool:
        """Whether nothing is left to carry on; what is past its deadline is swept in the next turn."""
        if not is_idle(self.runtime):
            return False
        if self.runtime.store.overdue(limit=1):
            self._sweep_at = None
            return False
        return True

    def is_not_stuck(self) -> bool:
        """True; or, once nothing is left but what a person has to mend, an error that says what.

        Raises:
            NotSetUpError: All that is left is for providers that were put aside.
            BlobNotFoundError: All that is left lies in outputs that are not there any more.
        """
        if (self.aside or self.lost) and self._is_all_stuck():
            raise self.lost or NotSetUpError(self.aside)
        return True

    def _is_all_stuck(self) -> bool:
        store, aside = self.runtime.store, self.aside
        return not (
            any(self._may_move(batch) for batch in store.open_batches())
            or any(queue_names(each.queue)[1] not in aside for each in store.queues())
            or store.next_answer_at() is not None
            or store.unsettled_chains(limit=1)
            or store.ended_waits(limit=1)
        )

    def _may_move(self, batch: Batch) -> bool:
        """Whether a batch goes on by itself; when an output is lost, it may be that of one with parts."""
        if batch.state is BatchState.ARRIVED:
            return self.lost is None
        if batch.provider not in self.aside:
            return True
        return self.lost is None and batch.parts > 0 and bool(self.runtime.store.open_parts(batch.id))

    def rest(self, until: datetime | None) -> None:
        """Sleep until something is due, or until `until`."""
        runtime = self.runtime
        now = runtime.store.now()
        ends = [now + timedelta(seconds=runtime.settings.poll)]
        with suppress(StoreUnavailableError):  # the next turn meets it again
            ends += self._due_times(now)
        if until is not None:
            ends.append(until)
        end = max(min(ends), now + timedelta(seconds=MIN_SLEEP))
        self.patiently(lambda: self._going_on(lambda: self._performer.rest(end)), otherwise=False)

    def _due_times(self, now: datetime) -> list[datetime]:
        store = self.runtime.store
        batches = store.open_batches()
        times = [_batch_due(batch) for batch in batches]
        times += [part.leased_until_at for part in store.open_parts()]
        times += [queue.due_at for queue in store.queues()]
        times += [store.next_answer_at(), self._look_at]
        if self._sweep_at is not None and (
            any(_is_stuck(batch, now) for batch in batches) or store.unsettled_chains(limit=1)
        ):
            self._sweep_at = now
        # What was due before the last turn began and is still there is leased by another process.
        turned_at = self._turned_at or now
        return [each for each in times if each is not None and each > turned_at]


def _batch_due(batch: Batch) -> datetime | None:
    """When a batch wants to be looked at: when it may be polled, or taken over."""
    return batch.leased_until_at or batch.poll_at


def _is_stuck(batch: Batch, now: datetime) -> bool:
    """Whether the writer of a batch stopped renewing its lease: only the sweep takes such batches over."""
    held = batch.leased_until_at is not None
    return batch.state is BatchState.PLANNED and held and abandoned(batch, now)


def drive(
    runtime: Runtime,
    *,
    owners: Collection[str] | None = None,
    until: Callable[[], bool] = _never,
    until_idle: bool = True,
    timeout: float | None = None,
    watch: Callable[[], None] = _nothing,
    nap: Nap | None = None,
) -> bool:
    """Drive the engine.

    Args:
        runtime: What to drive.
        owners: Whose work to do; what belongs to others is left as it is. None for everyone's. See
            `Chain.owner`.
        until: Stop as soon as this holds; looked at after every turn.
        until_idle: Stop when nothing is left that the engine could carry on.
        timeout: Seconds after which to stop, whatever is left.
        watch: Called after every piece of work.
        nap: How to rest when nothing is due; by the clock when None.

    Returns:
        Whether it stopped for `until` or for idleness, and not for the timeout.

    Raises:
        NotSetUpError: A person has to set up a provider first; all that does not need it is done.
        BlobNotFoundError: An output is not there any more; all that does not need it is done.
    """
    served = runtime if owners is None else replace(runtime, store=runtime.store.owned_by(owners))
    with rare_collections():
        driver = Driver(served, watch, nap)
        try:
            return _drive(driver, until, until_idle=until_idle, timeout=timeout)
        finally:
            driver.release()


def _drive(driver: Driver, until: Callable[[], bool], *, until_idle: bool, timeout: float | None) -> bool:
    runtime = driver.runtime
    end = None if timeout is None else runtime.clock.now() + timedelta(seconds=timeout)
    while not driver.patiently(until, otherwise=False):
        moved = driver.turn()
        if end is not None and runtime.clock.now() >= end:
            return until()
        if moved:
            continue
        if until_idle and driver.patiently(driver.is_idle, otherwise=False):
            return True
        if until_idle:
            driver.patiently(driver.is_not_stuck, otherwise=True)
        driver.rest(end)
    return True
