"""Simulated processes that run the engine: whole, or one stage at a time as functions in a cloud do."""

from dataclasses import replace
from datetime import timedelta

from gemchain.engine import callback_retries, drive
from gemchain.engine.stages import assemble, collect, dispatch, launch, perform
from gemchain.errors import BlobError, StoreConflictError, StoreUnavailableError
from tests.simulation.scheduler import SECOND, Crash, Stop, Violation

PIECE = timedelta(seconds=10)
"""How long a function performs batches."""

EXPECTED = (StoreUnavailableError, StoreConflictError, BlobError)
"""What may come out of a stage while ports fail; anything else is the stage's own mistake."""


def guarded(world, call, *args):
    """Run a piece of the engine; whatever it raises without need is a violation.

    Returns:
        Its value; None when a port had failed.
    """
    try:
        return call(*args)
    except (Crash, Stop, Violation):
        raise
    except EXPECTED as error:
        world.scheduler.note("gave up", type(error).__name__)
        return None
    except Exception as error:
        raise Violation("a stage raises only what its ports raise", repr(error)) from error


def _served(process):
    """The runtime of a new life of a process, which sees only the work that it does."""
    runtime = process.runtime
    runtime.store.reopen()
    return (
        runtime if process.serves is None else replace(runtime, store=runtime.store.owned_by(process.serves))
    )


def driver(world):
    """`gemchain run`: the driver, in a process that is started again when it gives up."""

    def body(process):
        engine = drive.Driver(_served(process))
        try:
            while True:
                if not guarded(world, engine.turn):
                    guarded(world, engine.rest, None)
        except Stop:
            guarded(world, engine.release)

    return body


def functions(world):
    """Functions in a cloud: hints and timers run single stages, in no particular order."""

    def body(process):
        runtime = _served(process)
        stages = [
            lambda: assemble.assemble(runtime),
            lambda: launch.launch(runtime),
            lambda: collect.collect(runtime),
            lambda: callback_retries.retry_callbacks(runtime),
            lambda: list(dispatch.dispatch(runtime)),
            lambda: drive.sweep(runtime),
        ]
        if world.lanes.share:
            stages.append(lambda: perform.perform(runtime, runtime.store.now() + PIECE))
        while True:
            part = _hint(world)
            if part is not None:
                guarded(world, dispatch.dispatch_part, process.runtime, part)
            else:
                guarded(world, world.random.choice(stages))
                runtime.clock.sleep(world.random.random() * 4)

    return body


def _hint(world):
    """A hint whose time has come; the part it carries may be old."""
    due = [each for each in world.hints if each[0] <= world.scheduler.now]
    if not due:
        return None
    world.hints.remove(due[0])
    part = due[0][1]
    if world.random.random() < 0.5:
        return part
    fresh = [each for each in world.store.open_parts(part.batch_id) if each.id == part.id]
    return fresh[0] if fresh else None


def nap(world, most):
    """Sleep up to `most` seconds."""
    world.scheduler.sleep(int(world.random.random() * most * SECOND))
