"""People: they start chains, start them again, cancel, retry, and deploy code that lacks a function."""

import gemchain
from gemchain.chains import Chain
from tests.simulation import callbacks
from tests.simulation.engines import guarded, nap

MISSING = {f"tests.simulation.callbacks:{name}" for name in ("carry_further", "joined_further")}
"""The functions that some deploys lack."""


def draw_errands(random, programs):
    """What one person will do, in order."""
    errands = []
    for program in programs:
        key = random.choice((None, "key", "key"))
        errands += [("start", program, key)] * (random.choice((1, 1, 2)) if key else 1)
    for what, chance in (("cancel", 0.3), ("retry", 0.4), ("deploy", 0.25)):
        if random.random() < chance:
            errands.append((what,))
            if what == "deploy":
                errands.append(("deploy",))
    random.shuffle(errands)
    return errands


def user(world, errands):
    """A person; one who is interrupted takes up the same errand again."""

    def body(process):
        while errands:
            nap(world, 20)
            world.scheduler.note("errand", errands[0])
            if guarded(world, _run, world, *errands[0]) is not None:
                errands.pop(0)
        process.again = False

    return body


def _run(world, what, *arguments):
    return ERRANDS[what](world, *arguments)


def _start(world, program, key):
    gemchain.start(callbacks.begin, key=None if key is None else f"{key} {program}", program=program)
    return True


def _cancel(world):
    if world.checker.chains:
        chain_id = world.random.choice(sorted(world.checker.chains))
        Chain(chain_id).cancel()
        world.checker.on_cancelled(chain_id)
    return True


def _retry(world):
    if world.checker.chains:
        Chain(world.random.choice(sorted(world.checker.chains))).retry()
    return True


def _deploy(world):
    world.missing ^= MISSING
    world.scheduler.note("deploy", sorted(world.missing))
    return True


ERRANDS = {"start": _start, "cancel": _cancel, "retry": _retry, "deploy": _deploy}
