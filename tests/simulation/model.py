"""What a chain must look like in the end, from what became of each prompt. Pure, and written anew.

The facts that faults decide (answered, failed, cancelled) are taken from the records; everything else
(which prompts exist, under which ids, whether the chain is over, and with which value) follows from
the plan.
"""

import json
from dataclasses import dataclass

from gemchain.identity import child_id, keyed_child_id
from gemchain.states import ChainState, PromptState
from tests.simulation.scheduler import Violation
from tests.simulation.service import BLOCKED, answer_to

PASSING = {"missing", "job", "error", "empty", "invalid"}
"""Reasons that leave no answer only after every attempt."""


@dataclass(slots=True)
class Ended:
    """How one prompt ended, and what it led to."""

    children: list[str] | None
    value: object = None
    failure: object = None


def check_chain(world, chain, prompts):
    """Compare a chain that has ended with what the plan makes of it."""
    below = {}
    for prompt in prompts:
        below.setdefault(prompt.parent_id, {})[prompt.id] = prompt
    roots = world.plan.programs[json.loads(chain.args)["params"]["program"]]
    seen = _check_family(world, chain.id, None, roots, below.get(None, {}), keyed=False)
    leaves = []
    for prompt in prompts:
        ended = _ended(world, prompt)
        own = below.get(prompt.id, {})
        if ended.children is not None:
            then = _then(world, prompt)
            seen += _check_family(world, prompt.id, prompt, ended.children, own, keyed=then.keyed)
        elif own:
            raise Violation("only handled prompts have children", f"{prompt.id} is {prompt.progress.state}")
        if not own:
            leaves.append((prompt, ended))
    if seen != len(prompts):
        raise Violation("no prompt without a parent", f"chain {chain.id}: {len(prompts)} instead of {seen}")
    _check_end(world, chain, leaves, forked=any(each.forked for each in prompts))


def _check_family(world, parent_id, parent, nodes, found, *, keyed):
    """The children of one parent are exactly those of the plan, under derived ids."""
    make = (lambda _, node: keyed_child_id(parent_id, f"key of {node}")) if keyed else None
    expected = {
        (make or (lambda index, _: child_id(parent_id, index)))(index, node): node
        for index, node in enumerate(nodes)
    }
    actual = {identity: world.node_of(prompt).id for identity, prompt in found.items()}
    if actual != expected:
        raise Violation("the prompts are those that were declared", f"{parent_id}: {actual}, not {expected}")
    several = len(nodes) > 1 or (parent is not None and parent.forked)
    for prompt in found.values():
        if prompt.forked is not several:
            raise Violation("a branch knows that it is one", f"{prompt.id} of {parent_id}")
    return len(expected)


def _then(world, prompt):
    node = world.node_of(prompt)
    return node.then if prompt.progress.failure is None else node.rescue


def _ended(world, prompt):
    """What the plan makes of a prompt's end; raises when the plan does not allow that end."""
    node, progress = world.node_of(prompt), prompt.progress
    failure = progress.failure
    match progress.state:
        case PromptState.CANCELLED:
            return Ended(None)
        case PromptState.FAILED:
            _check_failure(world, node, prompt, failure)
            return Ended(None, failure=failure)
        case PromptState.DONE if failure is None:
            if node.doomed:
                raise Violation("a doomed prompt gets no answer", f"{prompt.id} ({node.text})")
            return _answered(world, node, prompt)
        case PromptState.DONE:
            _check_failure(world, node, prompt, failure)
            return _rescued(world, node, prompt, failure)
    raise Violation("every prompt ends", f"{prompt.id} is {progress.state}")


def _answered(world, node, prompt):
    text = "" if node.text.startswith(BLOCKED) else answer_to(node.text)
    if node.callback is None:
        return Ended([], text)
    return _declared(world, node, node.then, prompt, text)


def _rescued(world, node, prompt, failure):
    if node.rescue is None:
        raise Violation("only a rescue ends a failure as DONE", f"{prompt.id}")
    return _declared(world, node, node.rescue, prompt, failure.reason)


def _declared(world, node, then, prompt, value):
    """A fickle callback may have declared anything that one of its runs did."""
    if then.fickle:
        children, run = world.checker.winners[prompt.id]
        return Ended(list(children), {"node": node.id, "value": value, "run": run})
    return Ended(then.children, {"node": node.id, "value": value, "run": 0})


def _check_failure(world, node, prompt, failure):
    """A prompt fails only for a reason, and for a passing one only after all its attempts."""
    if failure is None or not failure.message:
        raise Violation("no silent end", f"{prompt.id} is {prompt.progress.state} without a reason")
    then = node.rescue if node.doomed else node.then
    allowed = {
        "callback": bool((then and then.raises) or (node.rescue and node.rescue.raises))
        or world.rates.callback_raises > 0,
        "blocked": node.doomed == "blocked",
        "deadline": node.deadline is not None,
        "rejected": world.rates.job_rejected > 0 or world.rates.job_forgotten > 0,
    }
    if failure.reason in PASSING:
        attempts = prompt.progress.attempt
        allowed[failure.reason] = attempts >= prompt.max_attempts or node.deadline is not None
    if failure.reason == node.doomed:
        return
    if not allowed.get(failure.reason):
        raise Violation(
            "a prompt fails only for cause", f"{prompt.id} ({node.text}): {failure.reason}, {failure.message}"
        )


def _check_end(world, chain, leaves, *, forked):
    if chain.id in world.checker.cancelled:
        if chain.state is not ChainState.CANCELLED:
            raise Violation("a cancelled chain stays so", f"{chain.id} is {chain.state}")
        return
    leaves.sort(key=lambda each: [int(number) for number in each[0].path.split(".")])
    failures = [ended.failure for _, ended in leaves if ended.failure is not None]
    if failures:
        if chain.state is not ChainState.FAILED or chain.failure != failures[0]:
            raise Violation("a chain fails with its first failure", f"{chain}, {failures}")
        return
    if chain.state is not ChainState.DONE:
        raise Violation("a chain ends as its prompts say", f"{chain.id} is {chain.state}, nothing failed")
    if leaves:
        values = [ended.value for _, ended in leaves]
        value = values if forked else values[0]
        if json.loads(chain.result) != value:
            raise Violation("the result is the model's", f"{chain.id}: {chain.result}, not {value}")
