"""What a chain must look like in the end, from what became of each prompt. Pure, and written anew.

The facts that faults decide (answered, failed, cancelled) are taken from the records; everything else
(which prompts exist, under which ids, whether the chain is over, and with which value) follows from
the plan.
"""

import json
from dataclasses import dataclass

from gemchain.records.identity import branch_id, child_id, join_id, keyed_child_id
from gemchain.records.states import ChainState, PromptState
from tests.simulation.scheduler import Violation
from tests.simulation.service import BLOCKED, answer_to

PASSING = {"missing", "job", "error", "empty", "invalid", "unwanted", "rate"}
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
    roots = _roots(world, chain)
    seen = _check_family(world, chain.id, None, roots, below.get(None, {}), keyed=False)
    for prompt in prompts:
        ended = _ended(world, prompt)
        then = _then(world, prompt)
        keyed = ended.children is not None and then.keyed
        seen += _check_family(
            world, prompt.id, prompt, ended.children or [], below.get(prompt.id, {}), keyed=keyed
        )
    if seen != len(prompts):
        raise Violation("no prompt without a parent", f"chain {chain.id}: {len(prompts)} instead of {seen}")
    _check_end(world, chain, _leaves(world, [each for each in prompts if each.join_id is None]))


def _roots(world, chain):
    """The nodes that a chain begins with: those of its program, or the one that was submitted by itself."""
    if chain.labels is not None:
        return [json.loads(chain.labels)["node"]]
    return world.plan.programs[json.loads(chain.args)["params"]["program"]]


def _leaves(world, prompts):
    """The last prompts of every branch, in the order of their places, each with its end."""
    parents = {each.parent_id for each in prompts}
    found = [(each, _ended(world, each)) for each in prompts if each.id not in parents]
    return sorted(found, key=lambda pair: [int(number) for number in pair[0].path.split(".")])


def branch_values(world, join_id):
    """The values of a join's branches, failures as `{"error": reason}`, from what the records say now."""
    members = [each for each in world.checker.prompts.values() if each.join_id == join_id]
    count = len(world.node_of(world.checker.prompts[join_id]).branches)
    values = []
    for index in range(count):
        leaves = _leaves(world, [each for each in members if each.branch == index])
        ends = [
            ended.value if ended.failure is None else {"error": ended.failure.reason} for _, ended in leaves
        ]
        failed = [each for (_, ended), each in zip(leaves, ends, strict=True) if ended.failure is not None]
        values.append(failed[0] if failed else ends[0] if len(ends) == 1 else ends)
    return values


def _child(parent_id, index, name, node, *, keyed):
    if node.branches is not None:
        return join_id(parent_id, index)
    keyed = keyed and not node.waits
    return keyed_child_id(parent_id, f"key of {name}") if keyed else child_id(parent_id, index)


def _check_family(world, parent_id, parent, nodes, found, *, keyed):
    """The children of one parent are exactly those of the plan, under derived ids."""
    plan = world.plan.nodes
    expected = {
        _child(parent_id, index, name, plan[name], keyed=keyed): name for index, name in enumerate(nodes)
    }
    branches = plan[world.node_of(parent).id].branches if parent is not None else None
    begun = {branch_id(parent_id, index): name for index, name in enumerate(branches or [])}
    expected |= begun
    actual = {identity: world.node_of(prompt).id for identity, prompt in found.items()}
    if actual != expected:
        raise Violation("the prompts are those that were declared", f"{parent_id}: {actual}, not {expected}")
    several = len(nodes) > 1 or (parent is not None and parent.forked)
    for prompt in found.values():
        if prompt.forked is not (several or prompt.id in begun):
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
            if node.branches is not None:
                return _declared(world, node, node.then, prompt, branch_values(world, prompt.id))
            if node.waits:
                return _declared(world, node, node.then, prompt, world.checker.resumed[prompt.id])
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
    if _is_mood(world, node, failure):
        return
    if node.branches is not None:
        errors = [each["error"] for each in branch_values(world, prompt.id) if _is_error(each)]
        if node.collects or errors[:1] != [failure.reason]:
            raise Violation(
                "a join fails with its first branch that did", f"{prompt.id}: {failure}, {errors}"
            )
        return
    check_cause(world, node, prompt, failure)


def _is_mood(world, node, failure):
    """Whether a function of the node may have failed so by itself."""
    moods = {each.mood for each in (node.then, node.rescue) if each is not None and each.raises}
    match failure.reason:
        case "callback":
            return "raise" in moods or world.rates.callback_raises > 0
        case "aborted":
            return "abort" in moods
        case "unwanted":
            return "again" in moods
    return False


def check_cause(world, node, prompt, failure):
    """A prompt gets no answer only for a reason, and for a passing one only after all its attempts."""
    allowed = {
        "blocked": node.doomed == "blocked",
        "deadline": node.deadline is not None,
        "rejected": world.rates.job_rejected > 0 or world.rates.job_forgotten > 0,
    }
    if failure.reason in PASSING:
        attempts = prompt.progress.attempt
        allowed[failure.reason] = attempts >= prompt.max_attempts or node.deadline is not None
    if failure.reason == "unwanted" and not node.picks:
        allowed["unwanted"] = False
    if failure.reason == node.doomed or (node.doomed == "error" and failure.reason == "rejected"):
        return  # a single request tells more than a row of a batch
    if not allowed.get(failure.reason):
        raise Violation(
            "a prompt fails only for cause", f"{prompt.id} ({node.text}): {failure.reason}, {failure.message}"
        )


def _is_error(value):
    return isinstance(value, dict) and value.keys() == {"error"}


def _check_end(world, chain, leaves):
    if chain.id in world.checker.cancelled:
        if chain.state is not ChainState.CANCELLED:
            raise Violation("a cancelled chain stays so", f"{chain.id} is {chain.state}")
        return
    failures = [ended.failure for _, ended in leaves if ended.failure is not None]
    if failures:
        if chain.state is not ChainState.FAILED or chain.failure != failures[0]:
            raise Violation("a chain fails with its first failure", f"{chain}, {failures}")
        return
    if chain.state is not ChainState.DONE:
        raise Violation("a chain ends as its prompts say", f"{chain.id} is {chain.state}, nothing failed")
    if leaves:
        values = [ended.value for _, ended in leaves]
        value = values[0] if len(values) == 1 else values
        if json.loads(chain.result) != value:
            raise Violation("the result is the model's", f"{chain.id}: {chain.result}, not {value}")
