"""Output that grows while its job runs: parts come early, and the batch ends with the job."""

from dataclasses import replace

import orjson
import pytest

from gemchain.engine.batches.leases import lease_part
from gemchain.engine.policy.outlook import observe
from gemchain.engine.stages.collect import collect, collect_one
from gemchain.engine.stages.dispatch import dispatch, dispatch_part
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.records import RowCounts
from gemchain.records.states import BatchState, PartState
from gemchain.testing import VirtualClock
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import error
from tests.support.stand import standing


@pytest.fixture
def ids(stand):
    return stand.submit("a", "b", "c", callback=stages.take)


@pytest.fixture
def batch(stand, ids):
    """The batch of the three prompts, SENT."""
    return stand.sent()


@pytest.fixture
def lines(stand, batch, ids):
    """An answer to each, in their order."""
    rows = stand.provider.rows(batch)
    return [rows[each] for each in ids]


def looked_at(stand, batch):
    """One more look at the job, and the batch after it."""
    stand.pass_time()
    collect(stand.runtime)
    return stand.batch(batch)


def dispatched(stand):
    return list(dispatch(stand.runtime))


def results(stand, ids):
    return [orjson.loads(stand.chain(each).result or "null") for each in ids]


def test_files_of_a_running_job_become_parts_and_their_callbacks_run(stand, ids, batch, lines):
    stand.provider.grow(batch, lines[:1])
    grown = looked_at(stand, batch)
    assert (grown.state, grown.parts, len(grown.output)) == (BatchState.SENT, 1, 1)
    assert len(dispatched(stand)) == 1
    assert stand.states(ids) == ["DONE", "CLAIMED", "CLAIMED"]
    assert stand.batch(batch).state is BatchState.SENT


def test_parts_are_numbered_on_and_known_files_are_not_split_again(stand, batch, lines):
    stand.provider.grow(batch, lines[:1])
    looked_at(stand, batch)
    assert looked_at(stand, batch).parts == 1
    stand.provider.grow(batch, lines[:1], lines[1:2])
    assert looked_at(stand, batch).parts == 2
    stand.provider.land(batch, lines[:1], lines[1:2], lines[2:])
    arrived = looked_at(stand, batch)
    assert (arrived.state, arrived.parts) == (BatchState.ARRIVED, 3)
    parts = stand.store.batch_parts(batch.id)
    assert [part.index for part in parts] == [0, 1, 2]
    assert [part.file for part in parts] == list(arrived.output)


def test_files_in_another_order_are_the_same_files(stand, batch, lines):
    stand.provider.grow(batch, lines[:1], lines[1:2])
    first = looked_at(stand, batch)
    job = stand.provider.jobs[batch.job]
    stand.provider.jobs[batch.job] = replace(job, output=job.output[::-1])
    again = looked_at(stand, batch)
    assert (again.output, again.parts) == (first.output, 2)


def test_the_batch_closes_when_the_job_is_over_and_every_part_is_done(stand, ids, batch, lines):
    stand.provider.grow(batch, lines[:2])
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, lines[:2], lines[2:])
    assert looked_at(stand, batch).state is BatchState.ARRIVED
    dispatched(stand)
    closed = stand.batch(batch)
    assert (closed.state, closed.counts) == (BatchState.CLOSED, RowCounts(done=3))
    assert closed.usage.prompt_tokens == 30
    assert results(stand, ids) == ["a", "b", "c"]


def test_a_job_that_ends_with_nothing_new_closes_its_batch_at_once(stand, ids, batch, lines):
    stand.provider.grow(batch, lines)
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, lines)
    assert looked_at(stand, batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["DONE"] * 3


def test_prompts_without_a_row_wait_until_the_job_is_over(stand, ids, batch, lines):
    stand.provider.grow(batch, lines[:2])
    looked_at(stand, batch)
    dispatched(stand)
    sweep(stand.runtime)
    assert stand.states(ids) == ["DONE", "DONE", "CLAIMED"]
    stand.provider.land(batch, lines[:2])
    assert looked_at(stand, batch).counts == RowCounts(done=2, missing=1)
    assert stand.states(ids) == ["DONE", "DONE", "QUEUED"]


@pytest.mark.parametrize("retryable", [True, False])
def test_a_job_that_fails_after_it_delivered_keeps_what_was_paid(stand, ids, batch, lines, retryable):
    stand.provider.grow(batch, lines[:2])
    looked_at(stand, batch)
    stand.provider.fail(batch, retryable=retryable)
    assert looked_at(stand, batch).state is BatchState.ARRIVED
    dispatched(stand)
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["DONE", "DONE", "QUEUED"]
    assert stand.prompt(ids[2]).progress.failure.message == "out of order"


def test_files_that_come_with_a_failure_are_used_as_well(stand, ids, batch, lines):
    stand.provider.grow(batch, lines[:1])
    looked_at(stand, batch)
    stand.provider.land(batch, lines[:1], lines[1:])
    landed = stand.provider.jobs[batch.job]
    stand.provider.fail(batch)
    failed = stand.provider.jobs[batch.job]
    stand.provider.jobs[batch.job] = replace(failed, output=landed.output)
    looked_at(stand, batch)
    dispatched(stand)
    assert stand.states(ids) == ["DONE"] * 3


def test_a_failed_row_of_a_running_job_is_sent_again_in_another_batch(stand, ids, batch, lines):
    failed = error(stand.provider.inputs(batch)[ids[0]])
    stand.provider.grow(batch, [failed, lines[1]])
    looked_at(stand, batch)
    dispatched(stand)
    assert stand.states(ids) == ["QUEUED", "DONE", "CLAIMED"]
    stand.provider.land(batch, [failed, lines[1]], lines[2:], [lines[0]])
    looked_at(stand, batch)
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=2, retried=1, late=1)


@pytest.mark.parametrize("after", [False, True])
def test_a_collector_that_dies_makes_no_part_twice(stand, ids, batch, lines, after):
    stand.provider.grow(batch, lines[:1])
    stand.pass_time()
    with pytest.raises(Crash):
        collect(stand.killed("save_batch", after=after))
    assert looked_at(stand, batch).parts == 1
    stand.provider.land(batch, lines[:1], lines[1:])
    looked_at(stand, batch)
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)


def test_two_collectors_at_once_make_the_same_parts_once(stand, batch, lines):
    stand.provider.grow(batch, lines[:1])
    collect_one(stand.runtime, batch)
    with pytest.raises(StoreConflictError):
        collect_one(stand.runtime, batch)
    assert stand.batch(batch).parts == len(stand.store.batch_parts(batch.id)) == 1


def test_the_last_part_closes_a_batch_that_arrived_while_it_ran(stand, ids, batch, lines):
    stand.provider.grow(batch, lines)
    looked_at(stand, batch)
    (part,) = stand.store.open_parts(batch.id)

    def arrive():
        stand.provider.land(batch, lines)
        looked_at(stand, batch)

    dispatch_part(stand.interrupted("commit", arrive), part)
    assert stand.batch(batch).state is BatchState.CLOSED


def test_a_process_that_dies_after_the_last_part_leaves_the_closing_to_the_sweep(stand, ids, batch, lines):
    stand.provider.grow(batch, lines)
    looked_at(stand, batch)
    (part,) = stand.store.open_parts(batch.id)
    with pytest.raises(Crash):
        dispatch_part(stand.killed("save_part", after=True), part)
    stand.pass_time()
    dispatched(stand)
    stand.provider.land(batch, lines)
    looked_at(stand, batch)
    sweep(stand.runtime)
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["DONE"] * 3


def test_a_running_job_with_open_parts_counts_as_arriving(stand, batch, lines):
    assert observe(stand.runtime).arriving == 0
    stand.provider.grow(batch, lines[:1])
    looked_at(stand, batch)
    assert observe(stand.runtime).arriving == 1
    assert observe(stand.runtime, handled=batch.id).arriving == 0
    dispatched(stand)
    outlook = observe(stand.runtime)
    assert (outlook.arriving, len(outlook.landings)) == (0, 1)


def test_a_lease_on_a_part_of_a_running_job_is_waited_for(tmp_path):
    clock = VirtualClock()
    with standing(tmp_path / "files", clock) as stand:
        stand.submit("a", callback=stages.take)
        batch = stand.sent()
        stand.provider.grow(batch, list(stand.provider.rows(batch).values()))
        looked_at(stand, batch)
        (part,) = stand.store.open_parts(batch.id)
        lease_part(stand.runtime, part)
        assert dispatched(stand) == []
        clock.advance(stand.runtime.settings.lease + 1)
        (done,) = dispatched(stand)
        assert done.state is PartState.DONE
