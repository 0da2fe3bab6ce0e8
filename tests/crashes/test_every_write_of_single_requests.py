"""The engine crashes before and after every write while it sends single requests, and is started again."""

from itertools import product

import pytest

from gemchain.engine.drive import drive
from gemchain.formats.direct_rows import read_row
from gemchain.records.states import OPEN_PROMPT, BatchState, ChainState
from gemchain.runtime import using
from gemchain.testing import VirtualClock
from tests.crashes.test_every_write import begin
from tests.support.crashing import Crash, Fuse, fused
from tests.support.engines import embedded
from tests.support.lives import outcome, responder

WRITES = 180
"""More writes than the run has; a test below checks that."""

EVERY = 13
"""Of so many crash points, `make test` runs one; `make test-all` runs the others."""

HOUR = 3600
SLOW = {"latency": 3.0, "concurrency": 2}
"""The service takes so long that the crash finds requests on their way."""


def life(folder, clock, fuse, settings):
    """One life of the process, to its end or to its death; how often it asked each prompt."""
    with embedded(folder, responder=responder, clock=clock, **settings) as engine:
        provider = engine.runtime.providers.named("simulated")
        provider._latency, provider._concurrency = SLOW["latency"], SLOW["concurrency"]
        with using(fused(engine.runtime, fuse)) as runtime:
            try:
                begin()
                drive(runtime, timeout=HOUR)
            except Crash:
                return provider.asked, False
        return provider.asked, True


def answered(folder):
    """The prompts that have a row in a file."""
    rows = [line for path in folder.rglob("direct/*.jsonl") for line in path.read_bytes().splitlines()]
    return {read_row(line).prompt_id for line in rows}


def lives(folder, fuse, settings):
    """Two lives; what was asked in each, what was written down when the first had ended, and the end."""
    clock = VirtualClock()
    first, ended = life(folder, clock, fuse, settings)
    written = answered(folder)
    second = {} if ended else life(folder, clock, Fuse(), settings)[0]
    with embedded(folder, responder=responder, clock=clock, **settings) as engine:
        store = engine.runtime.store
        chains = store.list_chains()
        prompts = [prompt for chain in chains for prompt in store.chain_prompts(chain.id)]
        return {
            "first": first,
            "second": second,
            "written": written,
            "results": [outcome(chain) for chain in begin()],
            "prompts": sorted((p.id, p.progress.state, p.progress.attempt) for p in prompts),
            "open": [p for p in prompts if p.progress.state in OPEN_PROMPT],
            "running": store.list_chains(state=ChainState.RUNNING),
            "batches": store.open_batches(),
            "ended": {batch.state for batch in store.list_batches()},
        }


LANES = {
    "direct": {"lane": "direct"},
    "last-few": {"direct_below": 100},
    "escalation": {"lane": "batch", "simulated_turnaround": 600.0, "escalate_after": 60.0, "poll": 20.0},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    found = {}
    for name, settings in LANES.items():
        fuse = Fuse()
        found[name] = lives(tmp_path_factory.mktemp(name), fuse, settings) | {"writes": fuse.count}
    return found


def crash_points():
    """Before and after every write, in each lane; `make test` runs one of EVERY."""
    for number, (at, after, lane) in enumerate(product(range(WRITES), (False, True), LANES)):
        name = f"{lane}-{at}-{'after' if after else 'before'}"
        yield pytest.param(at, after, lane, id=name, marks=pytest.mark.slow if number % EVERY else ())


@pytest.mark.parametrize(("at", "after", "lane"), list(crash_points()))
def test_a_crash_loses_what_is_on_its_way_and_asks_nothing_again_that_was_written(
    at, after, lane, undisturbed, tmp_path
):
    expected = undisturbed[lane]
    if at >= expected["writes"]:
        return
    found = lives(tmp_path, Fuse(at, after=after), LANES[lane])
    assert found["results"] == expected["results"]
    assert found["prompts"] == expected["prompts"]
    assert not found["written"] & found["second"].keys()
    assert max(found["first"].values(), default=0) <= 1
    assert max(found["second"].values(), default=0) <= 1
    for each in ("open", "running", "batches"):
        assert not found[each], each
    assert found["ended"] <= {BatchState.CLOSED}


@pytest.mark.parametrize("lane", LANES)
def test_the_crash_points_cover_every_write_of_the_run(lane, undisturbed):
    assert 30 < undisturbed[lane]["writes"] <= WRITES


@pytest.mark.parametrize("lane", LANES)
def test_the_run_without_a_crash_asks_every_prompt_once(lane, undisturbed):
    assert undisturbed[lane]["results"][0] == "DRAFT A FROM (OUTLINE A)"
    assert undisturbed[lane]["results"][4] == ("ChainFailedError", "blocked")
    assert set(undisturbed[lane]["first"].values()) == {1}
    assert len(undisturbed[lane]["first"]) > 10
