"""What an async chain must look like in the end: its body, run once more against the records. Pure.

The facts that faults decide (answered, failed, cancelled, what a person said) are taken from the records.
That the program awaited exactly what is recorded, met what the records say, and ended as it did,
follows from the body. Nothing of the engine's replay is used: frames and places are counted here again.

Longer than 300 lines: it runs the programs a second time by rules of its own, which call each other.
"""

import itertools
import json

import gemchain
from gemchain.api.specs import ChainAwait, GatherSpec, PromptSpec
from gemchain.durable.frames import Frame, entered_frame
from gemchain.records import Failure
from gemchain.records.identity import placed_id
from gemchain.records.states import ChainState, PromptState
from tests.simulation import programs
from tests.simulation.callbacks import MoodError
from tests.simulation.model import check_cause
from tests.simulation.scheduler import Violation
from tests.simulation.service import answer_to

STOPPED = object()
"""What was cancelled, or waits behind something that was, has no outcome."""

SULKING = "MoodError"
ERRORS = {each.__name__: each for each in (ValueError, RuntimeError, MoodError)}
"""What comes out of a gather, or of an awaited chain, as what it was."""

MOST = 64
"""Combinations of outcomes that are tried where the records do not tell which it was."""


class Raised:
    """The frame ended by raising."""

    def __init__(self, failure):
        self.failure = failure


def check_program(world, chain, prompts):
    """Compare an async chain that has ended with what its body makes of the records.

    Where a program met several outcomes at a place, before and after a retry, and the records do not tell
    which of them counted, any will do that explains the rest.
    """
    first, options, tried = None, {}, set()
    while len(tried) < MOST:
        choice = next((each for each in _choices(options) if each not in tried), None)
        if choice is None:
            break
        tried.add(choice)
        try:
            return _Rerun(world, chain, prompts, dict(choice), options).check()
        except Violation as violation:
            first = first or violation
    raise first


def _choices(options):
    """Every combination of what was met at the places that are unclear, as far as they are known."""
    places = [place for place, count in options.items() if count > 1]
    for picked in itertools.product(*(range(options[place]) for place in places)):
        yield tuple((place, each) for place, each in zip(places, picked, strict=True) if each)


class _Rerun:
    def __init__(self, world, chain, prompts, choice, options):
        self.world, self.chain = world, chain
        self.records = {each.id: each for each in prompts}
        self.choice, self.options = choice, options
        self.seen = set()

    def check(self):
        world, chain = self.world, self.chain
        function = programs.FUNCTIONS[chain.function.partition(":")[2]]
        world.rerun = self
        try:
            program = function(**json.loads(chain.args)["params"])
            end = self._frame(program, "", chain.created_at)
        finally:
            world.rerun = None
        left = [each.path for name, each in self.records.items() if name not in self.seen]
        self._demand(not left, "a program has only what it awaits", left)
        if chain.id in world.checker.cancelled:
            self._demand(chain.state is ChainState.CANCELLED, "a cancelled chain stays so", chain.state)
        elif isinstance(end, Raised):
            same = chain.state is ChainState.FAILED and _same(chain.failure, end.failure)
            self._demand(same, "a chain fails as its program does", (chain.failure, end.failure))
        else:
            self._demand(end is not STOPPED, "a program comes to its end", chain.state)
            done = chain.state is ChainState.DONE and json.loads(chain.result) == end
            self._demand(done, "the result is the model's", (chain.state, chain.result, end))

    def _demand(self, holds, rule, detail):
        if not holds:
            raise Violation(rule, f"{self.chain.id} ({self.chain.args}): {detail}")

    # Frames

    def _frame(self, program, path, now):
        """Run one frame: its value, how it raised, or that it was stopped."""
        frame = Frame(path, self.chain.id, now)
        try:
            return self._advance(program, frame)
        finally:
            program.close()
            for each in frame.begun:
                each.close()

    def _advance(self, program, frame):
        step, value = _run(program.send, None, frame)
        record = None
        while step == "awaits":
            place = f"{frame.path}.{frame.places}" if frame.path else str(frame.places)
            frame.places += 1
            record = self._record(value, place)
            if record.kind == "value":
                return self._ended_at_once(frame, record, "awaits", None)
            outcome = self._outcome(value, record, place, frame)
            if outcome is STOPPED:
                return STOPPED
            frame.now = max(frame.now, record.progress.ended_at)
            resume = program.throw if isinstance(outcome, Exception) else program.send
            step, value = _run(resume, outcome, frame)
            if record.progress.state is PromptState.FAILED:
                return self._failed(record, step, value, self._is_too_late(record, outcome, frame))
        if record is None and frame.path:
            return self._ended_at_once(frame, self._value_record(frame), step, value)
        self._demand(step == "returns", "a program fails only for cause", (frame.path, value))
        if frame.path:
            self._check_kept(record, programs.plain_all(value))
        return value

    def _value_record(self, frame):
        found = self.records.get(placed_id("p", self.chain.id, f"{frame.path}.0"))
        kept = found is not None and found.kind == "value"
        self._demand(kept, "a branch that ends at once is kept", frame.path)
        self.seen.add(found.id)
        return found

    def _ended_at_once(self, frame, record, step, value):
        if record.progress.state is PromptState.FAILED:
            return self._failed(record, step, value)
        self._demand(step == "returns", "a branch that ends at once is kept", (frame.path, step, value))
        self._check_kept(record, programs.plain_all(value))
        return value

    def _is_too_late(self, record, outcome, frame):
        """Whether the program wanted another answer after an error, and no time was left for one."""
        sulked = any(place[:3] == (frame.seed, frame.path, frame.places) for place in self.world.runs)
        failed = isinstance(outcome, Exception) and _same(record.progress.failure, _failure_of(outcome))
        return record.deadline_at is not None and failed and sulked

    def _failed(self, record, step, value, too_late=False):
        """The frame ended here: because the program raises, or because of a mood."""
        failure = record.progress.failure
        explained = step == "raises" and _same(failure, _failure_of(value))
        sulked = (failure.message.startswith(SULKING) and failure.reason == "raised") or (
            failure.reason in ("aborted", "unwanted")
        )
        holds = explained or sulked or too_late
        self._demand(holds, "a program fails only for cause", (record.path, failure, value))
        return Raised(failure)

    def _check_kept(self, record, value):
        kept = programs.plain_all(_unpacked(record.progress.result))
        self._demand(kept == value, "a branch has the value of its program", (record.path, kept, value))

    # Records

    def _record(self, spec, place):
        """The record of what is awaited at a place; it must be of just that."""
        kind = "j" if isinstance(spec, GatherSpec) else "p"
        record = self.records.get(placed_id(kind, self.chain.id, place))
        if record is None:  # a mood may have ended the branch before it awaited anything
            record = self.records.get(placed_id("p", self.chain.id, place))
        self._demand(record is not None, "what a program awaits is recorded", (place, spec))
        self.seen.add(record.id)
        checker = self.world.checker
        if record.kind == "value":
            return record
        match spec:
            case PromptSpec():
                known, wanted = checker.texts[record.id], spec.request
            case GatherSpec():
                known, wanted = checker.counts[record.id], len(spec.branches)
            case ChainAwait():
                known, wanted = record.key, spec.chain_id
            case _:
                known, wanted = record.key, spec.name
        self._demand(known == wanted, "what is recorded is what the program awaits", (place, known, wanted))
        return record

    def _outcome(self, spec, record, place, frame):
        """What the await gives, from the records; an exception is raised there."""
        if isinstance(spec, GatherSpec):
            outcome = self._gathered(spec, place, frame)
        elif record.progress.state not in (PromptState.DONE, PromptState.FAILED):
            return self._stopped(record)
        elif record.kind == "wait":
            return self.world.checker.resumed[record.id]
        else:
            outcome = self._told(record, place)
        if record.progress.state not in (PromptState.DONE, PromptState.FAILED):
            return self._stopped(record)
        if outcome is STOPPED:
            raise Violation("a join waits for all its branches", f"{record.id} went on without one")
        if record.callback is not None:
            met = self.world.met.get((self.chain.id, place), {})
            plain = repr(programs.plain_all(outcome))
            self._demand(plain in met, "a program meets what the records say", (place, plain, [*met]))
        return outcome

    def _stopped(self, record):
        open_still = record.progress.state is not PromptState.CANCELLED
        self._demand(not open_still, "every prompt ends", (record.id, record.progress.state))
        return STOPPED

    def _told(self, record, place):
        """The outcome of a prompt or of another chain's end, as kept; else as the program met it."""
        kept = record.progress.result
        if record.progress.state is PromptState.FAILED and record.callback is None:
            outcome = _error_of(record.progress.failure)
        elif record.progress.state is PromptState.FAILED or self._is_last(record):
            met = [*self.world.met.get((self.chain.id, place), {}).values()]
            self._demand(met, "a program meets what the records say", (place, "it met nothing"))
            self.options[place] = len(met)
            outcome = met[self.choice.get(place, 0)]
        else:
            outcome = _unpacked(kept)
        if record.kind == "chain":
            self._check_other(record, outcome)
        else:
            self._check_answer(record, outcome)
        return outcome

    def _is_last(self, record):
        """Whether a branch ended with this record, which then keeps the branch's value."""
        frame, _, number = record.path.rpartition(".")
        following = f"{frame}.{int(number) + 1}"
        ids = [placed_id(kind, self.chain.id, following) for kind in "pj"]
        return bool(frame) and record.callback is not None and not any(each in self.records for each in ids)

    def _check_answer(self, record, outcome):
        node = self.world.node_of(record)
        if isinstance(outcome, Exception):
            failed = isinstance(outcome, gemchain.PromptError)
            self._demand(failed, "a prompt fails as a PromptError", (record.path, outcome))
            check_cause(self.world, node, record, Failure(outcome.reason, outcome.message))
            return
        wanted = answer_to(self.world.checker.texts[record.id])
        self._demand(outcome.text == wanted, "an answer reaches its own prompt", (record.path, wanted))
        picked = node.picks < record.progress.attempt
        self._demand(picked and not node.doomed, "an answer that is not wanted goes nowhere", record.path)

    def _check_other(self, record, outcome):
        """Another chain's end is one that it had."""
        told = ["failed", outcome.reason] if isinstance(outcome, gemchain.PromptError) else ["done", outcome]
        if isinstance(outcome, Exception) and not isinstance(outcome, gemchain.PromptError):
            told = ["failed", "raised"]
        ends = self.world.checker.ends.get(record.key, [])
        self._demand(told in ends, "what is awaited of a chain is its end", (record.path, told, ends))

    # Gathers

    def _gathered(self, spec, place, frame):
        """The values of all branches; or the error of the first, by its number, that failed."""
        values = [
            self._branch(branch, f"{place}.{index}", frame) for index, branch in enumerate(spec.branches)
        ]
        if any(each is STOPPED for each in values):
            return STOPPED
        errors = [each for each in values if isinstance(each, Raised)]
        if errors and not spec.return_exceptions:
            return _error_of(errors[0].failure)
        return [_error_of(each.failure) if isinstance(each, Raised) else each for each in values]

    def _branch(self, branch, path, frame):
        if not isinstance(branch, PromptSpec | GatherSpec | ChainAwait) and hasattr(branch, "send"):
            return self._frame(branch, path, frame.now)
        place = f"{path}.0"
        record = self._record(branch, place)
        outcome = self._outcome(branch, record, place, frame)
        if isinstance(outcome, Exception):
            failed = record.progress.state is PromptState.FAILED
            self._demand(failed, "a branch fails with its prompt", (place, record.progress.state))
            return Raised(record.progress.failure)
        return outcome


def _run(resume, value, frame):
    """One step of a program."""
    try:
        with entered_frame(frame):
            return "awaits", resume(value)
    except StopIteration as stop:
        return "returns", stop.value
    except Exception as error:  # noqa: BLE001 -- a program may raise anything
        return "raises", error


def _same(failure, other):
    return failure is not None and (failure.reason, failure.message) == (other.reason, other.message)


def _failure_of(error):
    if isinstance(error, gemchain.PromptError):
        return Failure(error.reason, error.message)
    return Failure("raised", f"{type(error).__name__}: {error}")


def _error_of(failure):
    name, _, text = failure.message.partition(": ")
    kind = ERRORS.get(name)
    if failure.reason == "raised" and kind is not None:
        return kind(text)
    return gemchain.PromptError(Failure(failure.reason, failure.message))


def _unpacked(text):
    """A value as it is kept: with its kind."""
    return _value(json.loads(text or '{"value": null}'))


def _value(packed):
    match packed:
        case {"response": body}:
            return gemchain.Response(body)
        case {"error": failure}:
            return _error_of(Failure(failure["reason"], failure["message"]))
        case {"list": inner} | {"tuple": inner}:
            return [_value(each) for each in inner]
        case {"dict": inner}:
            return {name: _value(each) for name, each in inner.items()}
    return packed["value"]
