"""Forks: a new chain that keeps the answers of another one up to a prompt, and goes on from there anew.

The kept prompts are copied as they ended, their answers staying where they lie, so nothing of them is
sent or paid again. All of it is one commit: a process that dies left no chain, or the whole one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gemchain.api.operations import cancel_chain
from gemchain.errors import ChainNotFoundError, InvalidInputError
from gemchain.records import NO_USAGE, Chain, Draft, Progress, Prompt, Unit
from gemchain.records.identity import placed_id, random_id
from gemchain.records.retry_policy import without_deadline
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.runtime import Runtime

__all__ = ["fork_chain"]


def fork_chain(runtime: Runtime, chain_id: str, from_prompt: str) -> str:
    """Start a chain from the middle of another.

    Args:
        runtime: Where the chain is.
        chain_id: The chain to fork. It stays as it is.
        from_prompt: The prompt to send anew; what does not depend on it is kept.

    Returns:
        The id of the new chain.

    Raises:
        ChainNotFoundError: The chain has no such prompt.
        InvalidInputError: Some of its prompts are still under way, or the prompt sends nothing.
    """
    prompts = {each.id: each for each in runtime.store.chain_prompts(chain_id)}
    first = prompts.get(from_prompt)
    if first is None:
        raise ChainNotFoundError(f"chain {chain_id} has no prompt {from_prompt}")
    if not first.is_sent:
        raise InvalidInputError(f"{from_prompt} sends nothing; fork from a prompt that does")
    if any(each.progress.state in OPEN_PROMPT for each in prompts.values()):
        raise InvalidInputError(f"chain {chain_id} is still under way; wait for its end, or cancel it")
    identity = random_id("c")
    kept = _kept_of_program(prompts, first) if first.durable else _kept(prompts, first)
    runtime.store.commit([_unit(runtime, chain_id, identity, kept, first)])
    # Whose prompts are all there now was not being removed: from here on the fork keeps the answers.
    if len(runtime.store.prompts(list(kept))) < len(kept):
        cancel_chain(runtime.store, identity)
        raise ChainNotFoundError(f"chain {chain_id} was removed (`gemchain gc`) while it was being forked")
    runtime.waker.hurry()
    return identity


def _unit(runtime: Runtime, chain_id: str, identity: str, kept: dict[str, Prompt], first: Prompt) -> Unit:
    now = runtime.clock.now()
    old = runtime.store.chains([chain_id])[chain_id]
    chain = Chain(
        id=identity,
        function=old.function,
        owner=old.owner,
        args=old.args,
        code_version=old.code_version,
        labels=old.labels,
        budget=old.budget,
        created_at=old.created_at,
        state=ChainState.RUNNING,
    )
    ids = {each.id: _new_id(identity, each) for each in kept.values()}
    requests = runtime.store.requests(list(kept))
    waiting = set(_joins_around(kept, first))
    copies = [_copy(each, identity, ids, _progress(each, first, waiting)) for each in kept.values()]
    drafts = [
        Draft(copy if copy.id != ids[first.id] else replace(copy, created_at=now), requests[old_id])
        for old_id, copy in zip(kept, copies, strict=True)
    ]
    return Unit(token=random_id("u"), chain=chain, drafts=tuple(drafts))


def _new_id(identity: str, prompt: Prompt) -> str:
    kind = prompt.id[0]
    place = prompt.path if prompt.durable else f"copy of {prompt.id}"
    return placed_id(kind, identity, place)


def _copy(prompt: Prompt, identity: str, ids: dict[str, str], progress: Progress) -> Prompt:
    return replace(
        prompt,
        id=ids[prompt.id],
        chain_id=identity,
        parent_id=None if prompt.parent_id is None else ids.get(prompt.parent_id),
        join_id=None if prompt.join_id is None else ids[prompt.join_id],
        deadline_at=None,
        rules=without_deadline(prompt.rules),
        progress=progress,
        version=0,
    )


def _progress(prompt: Prompt, first: Prompt, waiting: set[str]) -> Progress:
    """As it ended; the prompt to send anew is queued, and the joins around it wait again."""
    if prompt.id == first.id:
        return Progress()
    if prompt.id in waiting:
        return Progress(PromptState.WAITING)
    return replace(prompt.progress, usage=NO_USAGE, unsettled=False)


def _joins_around(prompts: dict[str, Prompt], first: Prompt) -> Iterable[str]:
    join_id = first.join_id
    while join_id is not None:
        yield join_id
        join_id = prompts[join_id].join_id


def _kept(prompts: dict[str, Prompt], first: Prompt) -> dict[str, Prompt]:
    """All but what follows the prompt, and what follows the joins around it."""
    gone = set(_below(prompts, [first.id]))
    for join_id in _joins_around(prompts, first):
        inside = {each.id for each in prompts.values() if each.join_id == join_id}
        after = [each.id for each in prompts.values() if each.parent_id == join_id and each.id not in inside]
        gone |= {*after, *_below(prompts, after)}
    return {each.id: each for each in prompts.values() if each.id not in gone}


def _below(prompts: dict[str, Prompt], roots: Sequence[str]) -> set[str]:
    found: set[str] = set()
    level = set(roots)
    while level:
        level = {each.id for each in prompts.values() if each.parent_id in level} - found
        found |= level
    return found


def _kept_of_program(prompts: dict[str, Prompt], first: Prompt) -> dict[str, Prompt]:
    """All that the program awaited before, and what runs beside it in other branches of a gather."""
    target = _steps(first)
    return {each.id: each for each in prompts.values() if not _comes_after(_steps(each), target)}


def _steps(prompt: Prompt) -> tuple[int, ...]:
    return tuple(map(int, prompt.path.split(".")))


def _comes_after(place: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a place is reached only after the target: counters and branches take turns in a place."""
    for index, (mine, its) in enumerate(zip(place, target, strict=False)):
        if mine != its:
            return index % 2 == 0 and mine > its
    return len(place) > len(target)
