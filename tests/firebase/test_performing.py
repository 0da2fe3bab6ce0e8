"""Batches that we send ourselves, as tasks: each performs for a while and queues the next one."""

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from gemchain.api.submission import prompt, submit_many
from gemchain.engine.stages.perform import DRAIN
from gemchain.firebase.stages import (
    assemble_and_launch,
    collect_hinted,
    dispatch_hinted,
    look_hinted,
    sweep_up,
)
from gemchain.providers.choice import choose_provider
from gemchain.providers.output_files import output_folder
from gemchain.providers.simulated import SimulatedProvider
from gemchain.records.lanes import DIRECT
from gemchain.records.states import BatchState, PromptState
from gemchain.runtime import Providers, using
from gemchain.testing import embedded
from tests.support.crashing import Crash

LATENCY = 20
PROMPTS = 6


class Tasks:
    """A waker that keeps the tasks which it is asked to queue."""

    def __init__(self):
        self.parts, self.batches = [], []

    def dispatch(self, part, /):
        self.parts.append(part)

    def look(self, batch, /):
        self.batches.append(batch.id)

    def hurry(self):
        pass


@pytest.fixture
def runtime(tmp_path):
    """One request at a time, each of which takes 20 seconds."""
    with embedded(tmp_path, grace=0, lane=DIRECT) as engine:
        blobs, clock = engine.runtime.blobs, engine.clock
        provider = SimulatedProvider(blobs, clock, latency=LATENCY, concurrency=1)
        providers = Providers({"simulated": lambda: provider}, choose_provider)
        runtime = replace(engine.runtime, waker=Tasks(), providers=providers)
        with using(runtime):
            yield runtime


@pytest.fixture
def batch(runtime):
    submit_many(prompt(f"number {each}", "simulated/x") for each in range(PROMPTS))
    (batch,) = assemble_and_launch(runtime).batches
    assert (batch.state, batch.lane) == (BatchState.SENT, DIRECT)
    return batch


def now(runtime, batch):
    return runtime.store.batches([batch.id])[batch.id]


def look(runtime, batch, seconds):
    """A task that performs for so many seconds; the seconds that it took."""
    began = runtime.store.now()
    look_hinted(runtime, batch.id, began + timedelta(seconds=seconds))
    return (runtime.store.now() - began).total_seconds()


def dispatched(runtime):
    """Dispatch all parts that have tasks; how many prompts are done."""
    for part in runtime.waker.parts:
        dispatch_hinted(runtime, part.batch_id, part.id)
    runtime.waker.parts.clear()
    return runtime.store.counters().prompts[PromptState.DONE]


def test_a_batch_gets_a_task_as_soon_as_it_is_sent(runtime, batch):
    assert runtime.waker.batches == [batch.id]


def test_a_task_ends_in_its_time_and_queues_the_next_until_all_is_answered(runtime, batch):
    done, tasks = [], 0
    while runtime.waker.batches:
        assert runtime.waker.batches == [batch.id]
        runtime.waker.batches.clear()
        assert look(runtime, batch, 50) <= 50 + DRAIN
        done.append(dispatched(runtime))
        tasks += 1
        assert tasks < 10
    assert tasks > 1
    assert done[0] > 0
    assert done[-1] == PROMPTS
    assert sorted(done) == done
    sweep_up(runtime, runtime.store.now())
    assert now(runtime, batch).state is BatchState.CLOSED


def test_a_second_task_for_a_batch_that_is_performed_ends_at_once_and_queues_none(runtime, batch):
    held = replace(batch, leased_until_at=runtime.store.now() + timedelta(seconds=30))
    held = runtime.store.save_batch(held)
    runtime.waker.batches.clear()
    assert look(runtime, batch, 50) == 0
    assert now(runtime, batch) == held
    assert runtime.waker.batches == []


def test_a_task_performs_its_own_batch_and_leaves_others_to_their_tasks(runtime, batch):
    submit_many([prompt("another", "simulated/y")])
    (other,) = assemble_and_launch(runtime).batches
    look(runtime, batch, 50)
    assert now(runtime, other) == other


def test_after_a_task_that_was_killed_the_sweep_queues_the_next_when_the_lease_is_over(runtime, batch):
    with (
        mock.patch.object(runtime.clock, "sleep", side_effect=Crash),
        mock.patch("gemchain.engine.stages.perform.Performer.release"),  # nor does it do that in the end
        pytest.raises(Crash),
    ):
        look(runtime, batch, 50)
    runtime.waker.batches.clear()
    sweep_up(runtime, runtime.store.now())
    assert runtime.waker.batches == []
    runtime.clock.advance(31)
    sweep_up(runtime, runtime.store.now())
    assert runtime.waker.batches == [batch.id]
    look(runtime, batch, 600)
    assert dispatched(runtime) == PROMPTS


def test_an_event_of_a_file_never_asks_a_provider_about_such_a_batch(runtime, batch):
    provider = runtime.providers.named("simulated")
    with mock.patch.object(provider, "poll") as polled:
        name = f"gemchain/{output_folder(batch.id)}/prediction/predictions.jsonl"
        assert collect_hinted(runtime, name).batches == []
    assert polled.call_count == 0
    assert now(runtime, batch) == batch


@pytest.mark.parametrize("name", ["b0", "", "../b0", "b0/parts/x"])
def test_a_task_for_what_is_no_batch_does_nothing(runtime, batch, name):
    assert look_hinted(runtime, name, runtime.store.now()).batches == []
    assert now(runtime, batch) == batch
