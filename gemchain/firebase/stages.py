"""What the Cloud Functions do, over any runtime: the engine's stages, each within the limits of its function.

Crash story. Nothing is remembered between two calls, and nothing here writes: the stages do, and each of
them may be cut off anywhere (a function that takes too long is killed). A hint that is lost, late or doubled
changes nothing but the time: `sweep_up` asks the store for everything that hints should have told.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain.engine.batches.leases import free
from gemchain.engine.batches.outages import Outages
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect, collect_one
from gemchain.engine.stages.dispatch import dispatch_part
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.ports import Waker
from gemchain.providers.output_files import batch_of_output
from gemchain.records import Batch, Part
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = ["BusyError", "assemble_and_launch", "collect_hinted", "dispatch_hinted", "sweep_up"]

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between looks at a job whose output landed: the file is there a little before the job says so."""

REMINDERS = 100
"""Parts announced again by one sweep, at most: those behind them still have their tasks in the queue."""


class BusyError(Exception):
    """Another process holds the lease of the part: the task must come again later."""


class Moved(NamedTuple):
    """What one run moved, for the log."""

    batches: list[Batch]
    found: int = 0


def assemble_and_launch(runtime: Runtime, until: datetime | None = None) -> Moved:
    """Send what is ready. Prompts that a cut-off run had claimed are sent by the sweep.

    Args:
        runtime: Where the queues are.
        until: When to claim nothing more. What is claimed by then is launched; the rest is for the next run.

    Raises:
        NotSetUpError: A provider lacks something; what the others take was sent.
    """
    outages, moved = Outages(), Moved([])
    with outages.of_stage():
        assemble(runtime, until)
    with outages.of_stage():
        moved = Moved(launch(runtime))
    outages.tell()
    return moved


def collect_hinted(runtime: Runtime, name: str) -> Moved:
    """An object of this name was written: if it is the output of a batch, make parts of it.

    The output appears shortly before its job is over, so a job that still runs is asked a few times more.
    """
    batch_id = batch_of_output(name)
    if batch_id is None:
        return Moved([])
    for pause in (*PAUSES, None):
        batch = runtime.store.batches([batch_id]).get(batch_id)
        if batch is None or batch.state is not BatchState.SENT:
            break
        with suppress(StoreConflictError):
            if moved := collect_one(runtime, batch):
                return Moved(moved)
        if pause is not None:
            runtime.clock.sleep(pause)
    return Moved([])


def dispatch_hinted(runtime: Runtime, batch_id: str, part_id: str) -> Part | None:
    """Dispatch one part.

    Returns:
        The part; None when it was DONE before.

    Raises:
        BusyError: Another process holds it, and may have died; the task must come again.
    """
    part = next((each for each in runtime.store.open_parts(batch_id) if each.id == part_id), None)
    if part is None:
        return None
    if not free(part, runtime.store.now()):
        raise BusyError(f"part {part_id} is leased until {part.leased_until_at}")
    try:
        return dispatch_part(runtime, part)
    except StoreConflictError as error:
        raise BusyError(f"part {part_id} was taken by somebody else: {error}") from error


def sweep_up(runtime: Runtime, until: datetime, takeover_until: datetime | None = None) -> Moved:
    """Ask after jobs, find again what is stuck, and run callbacks again whose rest is over.

    Args:
        runtime: What to sweep.
        until: When to run no more callbacks; what is left waits for the next sweep.
        takeover_until: When to stop writing a batch that a dead process left; the next sweep goes on.

    Raises:
        NotSetUpError: A provider lacks something; everything else was done.
    """
    outages, moved, found = Outages(), list[Batch](), 0
    with outages.of_stage():
        moved = collect(runtime)
    with outages.of_stage():
        found = sweep(replace(runtime, waker=_Reminder(runtime)), takeover_until)
    while runtime.store.now() < until and (again := retry_callbacks(runtime)):
        found += again
    outages.tell()
    return Moved(moved, found)


@dataclass(slots=True)
class _Reminder(Waker):
    """Announces a few parts whose task may be lost: those whose batch arrived long enough ago."""

    runtime: Runtime
    left: int = REMINDERS
    _late: dict[str, bool] = field(default_factory=dict)

    def dispatch(self, part: Part, /) -> None:
        """A part waits; with a long queue before it, it does so in good order."""
        if self.left and self._is_late(part.batch_id):
            self.left -= 1
            self.runtime.waker.dispatch(part)

    def _is_late(self, batch_id: str) -> bool:
        """Looked up once for all parts of a batch."""
        if batch_id not in self._late:
            batch = self.runtime.store.batches([batch_id])[batch_id]
            rest = timedelta(seconds=self.runtime.settings.lease)
            late = batch.arrived_at is None or batch.arrived_at + rest <= self.runtime.store.now()
            self._late[batch_id] = late
        return self._late[batch_id]

    def hurry(self) -> None:
        """Something changed."""
        self.runtime.waker.hurry()
