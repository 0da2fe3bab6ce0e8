"""The bodies of the Cloud Functions: the engine's stages, each within the time limit of its function.

They work with any runtime.

Crash story. Nothing is kept in memory between two calls. Nothing in this file writes: only the stages do, and
each of them may be cut off anywhere (a function that takes too long is killed). A hint that is lost, late or
doubled only changes when something happens: `sweep_up` finds in the store all that a hint can announce. That
holds for batches of the lanes `direct` and `flex`, too: a task performs one for a few minutes, gives it back,
and queues the next task. If it is killed, the lease runs out, and the sweep queues one; if two come at once,
the lease lets one of them work.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain.engine.batches.leases import free
from gemchain.engine.batches.outages import Outages
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.operations.hasten import PAUSES, is_waited_for
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect, collect_one
from gemchain.engine.stages.dispatch import dispatch_part
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.perform import perform
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.ports import Waker
from gemchain.providers.output_files import batch_of_output
from gemchain.records import Batch, Part
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState
from gemchain.runtime import Runtime

__all__ = [
    "BusyError",
    "assemble_and_launch",
    "collect_hinted",
    "dispatch_hinted",
    "look_hinted",
    "sweep_up",
]

REMINDERS = 100
"""Parts that one sweep announces again, at most: the parts behind them still have tasks in the queue."""


class BusyError(Exception):
    """Another worker holds the part, or was killed while it held it: try again later."""


class Moved(NamedTuple):
    """The batches that one run changed, and how much a sweep found, for the log."""

    batches: list[Batch]
    found: int = 0


def assemble_and_launch(runtime: Runtime, until: datetime | None = None) -> Moved:
    """Send ready prompts. Prompts that a cut-off run had claimed are sent by the sweep.

    Args:
        runtime: The runtime with the queues.
        until: When to stop claiming. What is claimed by then is launched; the next run takes the rest.

    Raises:
        NotSetUpError: A provider is not set up; prompts for the other providers were sent.
    """
    outages, moved = Outages(), Moved([])
    with outages.of_stage():
        assemble(runtime, until)
    with outages.of_stage():
        moved = Moved(launch(runtime))
    outages.tell()
    return moved


def collect_hinted(runtime: Runtime, name: str) -> Moved:
    """Make parts of a batch's output, when an object of this name was written and is such an output.

    The output appears shortly before its job ends, so a job that still runs is polled a few times more.
    """
    batch_id = batch_of_output(name)
    return Moved([]) if batch_id is None else _collect_one(runtime, batch_id)


def look_hinted(runtime: Runtime, batch_id: str, until: datetime) -> Moved:
    """Do what a SENT batch needs: ask about its job; or, in the lanes `direct` and `flex`, perform it.

    A batch that is not done by then is given back, and looked at again by the next task.

    Args:
        runtime: Where the batch is.
        batch_id: The batch.
        until: When to stop performing.

    Raises:
        NotSetUpError: The provider is not set up; the task must come again.
    """
    batch = _found(runtime, batch_id)
    if batch is None or not (batch.state is BatchState.SENT and is_own(batch.lane)):
        return _collect_one(runtime, batch_id)
    perform(runtime, until, only={batch_id})
    left = _found(runtime, batch_id)
    if left is None:
        return Moved([])
    if left.state is BatchState.SENT and free(left, runtime.store.now()):
        runtime.waker.look(left)
    return Moved([left] if left.version > batch.version else [])


def _found(runtime: Runtime, batch_id: str) -> Batch | None:
    """The batch; None when there is none. What is no id at all leads nowhere."""
    return runtime.store.batches([batch_id]).get(batch_id) if batch_id.isalnum() else None


def _collect_one(runtime: Runtime, batch_id: str) -> Moved:
    for pause in (*PAUSES, None):
        batch = _found(runtime, batch_id)
        if batch is None or not is_waited_for(batch):
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
        BusyError: Another worker holds the part, and may have crashed; the task must come again.
    """
    part = next((each for each in runtime.store.open_parts(batch_id) if each.id == part_id), None)
    if part is None:
        return None
    if not free(part, runtime.store.now()):
        raise BusyError(f"part {part_id} is leased until {part.leased_until_at}")
    try:
        return dispatch_part(runtime, part)
    except StoreConflictError as error:
        raise BusyError(f"part {part_id} was taken by another worker: {error}") from error


def sweep_up(runtime: Runtime, until: datetime, takeover_until: datetime | None = None) -> Moved:
    """Poll jobs, find what is stuck, and run callbacks again whose backoff delay is over.

    Args:
        runtime: The runtime to sweep.
        until: When to stop running callbacks; the next sweep runs the others.
        takeover_until: When to stop writing a batch that a crashed worker left unfinished; the next sweep
            continues.

    Raises:
        NotSetUpError: A provider is not set up; everything else was done.
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
    """Announces a few parts whose task may be lost: those whose batch arrived at least a lease ago."""

    runtime: Runtime
    left: int = REMINDERS
    _due: dict[str, bool] = field(default_factory=dict)

    def dispatch(self, part: Part, /) -> None:
        """Announce a part, unless its task is probably still in the queue."""
        if self.left and self._is_due(part.batch_id):
            self.left -= 1
            self.runtime.waker.dispatch(part)

    def _is_due(self, batch_id: str) -> bool:
        """Whether the batch arrived at least a lease ago; read once for all parts of a batch."""
        if batch_id not in self._due:
            batch = self.runtime.store.batches([batch_id])[batch_id]
            lease = timedelta(seconds=self.runtime.settings.lease)
            due = batch.arrived_at is None or batch.arrived_at + lease <= self.runtime.store.now()
            self._due[batch_id] = due
        return self._due[batch_id]

    def look(self, batch: Batch, /) -> None:
        """See `Waker.look`."""
        self.runtime.waker.look(batch)

    def hurry(self) -> None:
        """See `Waker.hurry`."""
        self.runtime.waker.hurry()
