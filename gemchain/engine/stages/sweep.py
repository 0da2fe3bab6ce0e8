"""Sweep: find what a crash or a lost hint left half-way.

It reads the store and no hint. It does no work of its own: it hands what it finds to the function whose work
it is. So running it twice, or in two processes at once, is as safe as running those functions twice.
"""

from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.batches.input_file import is_over, write_input
from gemchain.engine.batches.leases import abandoned, leased_until
from gemchain.engine.batches.outages import Outages
from gemchain.engine.endings.batches import close, is_complete
from gemchain.engine.endings.chains import settle_marked
from gemchain.errors import StoreConflictError
from gemchain.records import Batch, Failure, Prompt
from gemchain.records.lanes import is_own
from gemchain.records.states import BatchState, PromptState
from gemchain.runtime import Runtime

__all__ = ["sweep"]

LATE = 500
"""Prompts past their deadline that are ended in one commit."""


def sweep(runtime: Runtime, until: datetime | None = None, *, without: Container[str] = ()) -> int:
    """Hand everything that is stuck to the function that carries it on.

    - a PLANNED batch whose lease ran out is taken over and written;
    - an arrived batch all of whose parts are dispatched is closed;
    - batches of the lanes `direct` and `flex` that nobody performs, and
      parts that no process works on, are announced to the waker again;
    - chains with a marked prompt are settled, or cancelled to the end;
    - queued prompts past their deadline fail, and so does what waits for a person or a chain.

    Args:
        runtime: What to sweep.
        until: When to take over no more batches, by the store's clock; the next sweep goes on with them.
        without: Providers to leave alone, since they are known to be not set up.

    Returns:
        How many things were found; 0 means that nothing was stuck.

    Raises:
        NotSetUpError: A provider lacks something, or is not known here; everything else was swept.
    """
    found = 0
    outages = Outages(without)
    for batch in runtime.store.open_batches():
        if batch.provider not in outages:
            with outages.of(batch.provider):
                found += _carry_on(runtime, batch, until)
        if _is_left_alone(runtime, batch):
            runtime.waker.look(batch)
    for part in runtime.store.open_parts():
        if abandoned(part, runtime.store.now()):
            runtime.waker.dispatch(part)
    found += settle_marked(runtime) + _give_up_late_ones(runtime)
    outages.tell()
    return found


def _carry_on(runtime: Runtime, batch: Batch, until: datetime | None) -> int:
    if is_over(runtime, until):
        return 0
    with suppress(StoreConflictError):
        if batch.state is BatchState.PLANNED and abandoned(batch, runtime.store.now()):
            write_input(runtime, _take_over(runtime, batch), until)
            return 1
        if is_complete(runtime, batch):
            close(runtime, batch)
            return 1
    return 0


def _is_left_alone(runtime: Runtime, batch: Batch) -> bool:
    """Whether we have to send its requests ourselves, and nobody does."""
    return batch.state is BatchState.SENT and is_own(batch.lane) and abandoned(batch, runtime.store.now())


def _take_over(runtime: Runtime, batch: Batch) -> Batch:
    return runtime.store.save_batch(
        replace(
            batch,
            fence=batch.fence + 1,
            leased_until_at=leased_until(runtime),
            holder=runtime.process,
        )
    )


_ENDED_BY_DEADLINES = frozenset({PromptState.QUEUED, PromptState.WAITING})


def _give_up_late_ones(runtime: Runtime) -> int:
    found = runtime.store.overdue(limit=min(runtime.settings.group, LATE))
    late = [each for each in found if each.progress.state in _ENDED_BY_DEADLINES]
    if late:
        runtime.store.commit([deliver(runtime, each, Outcome(failure=_late(each))).unit for each in late])
        settle_marked(runtime)
    return len(late)


def _late(prompt: Prompt) -> Failure:
    until = prompt.deadline_at.isoformat(timespec="seconds") if prompt.deadline_at else "its deadline"
    match prompt.kind:
        case "wait":
            name = f" {prompt.key!r}" if prompt.key else ""
            return Failure("deadline", f"nobody resumed the wait{name} until {until}")
        case "chain":
            return Failure("deadline", f"chain {prompt.key} had not ended by {until}")
        case _:
            return Failure("deadline", f"the prompt was still queued at its deadline, {until}")
