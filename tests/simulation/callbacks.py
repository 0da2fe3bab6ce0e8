"""The functions of simulated chains. Each does what the plan says of its node, and tells the world."""

from datetime import timedelta
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
    if node.branches is not None:
        gemchain.gather(
            [describe(world.plan.nodes[each]) for each in node.branches],
            globals()[node.callback],
            params={"node": node.id},
            on_error=None if node.rescue is None else rescue,
            return_exceptions=node.collects,
        )
        return
    gemchain.submit(**_arguments(node, key))


def describe(node):
    """Describe the prompt of a node, as the beginning of a branch."""
    return gemchain.prompt(**_arguments(node, None))


def _arguments(node, key):
    callback = None if node.callback is None else globals()[node.callback]
    on_error = None if node.rescue is None else rescue
    return {
        "request": node.text,
        "model": node.model,
        "callback": callback,
        "on_error": on_error,
        "params": None if callback is None and on_error is None else {"node": node.id},
        "key": key,
        "accept": ["blocked"] if node.accepts and callback is not None else (),
        "max_attempts": node.max_attempts,
        "priority": node.priority,
        "deadline": None if node.deadline is None else timedelta(seconds=node.deadline),
        "labels": {"node": node.id},
    }


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
    return _run(name, node.then, response.text)


def _run(name, then, value):
    identity = gemchain.current().prompt_id
    run = world.runs[identity] = world.runs.get(identity, 0) + 1
    world.scheduler.note("callback", (name, identity, run))
    raises = run <= then.raises or world.strikes("callback_raises")
    if raises and world.random.random() < 0.5:
        raise MoodError(f"before anything, at run {run}")
    if then.starts is not None:
        gemchain.start(begin, program=then.starts)
    children = fickle(then.children, run) if then.fickle else then.children
    for child in children:
        submit(world.plan.nodes[child], key=f"key of {child}" if then.keyed else None)
    if raises:
        raise MoodError(f"after all, at run {run}")
    world.declared.setdefault(identity, []).append(tuple(children))
    return {"node": name, "value": value, "run": run if then.fickle else 0}


def fickle(children, run):
    """Other children each time: turned round, and every other time one less."""
    turned = children[run % len(children) :] + children[: run % len(children)] if children else []
    return turned[1:] if run % 2 == 0 else turned
