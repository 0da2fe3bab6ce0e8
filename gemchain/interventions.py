"""What a person does to a chain under way: cancel it, send its stuck prompts back, give it a value.

Crash story of `cancel_chain`. A chain that never forked has exactly one prompt in progress: one commit
cancels both, so it wins or loses against the callback as a whole. In a forked chain the first
commit cancels the chain together with one of its prompts and marks that prompt `unsettled`; the
others follow one by one until a query after the last commit finds nothing open. Whoever dies in
between leaves the mark, by which the sweep carries on. A callback that commits meanwhile loses
its parent to the cancel, or adds children that the next query finds.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gemchain import values
from gemchain.errors import ChainNotFoundError, InvalidInputError
from gemchain.grouping import grouped
from gemchain.identity import random_id
from gemchain.ports import Store
from gemchain.records import Chain, ChainMove, Move, Progress, Prompt, Unit, Verdict
from gemchain.runtime import Runtime
from gemchain.states import UNFINISHED_PROMPT, ChainState, PromptState

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
            unit = _first_cancel(store, chain_id, prompts)
            cancelled = store.commit([unit]) == [Verdict.APPLIED]
            continue
        if chain.state is not ChainState.CANCELLED or not prompts:
            return cancelled
        now = store.now()
        for group in grouped(prompts, GROUP):
            store.commit([Unit(token=random_id("u"), moves=(_cancelled(each, now),)) for each in group])


def _first_cancel(store: Store, chain_id: str, prompts: Sequence[Prompt]) -> Unit:
    now = store.now()
    ending = ChainMove(chain_id, ChainState.RUNNING, ChainState.CANCELLED, ended_at=now)
    moves = tuple(_cancelled(each, now, unsettled=len(prompts) > 1) for each in prompts[:1])
    return Unit(token=random_id("u"), moves=moves, ending=ending)


def _cancelled(prompt: Prompt, now: datetime, *, unsettled: bool = False) -> Move:
    after = replace(prompt.progress, state=PromptState.CANCELLED, ended_at=now, unsettled=unsettled)
    return Move(prompt, after)


def retry_prompts(runtime: Runtime, prompts: Sequence[Prompt]) -> int:
    """Send FAILED and PARKED prompts back to work.

    A prompt whose answer is safe only runs its callback again and pays nothing; any other is sent
    again, with all its attempts. Its chain, and the joins around it, if they had failed, run again. A
    prompt inside a join that has gone on without it stays as it is: nobody waits for it any more. So does a
    branch of an async chain that raised before it awaited anything: there is nothing of it to run again.

    Returns:
        How many prompts went back; those that somebody else moved first are not counted.
    """
    store, done = runtime.store, 0
    again = [each for each in prompts if each.kind != "value"]
    for prompt in sorted(again, key=lambda each: each.path.count("."), reverse=True):
        chain = store.chains([prompt.chain_id])[prompt.chain_id]
        joins = _joins_around(store, prompt)
        if joins is not None and chain.state in (ChainState.RUNNING, ChainState.FAILED):
            unit = _retry_unit(prompt, joins, chain)
            if store.commit([unit]) == [Verdict.APPLIED]:
                done += sum(move.after.state is not move.prompt.progress.state for move in unit.moves)
            _revive(store, prompt.chain_id)
    runtime.waker.hurry()
    return done


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
    """The prompt's move, and in the same commit those of its joins.

    A join that still waits is moved as well, to where it stands: whoever is just adding up its branches
    then finds it changed, and does not go on without this one.
    """
    revive = ChainMove(chain.id, ChainState.FAILED, ChainState.RUNNING)
    around = [
        Move(each, each.progress if each.progress.state is PromptState.WAITING else _retried(each))
        for each in joins
    ]
    return Unit(
        token=random_id("u"),
        moves=(Move(prompt, _retried(prompt)), *around),
        ending=revive if chain.state is ChainState.FAILED else None,
    )


def _retried(prompt: Prompt) -> Progress:
    progress = prompt.progress
    reason = progress.failure.reason if progress.failure else ""
    fresh = replace(progress, callback_attempts=0, not_before_at=None, ended_at=None, unsettled=False)
    if prompt.kind == "wait" and progress.result is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)  # nobody is asked a second time
    if prompt.kind != "generate":
        return replace(fresh, state=PromptState.WAITING, failure=None, unsettled=True)
    if progress.answer is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)
    return replace(fresh, state=PromptState.QUEUED, attempt=1, batch_id=None, answer=None, failure=None)


def _revive(store: Store, chain_id: str) -> None:
    """A forked chain may have been ended as FAILED while its prompt went back to work: undo that."""
    chain = store.chains([chain_id])[chain_id]
    if chain.state is ChainState.FAILED and store.has_open(chain_id):
        store.commit(
            [Unit(token=random_id("u"), ending=ChainMove(chain_id, ChainState.FAILED, ChainState.RUNNING))]
        )


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
    after = replace(prompt.progress, state=PromptState.ANSWERED, result=_packed(value))
    if store.commit([Unit(token=random_id("u"), moves=(Move(prompt, after),))]) != [Verdict.APPLIED]:
        raise ChainNotFoundError(f"chain {chain_id} was resumed, or cancelled, by somebody else just now")
    runtime.waker.hurry()


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
        return values.pack(value)
    except TypeError as error:
        raise InvalidInputError(f"the value must be JSON: {error}") from error
