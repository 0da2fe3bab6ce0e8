"""Endings: of forked chains, of batches whose parts are dispatched, of batches whose job failed.

No stage of its own: several stages come upon an ending, whichever is first.

Crash story. `settle` asks the store, after one's own commit, whether anything in the chain is
open; two that ask at once compute the same result, and one compare-and-set wins. `close` and
`abandon` move the leftover prompts one commit each, and the batch last: whoever dies in between
leaves a batch that is still open, and the next run finds the prompts that are still CLAIMED.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gemchain import jsontext
from gemchain.chains import cancel_chain
from gemchain.engine.delivery import Outcome, deliver
from gemchain.identity import random_id
from gemchain.records import (
    NO_ROWS,
    NO_USAGE,
    Batch,
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

__all__ = ["abandon", "close", "is_complete", "settle", "settle_marked"]

MISSING = Failure("missing", "the output has no row for this prompt", retryable=True)


def is_complete(runtime: Runtime, batch: Batch) -> bool:
    """Whether every part of an ARRIVED batch is dispatched."""
    return batch.state is BatchState.ARRIVED and not runtime.store.open_parts(batch.id)


def close(runtime: Runtime, batch: Batch) -> Batch:
    """End an ARRIVED batch all of whose parts are dispatched.

    Prompts without a row are sent again, or fail with the job's own words.
    """
    assert is_complete(runtime, batch)
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
        deliveries = [deliver(runtime, prompt, Outcome(failure=failure)) for prompt in page]
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
    """Settle the chains that somebody marked; returns how many."""
    chains = runtime.store.unsettled_chains(limit=limit)
    settle(runtime, chains)
    for chain_id in chains:
        runtime.store.settle(chain_id)
    return len(chains)


def settle(runtime: Runtime, chain_ids: Iterable[str]) -> None:
    """End those of the forked chains in which nothing is open any more."""
    ids = list(dict.fromkeys(chain_ids))
    for chain_id, chain in runtime.store.chains(ids).items():
        if chain.state is ChainState.CANCELLED:
            cancel_chain(runtime.store, chain_id)
        elif chain.state is ChainState.RUNNING and not runtime.store.has_open(chain_id):
            runtime.store.commit([Unit(token=random_id("u"), ending=_ending(runtime, chain_id))])


def _ending(runtime: Runtime, chain_id: str) -> ChainMove:
    """The values of the branches in path order; or the failure of the first branch that failed."""
    leaves = sorted(_leaves(runtime.store.chain_prompts(chain_id)), key=_order)
    failures = [each.progress.failure for each in leaves if each.progress.state is PromptState.FAILED]
    now = runtime.clock.now()
    if failures:
        return ChainMove(chain_id, ChainState.RUNNING, ChainState.FAILED, failure=failures[0], ended_at=now)
    values = jsontext.join(each.progress.result or "null" for each in leaves)
    return ChainMove(chain_id, ChainState.RUNNING, ChainState.DONE, values, ended_at=now)


def _order(prompt: Prompt) -> tuple[int, ...]:
    return tuple(map(int, prompt.path.split(".")))


def _leaves(prompts: Iterator[Prompt]) -> list[Prompt]:
    """The last prompt of every branch: what had no children."""
    seen: dict[str, Prompt] = {}
    parents: set[str] = set()
    for prompt in prompts:
        seen[prompt.id] = prompt
        if prompt.parent_id is not None:
            parents.add(prompt.parent_id)
    return [prompt for prompt_id, prompt in seen.items() if prompt_id not in parents]
