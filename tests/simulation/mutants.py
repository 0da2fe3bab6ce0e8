"""Engines broken on purpose: a simulator that does not notice them proves nothing.

Each is a patch of the real engine, made while a seed runs. A patch that finds nothing to change any more
fails, so that no mutant can grow harmless unnoticed.
"""

import inspect
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from unittest.mock import patch

from gemchain import jsontext, scope
from gemchain.engine import closing, correlation, delivery, dispatch, drive, launch, sweep
from gemchain.identity import random_id
from gemchain.records import Move
from gemchain.stores.sqlite import commit as sqlite_commit
from tests.simulation.ports import FaultyStore
from tests.simulation.service import FaultyProvider

unchanged = nullcontext
"""No mutant."""


def rewritten(function, old, new):
    """A function with a piece of its source replaced."""
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise LookupError(f"{function.__qualname__} has {source.count(old)} times {old!r}: mend the mutant")
    made = {}
    exec(compile(source.replace(old, new), inspect.getfile(function), "exec"), function.__globals__, made)
    return made[function.__name__]


@contextmanager
def patched(*changes):
    """Several attributes replaced: `(owner, name, value)`."""
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value, create=name == "counted"))
        yield


def children_apart():
    """Children are committed apart from the mark on their parent."""
    write = FaultyStore._write

    def apart(self, name, call, args, kwargs):
        if name != "commit" or any(unit.chain for unit in args[0]):
            return write(self, name, call, args, kwargs)
        verdicts = write(self, name, call, ([replace(unit, drafts=()) for unit in args[0]],), kwargs)
        late = [
            replace(each, token=f"{each.token}b", moves=(), ending=None) for each in args[0] if each.drafts
        ]
        if late:
            write(self, name, call, (late,), kwargs)
        return verdicts

    return patched((FaultyStore, "_write", apart))


def no_precondition():
    """A prompt is moved whether or not it is still as it was read."""
    write = FaultyStore._write

    def heedless(self, name, call, args, kwargs):
        if name != "commit":
            return write(self, name, call, args, kwargs)
        moved = self._inner.prompts([move.prompt.id for unit in args[0] for move in unit.moves])
        units = [
            replace(unit, moves=tuple(Move(moved[m.prompt.id], m.after) for m in unit.moves))
            for unit in args[0]
        ]
        return write(self, name, call, (units,), kwargs)

    return patched((FaultyStore, "_write", heedless))


def random_child_ids():
    """Children get ids that another run does not find again."""
    return patched((scope, "child_id", lambda *_: random_id("p")))


def no_sweeper():
    """Nobody looks for what a crash left half-way."""
    return patched((drive, "sweep", lambda _: 0))


def no_lease():
    """Nobody minds who works on a batch or a part."""
    return patched(*((module, "free", lambda *_: True) for module in (launch, dispatch, sweep)))


def no_adoption():
    """A launcher does not look for the job that an earlier one may have created."""

    def find(self, batch):
        self._world.scheduler.point()

    return patched((FaultyProvider, "find", find))


def no_fencing():
    """A row counts whichever batch it comes from."""
    old = "prompt.progress.batch_id != batch.id or "
    return patched((dispatch, "match", rewritten(correlation.match, old, "")))


def no_deduplication():
    """A row that comes twice in a group is handled twice."""
    return patched((dispatch, "match", rewritten(correlation.match, " or prompt.id in taken", "")))


def no_read_back():
    """A commit that meets its own success takes it for a conflict."""
    return patched((sqlite_commit, "_was_committed", lambda *_: False))


def join_by_counting():
    """A join goes on after as many looks at it as it has branches."""
    looks = Counter()

    def counted(runtime, join_id):
        looks[join_id] += 1
        return looks[join_id] >= jsontext.load(runtime.store.requests([join_id])[join_id])["branches"]

    old = "not runtime.store.has_open(join_id)"
    settle_join = rewritten(closing._settle_join, old, "counted(runtime, join_id)")
    return patched((closing, "counted", counted), (closing, "_settle_join", settle_join))


def uncounted_attempts():
    """A prompt is sent again and again."""
    old = "before.attempt + 1"
    return patched((delivery, "_send_again", rewritten(delivery._send_again, old, "1")))


def forgetful_close():
    """A batch is closed without a look at the prompts that got no row."""
    return patched((closing, "_release", lambda *_: 0))


def hasty_end():
    """A forked chain ends with its first branch."""
    return patched(
        (
            closing,
            "_settle_chain",
            rewritten(closing._settle_chain, "not runtime.store.has_open(chain_id)", "True"),
        )
    )


MUTANTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    each.__name__: each
    for each in (
        children_apart,
        no_precondition,
        random_child_ids,
        no_sweeper,
        no_lease,
        no_adoption,
        no_fencing,
        no_deduplication,
        no_read_back,
        uncounted_attempts,
        forgetful_close,
        hasty_end,
        join_by_counting,
    )
}
