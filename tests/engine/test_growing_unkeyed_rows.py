"""Rows without an id while output grows: matched when one prompt asks, else when the output is whole."""

from dataclasses import replace

import pytest

from gemchain.engine.endings.batches import close
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch, dispatch_part
from gemchain.engine.stages.sweep import sweep
from gemchain.records import RowCounts
from gemchain.records.states import BatchState
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import error, nameless


def looked_at(stand, batch):
    """One more look at the job, and the batch after it."""
    stand.pass_time()
    collect(stand.runtime)
    return stand.batch(batch)


def dispatched(stand):
    return list(dispatch(stand.runtime))


@pytest.fixture
def alike(stand):
    """Two prompts that ask the same, one that asks something else, and their batch."""
    ids = stand.submit("same", "same", "other", callback=stages.take)
    return ids, stand.sent()


def unkeyed_rows(stand, batch, ids):
    rows = stand.provider.rows(batch)
    return [nameless(rows[each]) for each in ids]


def test_a_request_that_one_prompt_asks_is_matched_while_the_job_runs(stand, alike):
    ids, batch = alike
    first, _, other = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, [first, other])
    looked_at(stand, batch)
    (part,) = dispatched(stand)
    assert part.counts == RowCounts(done=1, deferred=1)
    assert stand.states(ids) == ["CLAIMED", "CLAIMED", "DONE"]


def test_a_request_that_several_ask_is_matched_when_the_output_is_whole(stand, alike):
    ids, batch = alike
    _, second, other = unkeyed_rows(stand, batch, ids)
    failed = nameless(error(stand.provider.inputs(batch)[ids[0]]))
    stand.provider.grow(batch, [failed, other])
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, [failed, other], [second])
    looked_at(stand, batch)
    while dispatched(stand):
        pass
    closed = stand.batch(batch)
    assert closed.state is BatchState.CLOSED
    # An answer goes before an error, although it lies in a later file.
    assert stand.states(ids) == ["DONE", "QUEUED", "DONE"]
    assert closed.counts == RowCounts(done=2, retried=1, duplicate=1, deferred=1)
    assert closed.parts == 3


def test_a_part_is_repeated_once_however_many_close_its_batch(stand, alike):
    ids, batch = alike
    rows = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, rows)
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, rows)
    arrived = looked_at(stand, batch)
    assert (arrived.state, arrived.parts) == (BatchState.ARRIVED, 2)
    sweep(stand.runtime)
    assert stand.batch(batch).parts == 2
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3, duplicate=1, deferred=2)
    assert stand.states(ids) == ["DONE"] * 3


def test_a_part_that_began_before_the_job_was_over_is_repeated_too(stand, alike):
    ids, batch = alike
    rows = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, rows)
    looked_at(stand, batch)
    (part,) = stand.store.open_parts(batch.id)

    def arrive():
        stand.provider.land(batch, rows)
        looked_at(stand, batch)

    dispatch_part(stand.interrupted("commit", arrive), part)
    assert stand.batch(batch).state is BatchState.ARRIVED
    dispatched(stand)
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["DONE"] * 3


@pytest.mark.parametrize("after", [False, True])
def test_a_closer_that_dies_repeats_the_part_once(stand, alike, after):
    ids, batch = alike
    rows = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, rows)
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, rows)
    stand.pass_time()
    arrived = stand.batch(batch)
    with pytest.raises(Crash):
        close(stand.killed("save_batch", after=after), replace(arrived, state=BatchState.ARRIVED))
    looked_at(stand, batch)
    sweep(stand.runtime)
    while dispatched(stand):
        pass
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["DONE"] * 3


def test_what_is_found_of_a_growing_output_is_not_kept_for_the_whole_one(stand, alike):
    ids, batch = alike
    rows = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, rows[:1])
    looked_at(stand, batch)
    dispatched(stand)
    left = {info.uri.rpartition("/")[2] for info in stand.blobs.list(f"batches/{batch.id}/")}
    assert not any(name.startswith("turns") for name in left)


def test_a_close_that_comes_after_deferred_rows_got_their_new_part_releases_nothing(stand, alike):
    ids, batch = alike
    first, second, other = unkeyed_rows(stand, batch, ids)
    stand.provider.grow(batch, [first, second, other])
    looked_at(stand, batch)
    dispatched(stand)
    stand.provider.land(batch, [first, second, other])
    arrived = looked_at(stand, batch)
    late = close(stand.runtime, arrived)
    assert late.state is BatchState.ARRIVED
    assert stand.states(ids) == ["CLAIMED", "CLAIMED", "DONE"]
    while dispatched(stand):
        pass
    assert stand.states(ids) == ["DONE"] * 3
    assert stand.batch(batch).state is BatchState.CLOSED
