"""People: they start chains, again and under keys, resume, cancel, retry, stop batches, and deploy."""

import gemchain
from gemchain.api.chains import Chain
from gemchain.engine.operations.cancel_batch import cancel_batch
from gemchain.errors import ChainNotFoundError, InvalidInputError, ProviderError
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.runtime import active
from tests.simulation import callbacks, programs
from tests.simulation.engines import guarded, nap
from tests.simulation.scheduler import Violation

FURTHER = {f"{callbacks.__name__}:{name}" for name in ("carry_further", "joined_further", "told_further")} | {
    f"{programs.NAME}:further@1"
}
"""What some deploys lack."""

OLD, ANEW = f"{programs.NAME}:run@1", f"{programs.NAME}:run@2"
DEPLOYS = ({ANEW}, set(), {OLD}, FURTHER | {ANEW}, FURTHER, FURTHER | {OLD})
"""What each deploy lacks: the first has no second version yet, a hasty one has no first any more."""


def draw_errands(random, plan, roots):
    """What one person will do, in order."""
    errands = []
    for program in roots:
        how = random.choice(("start", "start", "many"))
        key = random.choice((None, "key", "key"))
        errands += [(how, program, key)] * (random.choice((1, 1, 2)) if key else 1)
    lone = [name for name, node in plan.nodes.items() if node.callback == "carry_on" and not node.by_value]
    if lone and random.random() < 0.4:
        errands += [("submit", random.choice(lone), "key")] * random.choice((1, 2))
    waits = any(each.waits for each in plan.nodes.values()) or plan.bodies
    errands += [("resume",)] * (random.randrange(4) if waits else 0)
    for what, chance in (("cancel", 0.3), ("retry", 0.6), ("deploy", 0.25), ("stop", 0.15)):
        if random.random() < chance:
            errands += [(what,)] * (2 if what == "deploy" else 1)
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


def _key(program, key):
    return None if key is None else f"{key} {program}"


def _start(world, program, key):
    function = programs.function_of(world, program)
    chain = gemchain.start(function, key=_key(program, key), program=program)
    return _recorded(world, chain.id)


def _start_many(world, program, key):
    function = programs.function_of(world, program)
    rows = [{"program": program}] * 2
    chains = gemchain.start_many(function, rows, key and (lambda row: _key(row["program"], key)))
    return [_recorded(world, each.id) for each in chains]


def _submit(world, node, key):
    handle = gemchain.submit(**callbacks.arguments(world.plan.nodes[node], _key(node, key)))
    return _recorded(world, handle.chain_id)


def _recorded(world, chain_id):
    if chain_id not in world.checker.chains:
        raise Violation("what start accepts is recorded", chain_id)
    return True


def _cancel(world):
    if world.checker.chains:
        chain_id = world.random.choice(sorted(world.checker.chains))
        Chain(chain_id).cancel()
        world.checker.on_cancelled(chain_id)
    return True


def _retry(world):
    """Somebody looks at what failed, or just tries."""
    nap(world, world.random.choice((0, 60)))
    chains = world.checker.chains
    failed = [name for name, each in chains.items() if each.state is ChainState.FAILED]
    if chains:
        likely = failed and world.random.random() < 0.8
        Chain(world.random.choice(sorted(failed if likely else chains))).retry()
    return True


def _resume(world):
    """Look for somebody who waits, take one's time, and say something."""
    waiting = [
        each
        for each in world.checker.prompts.values()
        if each.kind == "wait" and each.progress.state is PromptState.WAITING
    ]
    if waiting:
        chosen = world.random.choice(sorted(waiting, key=lambda each: each.id))
        nap(world, world.random.choice((0, 30)))
        for _ in range(world.random.choice((1, 2))):
            resume(world, chosen)
    return True


def resume(world, prompt):
    """Give a wait a word of one's own; somebody else may have been faster."""
    word = f"word {len(world.said)}"
    world.said.add(word)
    try:
        gemchain.resume(prompt.chain_id, word, name=prompt.key)
    except ChainNotFoundError:
        world.scheduler.note("resumed by somebody else")
        return
    if world.checker.resumed.get(prompt.id) != word:
        raise Violation("what resume accepts is what the chain hears", f"{prompt.id} did not hear {word!r}")


def _stop(world):
    """Stop the job of some batch."""
    sent = [name for name, each in world.checker.batches.items() if each.state is BatchState.SENT]
    if sent:
        try:
            cancel_batch(active(), world.random.choice(sorted(sent)))
        except (InvalidInputError, ProviderError) as error:
            world.scheduler.note("not stopped", str(error))
    return True


def _deploy(world):
    world.missing = set(world.random.choice(DEPLOYS))
    world.scheduler.note("deploy", f"lacks {sorted(world.missing)}")
    return True


ERRANDS = {
    "start": _start,
    "many": _start_many,
    "submit": _submit,
    "resume": _resume,
    "cancel": _cancel,
    "retry": _retry,
    "stop": _stop,
    "deploy": _deploy,
}
