"""The sweep finds what a crash, or a lost hint, left half-way, and nothing else."""

from contextlib import suppress
from datetime import timedelta

import pytest

from gemchain.api.chains import Chain
from gemchain.api.operations import cancel_chain, retry_prompts
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.endings.chains import settle_marked
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.sweep import sweep
from gemchain.records.states import BatchState, ChainState
from gemchain.runtime import using
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.stand import Interrupted


def dispatched(runtime):
    return list(dispatch(runtime))


def test_it_finds_nothing_in_a_state_without_records(stand):
    assert sweep(stand.runtime) == 0


def test_it_finds_nothing_at_any_point_of_a_healthy_run(stand):
    stand.start(stages.fork, "a", "b")
    assert sweep(stand.runtime) == 0
    batch = stand.written()
    assert sweep(stand.runtime) == 0
    launch(stand.runtime)
    assert sweep(stand.runtime) == 0
    batch = stand.batch(batch)
    stand.provider.land(batch, stand.provider.rows(batch).values())
    collect(stand.runtime)
    assert sweep(stand.runtime) == 0
    dispatched(stand.runtime)
    assert sweep(stand.runtime) == 0
    assert stand.batch(batch).state is BatchState.CLOSED


def test_it_leaves_to_others_what_they_are_working_on(stand):
    stand.submit("a", callback=stages.take)
    found = []
    assemble(stand.interrupted("claim", lambda: found.append(sweep(stand.runtime))))
    launch(stand.interrupted("save_batch", lambda: found.append(sweep(stand.runtime))))
    (batch,) = stand.store.open_batches()
    stand.provider.land(batch, stand.provider.rows(batch).values())
    collect(stand.runtime)
    stages.before_return.append(lambda: found.append(sweep(stand.runtime)))
    dispatched(stand.runtime)
    assert found == [0, 0, 0]
    assert stages.calls == ["a"]


def test_a_batch_whose_writer_died_is_written(stand):
    (prompt_id,) = stand.submit("a")
    with pytest.raises(Crash):
        assemble(stand.killed("claim", after=True))
    stand.clock.advance(stand.runtime.settings.lease)
    assert sweep(stand.runtime) == 1
    (batch,) = stand.store.open_batches()
    assert batch.state is BatchState.WRITTEN
    assert list(stand.provider.inputs(batch)) == [prompt_id]
    assert sweep(stand.runtime) == 0


def test_two_sweeps_at_once_take_a_batch_over_once(stand):
    stand.submit("a")
    with pytest.raises(Crash):
        assemble(stand.killed("claim", after=True))
    stand.clock.advance(stand.runtime.settings.lease)
    found = []
    runtime = stand.interrupted("save_batch", lambda: found.append(sweep(stand.runtime)))
    assert sweep(runtime) == 0
    assert found == [1]
    (batch,) = stand.store.open_batches()
    assert (batch.state, batch.fence) == (BatchState.WRITTEN, 2)


def test_a_batch_that_was_left_open_is_closed(stand):
    stand.submit("a", callback=stages.take)
    stand.arrived()
    with pytest.raises(Crash):
        dispatched(stand.killed("save_batch"))
    assert stand.store.open_parts() == []
    (batch,) = stand.store.open_batches()
    assert sweep(stand.runtime) == 1
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.batch(batch).counts.done == 1


def test_an_arrived_batch_without_parts_that_was_left_open_is_closed(stand):
    stand.submit("a")
    batch = stand.sent()
    stand.provider.land(batch, [])
    with pytest.raises(Crash):
        collect(stand.killed("commit"))
    assert stand.batch(batch).state is BatchState.ARRIVED
    assert sweep(stand.runtime) == 1
    assert stand.batch(batch).counts.missing == 1
    assert stand.batch(batch).state is BatchState.CLOSED


def test_parts_without_a_lease_are_announced_again(stand):
    stand.submit("a")
    stand.arrived()
    stand.runtime.waker.take()
    assert sweep(stand.runtime) == 0, "to announce is not to find"
    assert stand.runtime.waker.take()


def test_leased_parts_are_not_announced(stand):
    stand.submit("a", callback=stages.take)
    stand.arrived()
    stand.runtime.waker.take()
    announced = []

    def look():
        sweep(stand.runtime)
        announced.append(stand.runtime.waker.take())

    stages.before_return.append(look)
    dispatched(stand.runtime)
    assert announced == [False]


def test_a_forked_chain_whose_last_branch_ended_outside_of_a_part_is_settled(stand):
    chain = stand.start(stages.fork, "a", "b")
    stages.before_return.append(lambda: 1 / 0)
    stand.arrived()
    dispatched(stand.runtime)
    stand.clock.advance(stand.runtime.settings.retry_delay)
    with pytest.raises(Crash):
        retry_callbacks(stand.killed("unsettled_chains"))
    assert status(stand, chain).state is ChainState.RUNNING
    assert sweep(stand.runtime) == 1
    assert status(stand, chain).state is ChainState.DONE
    assert sweep(stand.runtime) == 0


def status(stand, chain):
    with using(stand.runtime):
        return Chain(chain.id).status()


@pytest.mark.parametrize("after", [False, True])
def test_the_unfinished_cancel_of_a_forked_chain_is_carried_on(stand, after):
    chain = stand.start(stages.fork, "a", "b", "c")
    store = stand.killed("commit", after=True).store
    with pytest.raises(Crash):
        cancel_chain(store, chain.id)
    assert status(stand, chain).prompts == {"CANCELLED": 1, "QUEUED": 2}
    if after:
        stand.sent()
    assert sweep(stand.runtime) == 1
    assert status(stand, chain).prompts == {"CANCELLED": 3}
    assert sweep(stand.runtime) == 0


def test_a_branch_that_was_carried_on_while_its_chain_was_cancelled_is_cancelled_too(stand):
    chain = stand.start(stages.fork_on, "a", "b")
    stand.arrived()
    with pytest.raises(Crash):
        cancel_chain(stand.killed("commit", after=True).store, chain.id)
    dispatched(stand.runtime)
    sweep(stand.runtime)
    assert set(status(stand, chain).prompts) == {"CANCELLED", "DONE"}
    assert stand.store.queues() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("read", ["chains", "chain_prompts"])
def test_a_cancel_that_dies_beside_a_retry_leaves_nothing_open_in_a_cancelled_chain(stand, read, after):
    (prompt_id,) = stand.submit("a", callback=stages.raises)
    stand.set(callback_attempts=1)
    stand.arrived()
    dispatched(stand.runtime)
    assert stand.states([prompt_id]) == ["FAILED"]
    chain_id = stand.prompt(prompt_id).chain_id

    def retry():
        assert retry_prompts(stand.runtime, [stand.prompt(prompt_id)]) == 1

    store = Interrupted(stand.killed("commit", after=True).store, read, retry, after=after)
    with suppress(Crash):
        cancel_chain(store, chain_id)
    sweep(stand.runtime)
    is_cancelled = stand.chain(prompt_id).state is ChainState.CANCELLED
    assert is_cancelled == (stand.states([prompt_id]) == ["CANCELLED"])


def test_a_queued_prompt_past_its_deadline_fails(stand):
    stand.set(grace=1000)
    (prompt_id,) = stand.submit("a", deadline=timedelta(seconds=60))
    (patient,) = stand.submit("b", deadline=timedelta(seconds=600))
    stand.clock.advance(61)
    assert sweep(stand.runtime) == 1
    assert stand.states([prompt_id, patient]) == ["FAILED", "QUEUED"]
    assert stand.chain(prompt_id).failure.reason == "deadline"


def test_a_queued_prompt_past_its_deadline_goes_to_on_error(stand):
    stand.set(grace=1000)
    (prompt_id,) = stand.submit(
        "a", callback=stages.take, on_error=stages.rescue, deadline=timedelta(seconds=60)
    )
    stand.clock.advance(61)
    assert sweep(stand.runtime) == 1
    assert [error.reason for error in stages.errors] == ["deadline"]
    assert stand.chain(prompt_id).state is ChainState.DONE


def test_a_prompt_past_its_deadline_is_not_sent_again_whatever_its_on_error_asks_for(stand):
    stand.set(grace=1000)
    (prompt_id,) = stand.submit(
        "a",
        callback=stages.take,
        on_error=stages.rescue_wants_another_answer,
        deadline=timedelta(seconds=60),
    )
    stand.clock.advance(61)
    assert sweep(stand.runtime) == 1
    assert stand.states([prompt_id]) == ["FAILED"]
    assert stand.chain(prompt_id).failure.reason == "deadline"


def test_a_late_branch_settles_its_forked_chain(stand):
    chain = stand.start(stages.fork_in_a_hurry, "a", "b")
    stand.clock.advance(100)
    assert sweep(stand.runtime) == 2
    assert status(stand, chain).state is ChainState.FAILED


def test_a_sweep_that_dies_over_late_prompts_is_carried_on(stand):
    chain = stand.start(stages.fork_in_a_hurry, "a", "b")
    stand.clock.advance(100)
    with pytest.raises(Crash):
        sweep(stand.killed("commit", after=True))
    assert status(stand, chain).state is ChainState.RUNNING
    sweep(stand.runtime)
    assert status(stand, chain).state is ChainState.FAILED


def test_two_that_settle_at_once_end_a_chain_once(stand):
    chain = stand.start(stages.fork_in_a_hurry, "a", "b")
    stand.clock.advance(100)
    with pytest.raises(Crash):
        sweep(stand.killed("commit", after=True))
    settle_marked(stand.interrupted("commit", lambda: settle_marked(stand.runtime)))
    assert status(stand, chain).state is ChainState.FAILED
    assert stand.store.unsettled_chains(limit=9) == []
