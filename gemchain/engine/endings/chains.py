"""Endings of joins and forked chains: read from the store by each process that may have caused one.

Crash story. `settle` asks the store, after one's own commit, whether anything in the chain or the join is
open. Two processes that ask at once compute the same values, and one compare-and-set wins. A join fires in
the same commit that creates what follows it. The loser looks at the scope around the join as well, since the
winner may have died. A prompt that was sent back meanwhile keeps its scope open: its own end brings the next
look.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from gemchain.api.operations import cancel_chain
from gemchain.engine.answers.branches import chain_end
from gemchain.engine.answers.delivery import Delivery, Outcome, deliver
from gemchain.engine.answers.stored import join_outcome
from gemchain.records import Chain, ChainMove, Failure, Prompt, Unit, Verdict
from gemchain.records.damage import UNREADABLE, note_damage
from gemchain.records.identity import is_join, random_id
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import Runtime

__all__ = ["scope_of", "settle", "settle_marked"]


def settle_marked(runtime: Runtime, limit: int = 1000) -> int:
    """Settle the chains that are marked, with all joins inside them; returns how many."""
    chains = runtime.store.unsettled_chains(limit=limit)
    for chain_id in chains:
        marked, joins = _to_settle(runtime, chain_id)
        settle(runtime, [*joins, chain_id])
        # Only marks that were read before the look: it saw their ends, and others are for the next.
        runtime.store.settle(marked)
    return len(chains)


def _to_settle(runtime: Runtime, chain_id: str) -> tuple[list[Prompt], list[str]]:
    """The marked prompts of a chain, and its joins that still wait, inner ones first."""
    marked: list[Prompt] = []
    joins: list[Prompt] = []
    for prompt in runtime.store.chain_prompts(chain_id):
        if prompt.progress.unsettled:
            marked.append(prompt)
        if prompt.kind == "join" and prompt.progress.state is PromptState.WAITING:
            joins.append(prompt)
    joins.sort(key=lambda join: join.path.count("."), reverse=True)
    return marked, [each.id for each in joins]


def scope_of(prompt: Prompt) -> str:
    """Whose end it may be when this prompt's branch ends: its join's, else its chain's."""
    return prompt.join_id or prompt.chain_id


def settle(runtime: Runtime, scopes: Iterable[str]) -> None:
    """Carry on those of the joins and forked chains in which nothing is open any more.

    A join that goes on may itself be the end of a branch, so this works its way outwards.
    """
    pending = deque(dict.fromkeys(scopes))
    while pending:
        scope = pending.popleft()
        try:
            pending.extend(_settle_join(runtime, scope) if is_join(scope) else _settle_chain(runtime, scope))
        except UNREADABLE as error:
            note_damage("join" if is_join(scope) else "chain", scope, error)
            pending.extend(_give_up(runtime, scope, f"what it came to cannot be read: {error}"))


def _settle_chain(runtime: Runtime, chain_id: str) -> tuple[str, ...]:
    """End a chain in which nothing is open; there is no scope around it."""
    chain = runtime.store.chains([chain_id]).get(chain_id)
    if chain is None:
        return ()  # it ended, and retention removed it
    if chain.state is ChainState.CANCELLED:
        cancel_chain(runtime.store, chain_id)
    elif chain.state is ChainState.RUNNING and not runtime.store.has_open(chain_id):
        ending = _end_of(runtime, chain)
        runtime.store.commit([Unit(token=random_id("u"), ending=ending)])
    return ()


def _end_of(runtime: Runtime, chain: Chain) -> ChainMove:
    """What a chain has come to; FAILED where its records make no sense, as others may have written them."""
    now = runtime.clock.now()
    try:
        return chain_end(chain, runtime.store.chain_prompts(chain.id), now)
    except UNREADABLE as error:
        note_damage("chain", chain.id, error)
        failure = Failure("damaged", f"what it came to cannot be read: {error}")
        return ChainMove(
            chain.id,
            ChainState.RUNNING,
            ChainState.FAILED,
            failure=failure,
            ended_at=now,
            version=chain.version,
            owner=chain.owner,
        )


def _settle_join(runtime: Runtime, join_id: str) -> list[str]:
    """Fire a join whose branches have all ended; returns the scopes to look at next."""
    join = runtime.store.prompts([join_id]).get(join_id)
    if join is None:
        return []  # its chain ended, and retention removed it
    if join.progress.state is PromptState.WAITING and not runtime.store.has_open(join_id):
        outcome = join_outcome(runtime, join)
        if outcome is None:
            return []
        # A mark of its own stays: it leads the next process to the join if this one dies.
        marked = join.progress.unsettled
        return _move_join(runtime, join, deliver(runtime, join, outcome, marked=marked))
    return _around(join)


def _give_up(runtime: Runtime, join_id: str, why: str) -> list[str]:
    """Park a join whose records make no sense: others may have written them."""
    join = runtime.store.prompts([join_id]).get(join_id)
    if join is None or join.progress.state is not PromptState.WAITING:
        return []
    return _move_join(runtime, join, deliver(runtime, replace(join, damage=join.damage or why), Outcome()))


def _move_join(runtime: Runtime, join: Prompt, delivery: Delivery) -> list[str]:
    """Commit what becomes of a join; returns the scopes to look at next."""
    if runtime.store.commit([delivery.unit]) == [Verdict.APPLIED]:
        return [scope_of(join)] if delivery.ends_branch else []
    now = runtime.store.prompts([join.id]).get(join.id)
    if now is None:
        return []
    touched = now.progress.state is PromptState.WAITING and now.version != join.version
    return [join.id] if touched else _around(now)


def _around(join: Prompt) -> list[str]:
    """The scopes that may end with a join: the process that moved it may have died before it looked there."""
    ended = join.progress.state in (PromptState.DONE, PromptState.FAILED)
    return [scope_of(join)] if join.forked and ended else []
