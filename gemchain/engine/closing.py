"""Endings: of forked chains and joins, of batches whose parts are dispatched, of batches whose job failed.

No stage of its own: several stages come upon an ending, whichever is first.

Crash story. `settle` asks the store, after one's own commit, whether anything in the chain or the
join is open; two that ask at once compute the same values, and one compare-and-set wins: a join
fires in the same commit that creates what follows it. Whoever loses looks around the join all the same,
since the winner may be dead by then. Whoever finds that a prompt was sent back meanwhile stops: that
prompt's own end brings the next look. `close` and
`abandon` move the leftover prompts one commit each, and the batch last: whoever dies in between
leaves a batch that is still open, and the next run finds the prompts that are still CLAIMED.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from gemchain.codec import UNREADABLE, note_damage
from gemchain.engine.answers import join_outcome
from gemchain.engine.branches import chain_end
from gemchain.engine.delivery import Delivery, Outcome, deliver
from gemchain.identity import is_join, random_id
from gemchain.interventions import cancel_chain
from gemchain.records import (
    NO_ROWS,
    NO_USAGE,
    Batch,
    Chain,
    ChainMove,
    Failure,
    Prompt,
    RowCounts,
    Unit,
    Usage,
    Verdict,
)
from gemchain.runtime import Runtime
from gemchain.states import BatchState, ChainState, PartState, PromptState

__all__ = ["abandon", "close", "is_complete", "scope_of", "settle", "settle_marked"]

MISSING = Failure("missing", "the output has no row for this prompt", retryable=True)


def is_complete(runtime: Runtime, batch: Batch) -> bool:
    """Whether every part of an ARRIVED batch is dispatched."""
    return batch.state is BatchState.ARRIVED and not runtime.store.open_parts(batch.id)


def close(runtime: Runtime, batch: Batch) -> Batch:
    """End an ARRIVED batch all of whose parts are dispatched.

    Prompts without a row are sent again, or fail with the job's own words.
    """
    lost = batch.failure or MISSING
    missing = _release(runtime, batch, replace(lost, retryable=True))
    counts, usage = _totals(runtime, batch)
    return runtime.store.save_batch(
        replace(
            batch,
            state=BatchState.CLOSED,
            closed_at=runtime.store.now(),
            counts=counts.plus(RowCounts(missing=missing)),
            usage=usage,
        )
    )


def abandon(runtime: Runtime, batch: Batch) -> Batch:
    """End a batch whose job failed, or was refused, as its `failure` says.

    Its prompts are sent again when that may help, else they fail with the provider's words.
    """
    assert batch.failure is not None
    _release(runtime, batch, batch.failure)
    return runtime.store.save_batch(
        replace(batch, state=BatchState.FAILED, leased_until_at=None, closed_at=runtime.store.now())
    )


def _release(runtime: Runtime, batch: Batch, failure: Failure) -> int:
    """Hand the failure to every prompt that the batch still holds."""
    released = 0
    for page in runtime.store.members(batch.id, state=PromptState.CLAIMED):
        # An index may lead to a record of which not even the state can be read: that one stays as it is.
        held = [prompt for prompt in page if prompt.progress.state is PromptState.CLAIMED]
        deliveries = [deliver(runtime, prompt, Outcome(failure=failure)) for prompt in held]
        verdicts = runtime.store.commit([each.unit for each in deliveries])
        released += verdicts.count(Verdict.APPLIED)
    settle_marked(runtime)
    return released


def _totals(runtime: Runtime, batch: Batch) -> tuple[RowCounts, Usage]:
    counts, usage = NO_ROWS, NO_USAGE
    for part in runtime.store.batch_parts(batch.id):
        assert part.state is PartState.DONE
        counts, usage = counts.plus(part.counts), usage.plus(part.usage)
    return counts, usage


def settle_marked(runtime: Runtime, limit: int = 1000) -> int:
    """Settle the chains that somebody marked, with all joins inside them; returns how many."""
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
        # A mark of its own stays: it is what tells of the join to whoever goes on when this one dies.
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
    """What may end with a join: whoever moved it, before or just now, may have died before looking there."""
    ended = join.progress.state in (PromptState.DONE, PromptState.FAILED)
    return [scope_of(join)] if join.forked and ended else []
