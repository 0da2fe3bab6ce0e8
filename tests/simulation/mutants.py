"""Engines broken on purpose: a simulator that does not notice them proves nothing.

Each is a patch of the real engine, made while a seed runs. A patch that finds nothing to change any more
fails, so that no mutant can grow harmless unnoticed.

Longer than 300 lines: it is one list.
"""

import inspect
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from unittest.mock import patch

from gemchain.api import chains, operations, scope, starting
from gemchain.base import jsontext
from gemchain.durable.frames import Frame
from gemchain.durable.program import Replay
from gemchain.engine import drive
from gemchain.engine.answers import branches, delivery, replay, stored, transitions
from gemchain.engine.batches import output_parts, performance
from gemchain.engine.batches.performance import Performance
from gemchain.engine.endings import batches as batch_endings
from gemchain.engine.endings import chains as chain_endings
from gemchain.engine.policy import escalation
from gemchain.engine.rows import correlation, unkeyed
from gemchain.engine.stages import collect, dispatch, launch, sweep
from gemchain.functions.closures import Signer
from gemchain.records import Move
from gemchain.records.identity import random_id
from gemchain.records.states import PromptState
from gemchain.stores.sqlite import SqliteStore
from gemchain.stores.sqlite import commit as sqlite_commit
from tests.simulation import world
from tests.simulation.ports import FaultyStore
from tests.simulation.service import FaultyProvider, Service
from tests.simulation.stores import Even

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
            stack.enter_context(patch.object(owner, name, value, create=not hasattr(owner, name)))
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
    return patched((drive, "sweep", lambda *_, **__: 0))


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
    settle_join = rewritten(chain_endings._settle_join, old, "counted(runtime, join_id)")
    return patched((chain_endings, "counted", counted), (chain_endings, "_settle_join", settle_join))


def no_fence_at_birth():
    """Prompts are born into a batch whoever holds it by then."""
    return patched((sqlite_commit, "_closed", lambda *_: set()))


def uncounted_attempts():
    """A prompt is sent again and again."""
    old = "case.prompt.progress.attempt + 1"
    changed = rewritten(transitions.send_again, old, "1")
    return patched((delivery, "send_again", changed), (transitions, "send_again", changed))


def forgetful_close():
    """A batch is closed without a look at the prompts that got no row."""
    return patched((batch_endings, "_release", lambda *_: 0))


def hasty_end():
    """A forked chain ends with its first branch."""
    return patched(
        (
            chain_endings,
            "_settle_chain",
            rewritten(chain_endings._settle_chain, "not runtime.store.has_open(chain_id)", "True"),
        )
    )


def unchecked_replay():
    """A program goes on with what it awaited once, whatever it awaits now."""
    look_up = rewritten(Replay._look_up, "known.digest != at.spec.digest", "False")
    return patched((Replay, "_look_up", look_up))


def first_error_to_arrive():
    """A gather raises the error that came first, and not the first branch's."""
    old = "next((each for each in found if isinstance(each, _Failed)), None)"
    new = "_value(min(lost, key=_ended_at)) if (lost := _lost(ends)) else None"
    made = rewritten(branches.gathered, old, new)
    return patched(
        (branches, "_ended_at", lambda leaf: leaf.progress.ended_at),
        (branches, "_lost", lambda ends: [e for all_ in ends.values() for e in all_ if _is_lost(e)]),
        (stored, "gathered", made),
    )


def _is_lost(leaf):
    return leaf.progress.state is PromptState.FAILED


def values_by_arrival():
    """A join gets its values in the order in which they came."""
    old = "found = [_branch_value(leaves) for leaves in ends.values()]"
    new = "found = [_branch_value(leaves) for leaves in sorted(ends.values(), key=_last_at)]"
    made = rewritten(branches.gathered, old, new)
    return patched(
        (branches, "_last_at", lambda leaves: max(each.progress.ended_at for each in leaves)),
        (stored, "gathered", made),
    )


def resumed_twice():
    """Whoever resumes a wait after another replaces what was said."""
    waits = rewritten(
        operations._waits,
        "each.progress.state is PromptState.WAITING",
        "each.progress.state in (PromptState.WAITING, PromptState.ANSWERED)",
    )
    return patched((operations, "_waits", waits))


def forgotten_word():
    """What a person said is lost when what follows is parked."""
    park = rewritten(transitions.park, ", result=case.prompt.progress.result", "")
    return patched((delivery, "park", park))


def newest_version():
    """A chain under way goes on with the newest version of its function."""
    resolve = world.DeployedFunctions.resolve_chain

    def newest(self, name):
        return resolve(self, name.replace("run@1", "run@2"))

    return patched((world.DeployedFunctions, "resolve_chain", newest))


def key_ignored():
    """Starting under a key starts anew each time."""
    start_id = rewritten(starting.start_id, "return chain_id(name, key)", "return random_id('c')")
    return patched((starting, "start_id", start_id))


def unsigned():
    """A function by value is loaded whoever signed it."""
    old = "not hmac.compare_digest(self._mac(sealed, role).encode(), theirs_mac)"
    load = rewritten(Signer.load, old, "False")
    # What it loads must not be known to the seeds that follow in this process.
    return patched((Signer, "load", load), (world.NAMES, "_functions", {}), (world.NAMES, "_loaded", {}))


def clock_in_replay():
    """`now()` shows a program the time of the run, and not that of the outcome."""
    known = rewritten(replay._History.known, "at=self._now", "at=self._runtime.clock.now()")
    return patched((replay._History, "known", known))


def chance_in_replay():
    """`random()` is another number in every run."""
    return patched((Frame, "next_draw", lambda _: random_id("r")))


def deaf_to_chains():
    """Nobody looks for programs that wait for a chain that has ended."""
    return patched((FaultyStore, "ended_waits", lambda *_, **__: []))


def unpicky():
    """What `retry_if` says of an answer is not heard."""
    return patched((delivery, "_unwanted", lambda _: None))


def two_jobs():
    """Whoever takes a batch over does not mind that a job was asked for."""
    return patched((launch, "_launch_one", rewritten(launch._launch_one, "if fresh:", "if True:")))


def late_resend():
    """A prompt is sent again although its deadline passed while it was queued."""
    old = "late or case.prompt.progress.state is PromptState.QUEUED"
    return patched((transitions, "_answer_again", rewritten(transitions._answer_again, old, "False")))


def blamed_branch():
    """A store that is away while a branch begins is kept as the branch's own failure."""
    old = "isinstance(step.error, _OF_THE_RUN)"
    return patched((Replay, "_begin", rewritten(Replay._begin, old, "False")))


def retried_value():
    """A branch that raised at once is told to wait for ever."""
    retry = rewritten(operations.retry_prompts, ' if each.kind != "value"', "")
    return patched((chains, "retry_prompts", retry), (world, "retry_prompts", retry))


def early_arrival():
    """A batch arrives with the first files of a job that still runs."""
    old = "return _ask_later(runtime, cancel_for_next_lane(runtime, batch), job.output)"
    new = "return [_arrive(runtime, batch, job)] if job.output else _ask_later(runtime, batch, ())"
    return patched((collect, "collect_one", rewritten(collect.collect_one, old, new)))


def abandoned_output():
    """A job that fails takes with it what it had delivered."""
    return patched(
        (
            collect,
            "collect_one",
            rewritten(
                collect.collect_one, "batch.output or job.output or batch.next_lane is not None", "False"
            ),
        )
    )


def repeated_parts():
    """Each look at a running job makes parts of all its files."""
    old = "file for file in output if file not in batch.output"
    mutated = rewritten(output_parts.save_with_parts, old, "file for file in output")
    return patched((collect, "save_with_parts", mutated))


def guessed_rows():
    """Whose a row without an id is gets decided before the output is whole."""
    owners = rewritten(unkeyed.owners, "batch.state is not BatchState.SENT", "True")
    return patched((correlation, "owners", owners))


def dropped_rows():
    """Rows that were deferred are never dispatched again."""
    return patched((batch_endings, "_to_repeat", lambda _: []))


def stale_look_at_parts():
    """A batch is closed after another process has made parts for its deferred rows."""
    old = "any(part.state is not PartState.DONE for part in parts)"
    hasty = rewritten(batch_endings.close, old, "False")
    # The totals of the real engine would refuse to count a part that is not DONE.
    totals = rewritten(batch_endings._totals, "assert part.state is PartState.DONE", "pass")
    return patched(
        (batch_endings, "_totals", totals),
        *((module, "close", hasty) for module in (collect, dispatch, sweep) if hasattr(module, "close")),
    )


def ownerless_children():
    """What a callback submits belongs to nobody."""
    return patched((scope.Scope, "owner", property(lambda self: self.given_owner)))


def work_of_everyone():
    """A process does the work of all owners, and not of those alone that it serves."""
    return patched((Even, "owned_by", lambda self, _: self), (SqliteStore, "owned_by", lambda self, _: self))


def someone_elses_answers():
    """A process runs the callbacks again of everyone."""
    return patched((SqliteStore, "due_answers", _unowned(SqliteStore.due_answers)))


def answers_after_the_commit():
    """Answers are written down after the commit that says that they are there."""
    save = Performance._save

    def late(self, change):
        lines, self._lines = self._lines, []
        save(self, change)
        if lines:
            self._lines = lines
            save(self, lambda batch: batch)

    return patched((Performance, "_save", late))


def escalation_that_pays_twice():
    """A batch goes over to another lane while its job may still answer."""

    def at_once(runtime, batch):
        at = escalation.goes_over_at(runtime, batch)
        if at is None or runtime.store.now() < at:
            return batch
        return runtime.store.save_batch(escalation.going_over(runtime, batch))

    return patched((collect, "cancel_for_next_lane", at_once))


def adoption_without_metadata():
    """Any job of the model is taken for the batch's own."""

    def any_job(self, batch):
        made = [each for each in self.jobs if each.model == batch.model]
        return self.report(made[-1]) if made else None

    return patched((Service, "find", any_job))


def forgotten_pieces():
    """Whoever takes a batch over does not look what was answered before."""
    return patched((performance, "answered", lambda runtime, files: set()))


def requests_without_a_lease():
    """A process that slept through its lease goes on asking."""
    return patched((Performance, "_holds", True))


def unwanted_requests():
    """What was cancelled or answered meanwhile is asked all the same."""
    return patched((performance, "still_wanted", lambda runtime, batch, rows: (list(rows), [])))


def _unowned(method):
    """A method of a store that shows the work of everyone."""
    return lambda self, **options: method(SqliteStore.owned_by(self, None), **options)


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
        no_fence_at_birth,
        uncounted_attempts,
        forgetful_close,
        hasty_end,
        join_by_counting,
        two_jobs,
        unchecked_replay,
        first_error_to_arrive,
        values_by_arrival,
        resumed_twice,
        forgotten_word,
        newest_version,
        key_ignored,
        unsigned,
        clock_in_replay,
        chance_in_replay,
        deaf_to_chains,
        unpicky,
        late_resend,
        blamed_branch,
        retried_value,
        early_arrival,
        abandoned_output,
        repeated_parts,
        guessed_rows,
        dropped_rows,
        stale_look_at_parts,
        ownerless_children,
        work_of_everyone,
        someone_elses_answers,
        answers_after_the_commit,
        escalation_that_pays_twice,
        adoption_without_metadata,
        forgotten_pieces,
        requests_without_a_lease,
        unwanted_requests,
    )
}
