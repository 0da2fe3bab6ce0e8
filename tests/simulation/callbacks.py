"""The functions of simulated chains. Each does what the plan says of its node, and tells the world."""

from datetime import timedelta
from functools import partial
from typing import Any

import gemchain
from tests.simulation.model import branch_values
from tests.simulation.scheduler import Violation
from tests.simulation.service import BLOCKED, answer_to

world: Any = None
"""The world that runs; set by `world.py`."""


class MoodError(Exception):
    """What callbacks raise."""


def begin(program):
    """The start of every chain."""
    for node in world.plan.programs[program]:
        submit(world.plan.nodes[node])
    return {"nothing to do": program}


def carry_on(response, node):
    """Takes an answer."""
    return _answered(response, node)


def carry_further(response, node):
    """Takes an answer; some deploys have lost this function."""
    return _answered(response, node)


class Carrier:
    """Takes an answer, as a method that is stored with its object."""

    def __init__(self, node):
        self.node = node

    def carry(self, response):
        return _answered(response, self.node)


def evil(*_, **__):
    """What a stranger put in the place of a stored function."""
    raise Violation("what is not signed is never loaded", "a forged function was called")


def wanted(response):
    """Whether an answer will do: the first ones do not, where the plan says so."""
    prompt = world.checker.prompts[response.prompt_id]
    return "not this one" if prompt.progress.attempt <= world.node_of(prompt).picks else None


def told(value, node):
    """Takes the word of a person."""
    return _heard(value, node)


def told_further(value, node):
    """Takes the word of a person; some deploys have lost this function."""
    return _heard(value, node)


def joined(results, node):
    """Takes the values of all branches."""
    return _gathered(results, node)


def joined_further(results, node):
    """Takes the values of all branches; some deploys have lost this function."""
    return _gathered(results, node)


def rescue(error, node):
    """Takes the lack of an answer."""
    return _run(node, world.plan.nodes[node].rescue, error.reason)


def submit(node, key=None):
    """Submit the prompt of a node, or its join."""
    if node.waits:
        gemchain.wait(node.id, globals()[node.callback], params={"node": node.id})
        return
    if node.branches is not None:
        gemchain.gather(
            [describe(world.plan.nodes[each]) for each in node.branches],
            globals()[node.callback],
            params={"node": node.id},
            on_error=None if node.rescue is None else rescue,
            return_exceptions=node.collects,
        )
        return
    gemchain.submit(**arguments(node, key))


def describe(node):
    """Describe the prompt of a node, as the beginning of a branch."""
    return gemchain.prompt(**arguments(node, None))


def arguments(node, key):
    """The arguments of `submit` for the prompt of a node."""
    callback, named = _callback(node)
    on_error = None if node.rescue is None else rescue
    return {
        "request": node.text,
        "model": node.model,
        "callback": callback,
        "on_error": on_error,
        "params": {"node": node.id} if named or on_error is not None else None,
        "key": key,
        "accept": ["blocked"] if node.accepts and callback is not None else (),
        "max_attempts": node.max_attempts,
        "priority": node.priority,
        "deadline": None if node.deadline is None else timedelta(seconds=node.deadline),
        "labels": {"node": node.id},
        "retry_if": wanted if node.picks else None,
        **node.sent,
    }


def _callback(node):
    """The function of a node, and whether it takes the node's name as a parameter."""
    if node.callback is None:
        return None, False
    name = node.id

    def closure(response, node=name):
        return carry_on(response, name)

    match node.by_value:
        case "closure":
            return closure, True
        case "partial":
            return partial(carry_on), True
        case "method" if node.rescue is None:
            return Carrier(name).carry, False
    return globals()[node.callback], True


def _heard(value, name):
    said = world.checker.resumed.get(gemchain.current().prompt_id)
    if value != said:
        raise Violation("a wait goes on with what was said", f"{name} got {value!r}, not {said!r}")
    return _run(name, world.plan.nodes[name].then, value)


def _gathered(results, name):
    value = [plain(each) for each in results]
    expected = branch_values(world, gemchain.current().prompt_id)
    if value != expected:
        raise Violation("a join gets all its branches, in order", f"{name} got {value}, not {expected}")
    return _run(name, world.plan.nodes[name].then, value)


def plain(value):
    """A branch's value as plain data."""
    if isinstance(value, gemchain.Response):
        return value.text
    if isinstance(value, gemchain.PromptError):
        return {"error": value.reason}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _answered(response, name):
    node = world.plan.nodes[name]
    expected = "" if node.text.startswith(BLOCKED) else answer_to(node.text)
    if response.text != expected:
        raise Violation(
            "an answer reaches its own prompt", f"{name} asked {node.text!r}, got {response.text!r}"
        )
    if expected and node.picks >= gemchain.current().attempt:
        raise Violation("an answer that is not wanted goes nowhere", f"{name} got {response.text!r}")
    return _run(name, node.then, response.text)


def _run(name, then, value):
    identity = gemchain.current().prompt_id
    run = world.runs[identity] = world.runs.get(identity, 0) + 1
    world.scheduler.note("callback", (name, identity, run))
    raises = run <= then.raises or world.strikes("callback_raises")
    if raises and world.random.random() < 0.5:
        raise mood(then.mood if run <= then.raises else "raise", f"before anything, at run {run}")
    if then.starts is not None:
        gemchain.start(begin, program=then.starts)
    children = fickle(then.children, run) if then.fickle else then.children
    world.faults["callback_fickle"] += children != then.children
    for child in children:
        submit(world.plan.nodes[child], key=f"key of {child}" if then.keyed else None)
    if raises:
        raise mood(then.mood if run <= then.raises else "raise", f"after all, at run {run}")
    world.declared.setdefault(identity, []).append(tuple(children))
    return {"node": name, "value": value, "run": run if then.fickle else 0}


def mood(kind, text):
    """What a function raises that does not get to its end."""
    match kind:
        case "later":
            return gemchain.Retry(after=world.random.random() * 20)
        case "again":
            return gemchain.Retry(after=world.random.random() * 20, resend=True)
        case "abort":
            return gemchain.Abort(text)
    return MoodError(text)


def fickle(children, run):
    """Other children each time: turned round, and every other time one less."""
    turned = children[run % len(children) :] + children[: run % len(children)] if children else []
    return turned[1:] if run % 2 == 0 else turned
