"""The engine dies at every write of a small run, once before it and once after, and is started again."""

import pytest

import gemchain
from gemchain.runtime import using
from gemchain.states import OPEN_PROMPT, BatchState, ChainState
from gemchain.testing import VirtualClock, embedded
from tests.apps import flows, joins
from tests.support.crashing import Crash, Fuse, fused

WRITES = 110
"""More than the run has; the last test makes sure."""


def responder(request):
    """Echoes, but keeps one prompt back the first time, and one for ever."""
    text = flows.echo(request)
    if text == "blocked":
        return {"promptFeedback": {"blockReason": "SAFETY"}}
    return text


def begin():
    """The chains of the run: under keys, so that a start that died can be repeated."""
    flows.moods["moody"] = 1
    return [
        gemchain.start(flows.outline, "a", key="a"),
        gemchain.start(flows.fork, "f", key="f"),
        gemchain.start(flows.fork_at_once, ["x", "y"], key="xy"),
        gemchain.start(flows.careful, "blocked", key="b"),
        gemchain.start(flows.careless, "blocked", key="c"),
        gemchain.start(flows.start_moody, "moody", key="m"),
        gemchain.start(joins.map_reduce, ["p", "q"], key="j"),
        gemchain.start(joins.nested, 2, key="n"),
        gemchain.start(joins.with_errors, ["u", "blocked"], return_exceptions=True, key="e"),
    ]


def outcome(chain):
    """The result of a chain, or the reason why it has none."""
    try:
        return chain.result(timeout=0)
    except gemchain.ChainError as error:
        return type(error).__name__, getattr(error, "reason", None)


def run_once(folder, clock, fuse):
    """One life of the process, to its end or to its death."""
    with (
        embedded(folder, responder=responder, clock=clock) as engine,
        using(fused(engine.runtime, fuse)) as fused_runtime,
    ):
        begin()
        from gemchain.engine.drive import drive

        drive(fused_runtime, timeout=3600)


def live_until_done(folder, fuse):
    """Lives of the process until one reaches the end; what is found there."""
    clock = VirtualClock()
    try:
        run_once(folder, clock, fuse)
    except Crash:
        run_once(folder, clock, Fuse())
    with embedded(folder, responder=responder, clock=clock) as engine:
        engine.run(timeout=3600)
        store = engine.runtime.store
        results = [outcome(chain) for chain in begin()]
        prompts = [prompt for chain in store.list_chains() for prompt in store.chain_prompts(chain.id)]
        paid = engine.runtime.providers.named("simulated").paid_rows()
        return {
            "results": results,
            "prompts": sorted((p.id, p.progress.state, p.progress.attempt) for p in prompts),
            "paid": dict(sorted(paid.items())),
            "open": [p for p in prompts if p.progress.state in OPEN_PROMPT],
            "running": store.list_chains(state=ChainState.RUNNING),
            "batches": store.open_batches(),
            "ended": {batch.state for batch in store.list_batches()},
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    fuse = Fuse()
    found = live_until_done(tmp_path_factory.mktemp("undisturbed"), fuse)
    return found | {"writes": fuse.count}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(WRITES))
def test_a_process_that_dies_at_any_write_loses_and_doubles_nothing(at, after, undisturbed, tmp_path):
    if at >= undisturbed["writes"]:
        return
    found = live_until_done(tmp_path, Fuse(at, after=after))
    assert found["results"] == undisturbed["results"]
    assert found["prompts"] == undisturbed["prompts"]
    assert found["paid"] == undisturbed["paid"]
    assert not found["open"]
    assert not found["running"]
    assert not found["batches"]
    assert found["ended"] <= {BatchState.CLOSED}


def test_the_table_above_covers_every_write_of_the_run(undisturbed):
    assert 30 < undisturbed["writes"] <= WRITES


def test_the_undisturbed_run_ends_as_its_chains_say(undisturbed):
    assert undisturbed["results"][0] == "DRAFT A FROM (OUTLINE A)"
    assert undisturbed["results"][4] == ("ChainFailedError", "blocked")
    assert set(undisturbed["paid"].values()) == {1}
