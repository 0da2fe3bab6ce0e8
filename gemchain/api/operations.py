"""Operations on a chain that runs: cancel it, retry its prompts, give a wait its value.

Crash story of `cancel_chain`. A chain that never forked has exactly one prompt in progress: one commit
cancels both, so it wins or loses against the callback as a whole. In a forked chain the first
commit cancels the chain together with one of its prompts and marks that prompt `unsettled`; the
others follow one by one until a query after the last commit finds nothing open. A process that dies in
between leaves the mark, by which the sweep carries on. A callback that commits meanwhile loses
its parent to the cancel, or adds children that the next query finds.

Crash story of `retry_prompts`. Each prompt goes back by one commit, together with the joins and the chain
around it, of the versions that were read. A process that dies in between has sent back those before, and the
next retry finds the others as they were. What ends or cancels the chain at the same moment conflicts with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gemchain.base.chunks import chunked
from gemchain.base.plain import Rules, how_it_changes
from gemchain.durable import values
from gemchain.errors import ChainNotFoundError, InvalidInputError
from gemchain.formats.response import Response
from gemchain.ports import Store
from gemchain.records import Chain, ChainMove, Move, Progress, Prompt, Unit, Verdict
from gemchain.records.identity import random_id
from gemchain.records.states import UNFINISHED_PROMPT, ChainState, PromptState
from gemchain.runtime import Runtime

__all__ = ["cancel_chain", "resume_chain", "retry_prompts"]


GROUP = 500


_HOLDING = frozenset({PromptState.WAITING, PromptState.FAILED, PromptState.PARKED})
"""States in which a join has handed nothing over yet, or can take it back."""


CALLBACK_ONLY = frozenset({"callback", "raised", "unresolved", "diverged", "aborted"})
"""Failures after which the answer is still good: a retry runs the callback again and pays nothing."""


def cancel_chain(store: Store, chain_id: str) -> bool:
    """Cancel a chain and everything open in it; see the crash story above. Safe to run again."""
    cancelled = False
    while True:
        # In this order: a retry between the two is seen as one more prompt, and not as a chain without any.
        chain = store.chains([chain_id])[chain_id]
        prompts = [each for each in store.chain_prompts(chain_id) if each.progress.state in UNFINISHED_PROMPT]
        if chain.state is ChainState.RUNNING:
            unit = _first_cancel(store, chain, prompts)
            cancelled = store.commit([unit]) == [Verdict.APPLIED]
            continue
        if chain.state is not ChainState.CANCELLED or not prompts:
            return cancelled
        now = store.now()
        for group in chunked(prompts, GROUP):
            store.commit([Unit(token=random_id("u"), moves=(_cancelled(each, now),)) for each in group])


def _first_cancel(store: Store, chain: Chain, prompts: Sequence[Prompt]) -> Unit:
    now = store.now()
    ending = ChainMove(
        chain.id,
        ChainState.RUNNING,
        ChainState.CANCELLED,
        ended_at=now,
        version=chain.version,
        owner=chain.owner,
    )
    moves = tuple(_cancelled(each, now, unsettled=len(prompts) > 1) for each in prompts[:1])
    return Unit(token=random_id("u"), moves=moves, ending=ending)


def _cancelled(prompt: Prompt, now: datetime, *, unsettled: bool = False) -> Move:
    after = replace(prompt.progress, state=PromptState.CANCELLED, ended_at=now, unsettled=unsettled)
    return Move(prompt, after)


def retry_prompts(runtime: Runtime, prompts: Sequence[Prompt]) -> int:
    """Send FAILED and PARKED prompts back to work.

    A prompt whose answer is safe only runs its callback again and pays nothing; any other is sent
    again, with all its attempts. Its chain, and the joins around it, if they had failed, run again. A
    prompt inside a join that has gone on without it stays as it is: nothing waits for it any more. So does a
    branch of an async chain that raised before it awaited anything: there is nothing of it to run again.

    Returns:
        How many prompts went back; those that another process moved first are not counted.
    """
    again = [each for each in prompts if each.kind != "value"]
    again.sort(key=lambda each: each.path.count("."), reverse=True)
    done = sum(_retry(runtime.store, prompt) for prompt in again)
    runtime.waker.hurry()
    return done


def _retry(store: Store, prompt: Prompt) -> int:
    """Send one prompt back, and with it the joins around it; returns how many went.

    Its chain, or a join around it, may move while this looks at them: then it looks again.
    """
    while True:
        chain = store.chains([prompt.chain_id])[prompt.chain_id]
        joins = _joins_around(store, prompt)
        if joins is None or chain.state not in (ChainState.RUNNING, ChainState.FAILED):
            return 0
        unit = _retry_unit(prompt, joins, chain)
        if store.commit([unit]) == [Verdict.APPLIED]:
            return sum(move.after.state is not move.prompt.progress.state for move in unit.moves)
        found = store.prompts([prompt.id]).get(prompt.id)
        if found is None or _stands(found) != _stands(prompt):
            return 0
        prompt = found


def _stands(prompt: Prompt) -> Progress:
    """How a prompt stands, whether it is marked or not: the sweep clears marks at any time."""
    return replace(prompt.progress, unsettled=False)


def _joins_around(store: Store, prompt: Prompt) -> list[Prompt] | None:
    """The joins that a prompt lies in, innermost first; None when one of them has gone on."""
    joins: list[Prompt] = []
    inner = prompt
    while inner.join_id is not None:
        inner = store.prompts([inner.join_id])[inner.join_id]
        if inner.progress.state not in _HOLDING:
            return None
        joins.append(inner)
    return joins


def _retry_unit(prompt: Prompt, joins: Sequence[Prompt], chain: Chain) -> Unit:
    """The prompt's move, and in the same commit those of its joins and its chain.

    A join that still waits, and a chain that still runs and has other prompts, are moved as well, to where
    they stand. A process that reads their members just now, or cancels the chain, then conflicts and does not
    go on without this prompt.
    """
    revived = ChainMove(chain.id, chain.state, ChainState.RUNNING, version=chain.version, owner=chain.owner)
    is_alone = not prompt.forked and prompt.join_id is None
    around = [
        Move(each, each.progress if each.progress.state is PromptState.WAITING else _retried(each))
        for each in joins
    ]
    return Unit(
        token=random_id("u"),
        moves=(Move(prompt, _retried(prompt)), *around),
        ending=None if is_alone and chain.state is ChainState.RUNNING else revived,
    )


def _retried(prompt: Prompt) -> Progress:
    progress = prompt.progress
    reason = progress.failure.reason if progress.failure else ""
    fresh = replace(progress, callback_attempts=0, not_before_at=None, ended_at=None, unsettled=False)
    if prompt.kind == "wait" and progress.result is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)  # nobody is asked twice
    if not prompt.is_sent:
        return replace(fresh, state=PromptState.WAITING, failure=None, unsettled=True)
    if progress.answer is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)
    return replace(fresh, state=PromptState.QUEUED, attempt=1, batch_id=None, answer=None, failure=None)


def resume_chain(runtime: Runtime, chain_id: str, value: Any, name: str | None) -> None:
    """Give a chain the value that it waits for, by one commit: of two callers one is refused.

    Raises:
        ChainNotFoundError: No such chain, or none of its waits has this name and still waits.
        InvalidInputError: It waits for several things and no name was given, or the value is not JSON.
    """
    store = runtime.store
    if chain_id not in store.chains([chain_id]):
        raise ChainNotFoundError(f"there is no chain {chain_id!r} in this state")
    waiting = _waits(store, chain_id, name)
    if not waiting:
        which = "for nothing that resume() could bring" if name is None else f"for nothing called {name!r}"
        raise ChainNotFoundError(f"chain {chain_id} waits {which}; it may have been resumed already")
    if len(waiting) > 1:
        names = ", ".join(sorted(repr(each.key) for each in waiting))
        raise InvalidInputError(f"chain {chain_id} waits for several things: {names}; say which by name=")
    (prompt,) = waiting
    packed = _packed(value)
    while not _answer(store, prompt, packed):
        found = store.prompts([prompt.id]).get(prompt.id)
        if found is None or _stands(found) != _stands(prompt):
            raise ChainNotFoundError(f"chain {chain_id} was resumed, or cancelled, by somebody else just now")
        prompt = found
    runtime.waker.hurry()


def _answer(store: Store, prompt: Prompt, packed: str) -> bool:
    """Give a wait its value; False when it moved, or lost its mark, since it was read."""
    after = replace(prompt.progress, state=PromptState.ANSWERED, result=packed)
    return store.commit([Unit(token=random_id("u"), moves=(Move(prompt, after),))]) == [Verdict.APPLIED]


def _waits(store: Store, chain_id: str, name: str | None) -> list[Prompt]:
    return [
        each
        for each in store.chain_prompts(chain_id)
        if each.kind == "wait"
        and each.progress.state is PromptState.WAITING
        and (name is None or each.key == name)
    ]


def _packed(value: Any) -> str:
    try:
        packed = values.pack(value)
    except TypeError as error:
        because = how_it_changes(value, "the value", Rules(tuples=True)) or error
        raise InvalidInputError(f"the value must be JSON: {because}") from error
    kept = isinstance(value, Response | Exception)  # these come back as what they are
    changed = None if kept else how_it_changes(value, "the value", Rules(tuples=True))
    if changed is not None:
        raise InvalidInputError(changed)
    return packed
