"""The async chains of the simulation. One function in three deployments runs every body of the plan.

What a program meets at each place is told to the world, so that every later run can be compared with it,
and `rerun.py` can run the same body against the records.
"""

import hashlib

import gemchain
from gemchain.durable.frames import active_frame
from gemchain.records.identity import chain_id
from tests.simulation import callbacks
from tests.simulation.callbacks import MoodError, arguments, mood, plain
from tests.simulation.scheduler import Violation
from tests.simulation.service import BLOCKED, answer_to

KINDS = {"value": ValueError, "runtime": RuntimeError, "prompt": gemchain.PromptError}
NAME = "tests.simulation.programs"


class _ReturnedError(Exception):
    """The program returns early from inside of something."""


@gemchain.chain(name="run")
async def run(program):
    """A program, as it was first deployed."""
    return await _begin(program, 1)


@gemchain.chain(name="run", version=2)
async def run_anew(program):
    """A program, as it is now."""
    return await _begin(program, 2)


@gemchain.chain
async def further(program):
    """A program that some deploys have lost."""
    return await _begin(program, 1)


def function_of(world, program):
    """The function that a person starts a program with, as it is deployed now."""
    if program in world.plan.programs:
        return callbacks.begin
    if program in world.plan.further:
        return further
    return run if f"{NAME}:run@2" in world.missing else run_anew


def started_as(world, program):
    """The name under which a program's chains have their ids, whatever the version."""
    if program in world.plan.programs:
        return f"{callbacks.__name__}:begin"
    return f"{NAME}:{'further' if program in world.plan.further else 'run'}"


async def _begin(program, version):
    seen = [f"v{version}"]
    ended = await _run(callbacks.world.plan.bodies[program], seen)
    return {"program": program, "version": version, "value": ended}


async def _run(body, seen):
    try:
        for statement in body:
            seen.append(await _do(statement, seen))
    except _ReturnedError:
        return ["early", *seen]
    return list(seen)


async def _do(it, seen):
    _maybe_strike()
    match it.does:
        case "prompt":
            return await _ask(it, seen)
        case "wait":
            return await _met(gemchain.wait(f"{it.id} at {_place()}"))
        case "child":
            return await _start(it)
        case "gather" | "try" | "loop" | "call":
            return await _do_deep(it, seen)
    return _do_at_once(it, seen)


def _do_at_once(it, seen):
    """What needs no await."""
    heads = _heads(seen)
    match it.does:
        case "draw":
            return _drawn(it.text)
        case "mood":
            return _sulk(it)
        case "raise":
            raise KINDS[it.text](it.id)
        case "raise_if" if heads:
            raise KINDS[it.text](it.id)
        case "return_if" if heads:
            raise _ReturnedError
    return "went on"


async def _do_deep(it, seen):
    match it.does:
        case "gather":
            return await _gather(it, seen)
        case "try":
            inside = [*seen]
            try:
                return await _run(it.body, inside)
            except tuple(KINDS[each] for each in it.caught) as error:
                return ["caught", plain_error(error), await _run(it.handler, [plain_error(error)])]
        case "loop":
            rounds = []
            while len(rounds) < it.count:
                rounds.append(_digest(await _run(it.body, [*seen, *rounds])))
                if _heads(rounds):
                    break
            return rounds
        case "call":
            return _digest(await _run(it.body, [len(seen)]))
    raise AssertionError(it)


async def _ask(it, seen):
    world = callbacks.world
    frame = active_frame()
    text = world.variant(frame.seed, _place(), _text(it, seen))
    response = await _met(gemchain.prompt(**{**arguments(world.plan.nodes[it.node], None), "request": text}))
    expected = "" if text.startswith(BLOCKED) else answer_to(text)
    if response.text != expected:
        raise Violation("an answer reaches its own prompt", f"{it.id} asked {text!r}, got {response.text!r}")
    return response.text


def _text(it, seen):
    return f"{callbacks.world.plan.nodes[it.node].text} {_digest(seen)}"


async def _gather(it, seen):
    described = gemchain.gather(
        [_branch(each, [*seen, index]) for index, each in enumerate(it.branches)],
        return_exceptions=it.catching,
    )
    return plain_all(await _met(described))


def _branch(it, seen):
    match it.does:
        case "prompt":
            node = callbacks.world.plan.nodes[it.node]
            return gemchain.prompt(**{**arguments(node, None), "request": _text(it, seen)})
        case "wait":
            return gemchain.wait(f"{it.id} at {_place()}")
        case "nested":
            return gemchain.gather(
                [_branch(each, [*seen, index]) for index, each in enumerate(it.branches)],
                return_exceptions=it.catching,
            )
        case "child":
            return _start(it)
    return _run(it.body, seen)


async def _start(it):
    world = callbacks.world
    key = f"key {it.starts}" if it.keyed else None
    if world.rerun is None:
        chain = gemchain.start(function_of(world, it.starts), key=key, program=it.starts)
    else:
        name = started_as(world, it.starts)
        chain = gemchain.Chain(chain_id(name, active_frame().next_draw() if key is None else key))
    if world.rerun is None and chain.id not in world.checker.chains:
        raise Violation("what start accepts is recorded", f"{it.id} started {chain.id}")
    if not it.awaited:
        return "started"
    return _digest(await _met(chain))


def _drawn(what):
    match what:
        case "now":
            return gemchain.now().isoformat()
        case "random":
            return gemchain.random()
    return str(gemchain.uuid())


def _sulk(it):
    """Raise, the first times that a run gets here."""
    world = callbacks.world
    frame = active_frame()
    if world.rerun is None and gemchain.current().prompt_id is not None:
        place = (frame.seed, frame.path, frame.places, it.id)
        world.runs[place] = world.runs.get(place, 0) + 1
        if world.runs[place] <= it.count:
            raise mood(it.text, f"{it.id}, for the {world.runs[place]}. time")
    return "calm again"


def _maybe_strike():
    world = callbacks.world
    if world.rerun is None and gemchain.current().prompt_id is not None and world.strikes("callback_raises"):
        raise MoodError("out of the blue")


async def _met(awaited):
    """The outcome of an await, told to the world."""
    world, frame, place = callbacks.world, active_frame(), _place()
    try:
        value = await awaited
    except Exception as error:
        world.meet(frame.seed, place, error)
        raise
    world.meet(frame.seed, place, value)
    return value


def _place():
    frame = active_frame()
    return f"{frame.path}.{frame.places}" if frame.path else str(frame.places)


def plain_error(error):
    """An error as plain data."""
    if isinstance(error, gemchain.PromptError):
        return {"error": error.reason}
    return {"error": type(error).__name__, "of": str(error)}


def plain_all(value):
    """Anything that a program gets, as plain data."""
    if isinstance(value, list | tuple):
        return [plain_all(each) for each in value]
    return plain_error(value) if isinstance(value, Exception) else plain(value)


def _digest(seen):
    return hashlib.blake2b(repr(seen).encode(), digest_size=4).hexdigest()


def _heads(seen):
    """A coin that falls as what was seen so far decides."""
    return int(_digest(seen), 16) % 2 == 0


FUNCTIONS = {"run@1": run, "run@2": run_anew, "further@1": further}
"""The async chains, by the names under which they are stored."""
