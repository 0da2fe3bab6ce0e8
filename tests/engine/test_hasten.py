"""Batches that somebody says are over are asked about at once, and nothing else changes."""

from dataclasses import replace

import pytest

from gemchain.engine.drive import Driver, drive
from gemchain.engine.operations.hasten import hasten
from gemchain.engine.stages.collect import collect
from gemchain.records.lanes import DIRECT, FLEX
from gemchain.records.states import BatchState, PromptState
from tests.apps import stages
from tests.support.crashing import Crash

HOUR = 3600


@pytest.fixture
def batch(stand):
    """A batch whose job runs, and which is asked about again in an hour."""
    stand.set(poll=HOUR, poll_max=HOUR)
    stand.ids = stand.submit("a", "b", callback=stages.take)
    batch = stand.sent()
    collect(stand.runtime)
    return stand.batch(batch)


def land(stand, batch):
    stand.provider.land(batch, stand.provider.rows(batch).values())


def test_a_hastened_batch_is_collected_now_and_not_in_an_hour(stand, batch):
    land(stand, batch)
    assert collect(stand.runtime) == []
    assert hasten(stand.runtime, [batch]) == [stand.batch(batch)]
    (arrived,) = collect(stand.runtime)
    assert arrived.state is BatchState.ARRIVED


def test_whoever_works_is_woken(stand, batch):
    stand.runtime.waker.take()
    hasten(stand.runtime, [batch])
    assert stand.runtime.waker.take()


def test_a_batch_that_has_arrived_or_is_closed_is_not_written_again_and_wakes_nobody(stand, batch):
    land(stand, batch)
    hasten(stand.runtime, [batch])
    collect(stand.runtime)
    arrived = stand.batch(batch)
    stand.runtime.waker.take()
    assert hasten(stand.runtime, [batch, arrived]) == []
    assert stand.batch(batch) == arrived
    drive(stand.runtime)
    closed = stand.batch(batch)
    assert closed.state is BatchState.CLOSED
    stand.runtime.waker.take()
    assert hasten(stand.runtime, [batch, arrived, closed]) == []
    assert stand.batch(batch) == closed
    assert not stand.runtime.waker.take()


@pytest.mark.parametrize("lane", [DIRECT, FLEX])
def test_a_batch_that_a_process_of_ours_sends_is_left_alone(stand, batch, lane):
    own = stand.store.save_batch(replace(batch, lane=lane))
    assert hasten(stand.runtime, [own]) == []
    assert stand.batch(batch) == own


def test_a_batch_that_was_removed_meanwhile_is_nothing(stand, batch):
    moved = stand.store.save_batch(replace(batch, poll_at=stand.clock.now()))
    assert hasten(stand.runtime, [replace(batch, id="b00")]) == []
    assert stand.batch(batch) == moved


def test_a_batch_that_another_process_changed_meanwhile_is_read_again(stand, batch):
    stand.store.save_batch(replace(batch, poll_at=stand.clock.now()))
    (due,) = hasten(stand.runtime, [batch])
    assert due == stand.batch(batch)


def test_a_hint_that_comes_while_the_driver_asks_is_not_lost(stand):
    """The provider says that the job runs; before that is written down, the job ends, and the hint comes."""
    stand.set(poll=HOUR, poll_max=HOUR)
    ids = stand.submit("a", callback=stages.take)
    batch = stand.sent()
    poll = stand.provider.poll

    def ends_right_after_the_question(asked):
        said = poll(asked)
        if stand.provider.calls["poll"] == 1:
            land(stand, batch)
            hasten(stand.runtime, [batch])
        return said

    stand.provider.poll = ends_right_after_the_question
    driver = Driver(stand.runtime)
    driver.turn()
    assert stand.states(ids) == ["CLAIMED"]
    driver.turn()
    assert stand.states(ids) == ["DONE"]


def test_a_process_that_is_killed_before_the_commit_changes_nothing(stand, batch):
    with pytest.raises(Crash):
        hasten(stand.killed("save_batch"), [batch])
    assert stand.batch(batch) == batch


def test_a_process_that_is_killed_after_the_commit_leaves_a_batch_that_every_driver_finds(stand, batch):
    land(stand, batch)
    stand.runtime.waker.take()
    with pytest.raises(Crash):
        hasten(stand.killed("save_batch", after=True), [batch])
    assert not stand.runtime.waker.take()
    collect(stand.runtime)
    assert stand.batch(batch).state is BatchState.ARRIVED


def test_a_rest_that_somebody_ends_is_followed_by_a_look_at_the_store(stand, batch):
    """Without the end of the rest the driver would sleep for an hour."""
    rests = []

    def nap(seconds):
        rests.append(seconds)
        land(stand, batch)
        hasten(stand.runtime, [batch])
        return True

    began = stand.clock.now()
    assert drive(stand.runtime, nap=nap)
    assert [each.progress.state for each in stand.store.prompts(stand.ids).values()] == [PromptState.DONE] * 2
    assert len(rests) == 1
    assert rests[0] > 1
    assert stand.clock.now() == began
