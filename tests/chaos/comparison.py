"""What is left after a chaos run, and the comparison with a run without faults."""

from collections import Counter
from datetime import timedelta

from gemchain.engine.operations.retention import forget
from gemchain.engine.stages.sweep import sweep
from gemchain.records.states import OPEN_BATCH, BatchState
from gemchain.runtime import using
from tests.chaos.setups import Setup

COMPARED = ("chains", "prompts", "paid", "effects", "totals")
COMPARED_AFTER_COLLECTION = ("chains", "effects", "totals")


def findings(setup: Setup) -> dict[str, object]:
    """What a run left: results, prompts, payments in the service's own books, effects.

    Raises:
        AssertionError: Something is left open, or the service was asked twice for one batch.
    """
    with setup.runtime() as runtime, using(runtime):
        store = runtime.store
        assert sweep(runtime) == 0, "nothing is stuck"
        assert not store.open_parts()
        assert not store.open_batches()
        batches = store.list_batches(limit=1_000_000)
        assert {each.state for each in batches} <= {BatchState.CLOSED, BatchState.FAILED}
        assert not {each.state for each in batches} & OPEN_BATCH
        jobs = Counter(each.parent.name for each in setup.jobs.glob("*/*.json"))
        twice = {name: number for name, number in jobs.items() if number > 1}
        assert not twice, f"jobs that were paid for twice: {twice}"
        chains = store.list_chains(limit=1_000_000)
        prompts = [prompt for chain in chains for prompt in store.chain_prompts(chain.id)]
        attempts = [prompt.progress.attempt for prompt in prompts]
        return {
            "totals": dict(store.counters().prompts),
            "chains": sorted((each.id, each.state, each.result) for each in chains),
            "prompts": sorted((each.id, each.path, each.progress.state) for each in prompts),
            "paid": dict(runtime.providers.named("simulated").paid_rows()),
            "effects": sorted(each.name for each in setup.effects.iterdir()),
            "_jobs": sum(jobs.values()),
            "_attempts": sum(attempts) / len(attempts),
        }


def findings_of_collected(setup: Setup) -> dict[str, object]:
    """What a run with garbage collection left: results, effects and totals.

    Raises:
        AssertionError: Something is left that should have been removed.
    """
    with setup.runtime() as runtime, using(runtime):
        forget(runtime, timedelta(0))
        store = runtime.store
        assert sweep(runtime) == 0, "nothing is stuck"
        assert not store.open_batches()
        chains = store.list_chains(limit=1_000_000)
        assert not any(True for chain in chains for _ in store.chain_prompts(chain.id))
        assert not store.list_batches()
        left = [info.uri for info in runtime.blobs.list("")]
        assert not left, f"files that nothing needs: {left}"
        return {
            "chains": sorted((each.id, each.state, each.result) for each in chains),
            "effects": sorted(each.name for each in setup.effects.iterdir()),
            "totals": dict(store.counters().prompts),
        }


def assert_same(found: dict[str, object], expected: dict[str, object]) -> None:
    """Nothing lost, nothing doubled, nothing paid twice.

    Raises:
        AssertionError: Names what differs.
    """
    for name in COMPARED if "paid" in found else COMPARED_AFTER_COLLECTION:
        ours, theirs = found[name], expected[name]
        if ours != theirs:
            mine, its = (set(each.items() if isinstance(each, dict) else each) for each in (ours, theirs))
            raise AssertionError(
                f"{name}: too much {sorted(mine - its)[:5]}, missing {sorted(its - mine)[:5]}"
            )
    paid = found.get("paid", {"": 1})
    assert isinstance(paid, dict)
    assert set(paid.values()) == {1}, "every prompt is paid exactly once"
