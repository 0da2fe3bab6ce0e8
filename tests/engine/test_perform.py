"""Batches that this process sends itself: pieces, leases, lanes, and what a crash leaves.

Longer than 300 lines: one stage, with all that may happen to a batch on its way.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gemchain.api.operations import cancel_chain
from gemchain.engine.batches import performance
from gemchain.engine.drive import Driver, drive
from gemchain.engine.operations.cancel_batch import cancel_batch
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.perform import Performer
from gemchain.errors import ConfigurationError, NotSetUpError, StoreUnavailableError
from gemchain.ports import Capabilities
from gemchain.records import Failure, RowCounts
from gemchain.records.lanes import BATCH, DIRECT, FLEX
from gemchain.records.states import BatchState
from gemchain.runtime import using
from tests.apps import stages
from tests.support.crashing import Crash

DAY = 24 * 3600


@pytest.fixture
def stand(stand):
    """The same, whose model has every lane."""
    stand.provider.can = Capabilities(lanes=(FLEX, BATCH, DIRECT))
    return stand


@pytest.fixture
def ids(stand):
    return stand.submit("a", "b", "c", callback=stages.take, lane="direct")


@pytest.fixture
def batch(stand, ids):
    """The batch of the three prompts, SENT, and performed by nobody yet."""
    return stand.sent()


class Process:
    """A process that performs, and goes through its stages as the test says."""

    def __init__(self, stand, runtime=None):
        self.stand = stand
        self.performer = Performer(runtime or stand.runtime)

    @property
    def run(self):
        return self.stand.provider.runs[-1]

    def step(self, seconds=0):
        """Let so much time pass, and carry on."""
        self.stand.clock.advance(seconds)
        return self.performer.step()

    def flush(self):
        """Let what came in be written down."""
        return self.step(self.stand.runtime.settings.flush)


@pytest.fixture
def process(stand):
    return Process(stand)


def dispatched(stand):
    return list(dispatch(stand.runtime))


def done(stand, ids):
    return [orjson.loads(stand.chain(each).result or "null") for each in ids]


def test_a_batch_of_the_lane_has_no_job_and_its_requests_are_fed_to_a_run(stand, process, batch, ids):
    assert (batch.state, batch.job, batch.lane) == (BatchState.SENT, None, "direct")
    assert process.step()
    assert process.run.asked == ids
    assert stand.provider.created == []
    assert collect(stand.runtime) == [], "there is no job to ask after"


def test_its_holder_has_a_lease_and_renews_it(stand, process, batch):
    process.step()
    leased = stand.batch(batch)
    assert (leased.fence, leased.leased_until_at) == (
        batch.fence + 1,
        stand.clock.now() + timedelta(seconds=30),
    )
    process.step(11)
    assert stand.batch(batch).leased_until_at == stand.clock.now() + timedelta(seconds=30)


def test_answers_are_written_down_every_second_and_dispatched_while_the_rest_is_on_its_way(
    stand, process, batch, ids
):
    process.step()
    process.run.answer(ids[0])
    assert not process.step(0.5)
    assert process.step(0.5)
    assert (stand.batch(batch).state, stand.batch(batch).parts) == (BatchState.SENT, 1)
    dispatched(stand)
    assert stand.states(ids) == ["DONE", "CLAIMED", "CLAIMED"]
    process.run.answer(*ids[1:])
    process.step()
    assert (stand.batch(batch).state, stand.batch(batch).parts) == (BatchState.ARRIVED, 2)
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)
    assert done(stand, ids) == ["a", "b", "c"]


def test_many_answers_are_written_down_before_the_second_is_over(stand, process, batch, ids, monkeypatch):
    monkeypatch.setattr(performance, "PIECE", 2)
    process.step()
    process.run.answer(ids[0])
    assert not process.step()
    process.run.answer(ids[1])
    assert process.step()
    assert stand.batch(batch).parts == 1


def test_no_more_is_read_than_the_run_has_room_for(stand, process):
    stand.provider.at_a_time = 4
    ids = stand.submit(*map(str, range(10)), lane="direct")
    stand.sent()
    process.step()
    assert process.run.asked == ids[:4]
    process.run.answer(ids[2])
    process.step()
    assert process.run.asked == ids[:5]


def test_a_failed_request_is_sent_again_in_another_batch(stand, process, batch, ids):
    process.step()
    process.run.answer(*ids[1:])
    process.run.refuse(ids[0], Failure("server", "500: boom", retryable=True))
    process.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=2, retried=1)
    assert stand.states(ids) == ["QUEUED", "DONE", "DONE"]


def test_a_refused_request_fails_in_the_services_words(stand, process, batch, ids):
    process.step()
    process.run.answer(*ids[1:])
    process.run.refuse(ids[0], Failure("context", "400: too long"))
    process.step()
    dispatched(stand)
    assert stand.chain(ids[0]).failure.message == "400: too long"
    assert stand.states(ids) == ["FAILED", "DONE", "DONE"]


def test_prompts_that_were_cancelled_or_are_too_late_are_not_asked(stand, process):
    late = stand.submit("late", lane="direct", deadline=timedelta(seconds=60))
    gone, wanted = stand.submit("gone", "wanted", lane="direct")
    stand.sent()
    cancel_chain(stand.store, stand.chain(gone).id)
    process.step(61)
    assert process.run.asked == [wanted]
    process.run.answer(wanted)
    process.step()
    dispatched(stand)
    assert stand.states([*late, wanted]) == ["FAILED", "DONE"]
    assert stand.chain(late[0]).failure.reason == "deadline"


# Crashes.


def test_what_was_written_before_a_crash_is_not_asked_again(stand, batch, ids):
    first = Process(stand)
    first.step()
    first.run.answer(*ids[:2])
    first.flush()
    second = Process(stand)
    second.step(stand.runtime.settings.lease)
    assert second.run.asked == ids[2:]
    second.run.answer_all()
    second.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)


def test_a_piece_that_no_commit_names_yet_counts(stand, batch, ids):
    """The process dies between the piece and the commit."""
    first = Process(stand)
    first.step()
    first.run.answer(*ids[:2])
    dying = stand.killed("save_batch")
    for each in first.performer._going.values():
        each._runtime = dying
    with pytest.raises(Crash):
        first.flush()
    assert stand.batch(batch).parts == 0
    second = Process(stand)
    second.step(stand.runtime.settings.lease)
    assert second.run.asked == ids[2:]
    second.run.answer_all()
    second.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)
    assert Counter(stand.provider.asked) == Counter([*ids, ids[2]]), "the last one was on its way"


def test_a_process_that_dies_after_the_commit_is_carried_on(stand, batch, ids):
    first = Process(stand)
    first.step()
    first.run.answer(*ids)
    for each in first.performer._going.values():
        each._runtime = stand.killed("save_batch", after=True)
    with pytest.raises(Crash):
        first.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)


def test_only_what_was_on_its_way_is_asked_twice(stand, batch, ids):
    first = Process(stand)
    first.step()
    first.run.answer(ids[0])  # and dies before the piece
    second = Process(stand)
    second.step(stand.runtime.settings.lease)
    assert Counter(stand.provider.asked) == Counter(ids * 2)


def test_a_damaged_piece_costs_its_prompts_a_second_request_and_no_more(stand, batch, ids):
    first = Process(stand)
    first.step()
    first.run.answer(*ids[:2])
    first.run._lines[0] = b'{"direct": broken\n'
    first.flush()
    second = Process(stand)
    second.step(stand.runtime.settings.lease)
    assert second.run.asked == [ids[0], ids[2]]
    second.run.answer_all()
    second.step()
    dispatched(stand)
    assert stand.states(ids) == ["DONE"] * 3
    assert stand.batch(batch).counts == RowCounts(done=3, malformed=1)


# Company.


def test_two_processes_do_not_perform_one_batch(stand, process, batch, ids):
    other = Process(stand)
    assert process.step()
    assert not other.step()
    assert (len(stand.provider.runs), stand.provider.asked) == (1, ids)


def test_of_two_that_take_it_at_the_same_moment_one_gets_it(stand, process, batch, ids):
    slow = Process(stand, stand.interrupted("save_batch", process.step))
    assert not slow.step()
    assert (len(stand.provider.runs), stand.provider.asked) == (1, ids)
    assert not slow.performer.is_busy


def test_who_slept_through_its_lease_stops_and_nothing_counts_twice(stand, process, batch, ids):
    process.step()
    asleep = process.run
    other = Process(stand)
    other.step(stand.runtime.settings.lease)
    asleep.answer(*ids[:2])
    process.flush()
    assert (asleep.stopped, process.performer.is_busy) == (0.0, False)
    other.run.answer_all()
    other.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3, duplicate=2)
    assert sorted(stages.calls) == ["a", "b", "c"]


def test_pieces_of_who_was_slow_to_see_it_are_used_when_the_batch_ends(stand, process, batch, ids):
    process.step()
    asleep = process.run
    other = Process(stand)
    other.step(stand.runtime.settings.lease)
    asleep.answer(ids[0])
    process.flush()
    other.run.answer(*ids[1:])
    other.flush()
    other.performer.release()
    third = Process(stand)
    third.step()
    assert third.run.asked == [], "the piece of the sleeper has the answer"
    dispatched(stand)
    assert stand.states(ids) == ["DONE"] * 3


def test_a_batch_that_is_gone_is_let_go(stand, process, batch, monkeypatch):
    process.step()
    monkeypatch.setattr(stand.store, "open_batches", list)
    process.step()
    assert (process.performer.is_busy, process.run.stopped is not None) == (False, True)


# Cancelled.


def test_a_cancelled_batch_asks_nothing_more_and_uses_what_is_on_its_way(stand, process, batch):
    stand.provider.at_a_time = 2
    process.step()
    first, second = process.run.asked
    stand.provider.at_a_time = 0
    cancel_batch(stand.runtime, batch.id)
    process.run.answer(first)
    process.flush()
    assert process.run.stopped == performance.DRAIN
    process.run.answer(second)
    process.step()
    assert stand.batch(batch).state is BatchState.ARRIVED
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=2, missing=1)
    assert len(process.run.asked) == 2
    assert stand.states([first, second]) == ["DONE", "DONE"]


def test_a_batch_that_is_cancelled_while_nobody_performs_it_is_given_up(stand, process, batch, ids):
    cancel_batch(stand.runtime, batch.id)
    process.step()
    assert stand.provider.asked == []
    assert stand.batch(batch).state is BatchState.CLOSED
    assert stand.states(ids) == ["QUEUED"] * 3
    assert stand.prompt(ids[0]).progress.failure.message.startswith("the batch was cancelled")


def test_a_cancellation_that_comes_with_the_last_answer_loses_nothing(stand, process, batch, ids):
    process.step()
    process.run.answer(*ids)
    cancel_batch(stand.runtime, batch.id)
    process.step()
    assert stand.batch(batch).state is BatchState.ARRIVED
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)


# Faster lanes.


def test_a_batch_that_takes_too_long_goes_over_with_what_its_job_did_not_answer(stand, process):
    stand.set(escalate_after=3600)
    stand.provider.can = Capabilities(lanes=(BATCH, DIRECT))
    ids = stand.submit("a", "b", "c", callback=stages.take, lane="batch")
    batch = stand.sent()
    lines = stand.provider.rows(batch)
    stand.clock.advance(3600)
    collect(stand.runtime)
    assert stand.provider.cancelled == [batch.job]
    assert stand.batch(batch).next_lane == "direct"
    assert not process.step(), "nothing is asked while the job may still answer"
    stand.provider.land(batch, [lines[ids[0]]], failure=Failure("job", "cancelled", retryable=True))
    stand.pass_time()
    collect(stand.runtime)
    dispatched(stand)
    over = stand.batch(batch)
    assert (over.state, over.lane, over.job, over.source) == (BatchState.SENT, "direct", None, "batch")
    process = Process(stand)
    process.step()
    assert process.run.asked == ids[1:]
    process.run.answer_all()
    process.step()
    dispatched(stand)
    assert stand.batch(batch).state is BatchState.CLOSED
    assert done(stand, ids) == ["a", "b", "c"]


def test_a_batch_whose_job_would_deliver_nothing_when_it_is_cancelled_stays(stand):
    stand.set(escalate_after=600)
    stand.provider.can = stand.provider.can._replace(partial=False)
    stand.submit("a", lane="batch")
    batch = stand.sent()
    stand.clock.advance(700)
    collect(stand.runtime)
    assert (stand.batch(batch).next_lane, stand.provider.cancelled) == (None, [])


def test_a_flex_batch_that_takes_too_long_waits_for_what_is_on_its_way_and_goes_over(stand):
    stand.set(escalate_after=600)
    stand.provider.at_a_time = 1
    process = Process(stand)
    ids = stand.submit("a", "b", "c", callback=stages.take, lane="flex")
    batch = stand.sent()
    process.step()
    process.step(600)
    run = process.run
    assert (run.asked, run.stopped) == (ids[:1], performance.ON_ITS_WAY)
    process.step(60)
    waits = stand.batch(batch)
    assert (waits.lane, waits.leased_until_at) == ("flex", stand.clock.now() + timedelta(seconds=30))
    run.answer_all()
    process.step()
    over = stand.batch(batch)
    assert (over.state, over.lane, over.leased_until_at, over.parts) == (BatchState.SENT, "direct", None, 1)
    stand.provider.at_a_time = 8
    process.step()
    assert process.run is not run
    assert process.run.asked == ids[1:]
    process.run.answer_all()
    process.step()
    dispatched(stand)
    assert done(stand, ids) == ["a", "b", "c"]


def test_what_was_answered_while_it_goes_over_is_not_asked_again(stand):
    stand.set(escalate_after=600)
    process = Process(stand)
    stand.submit("a", "b", lane="flex")
    batch = stand.sent()
    process.step()
    process.step(600)
    process.run.answer_all()
    process.step()
    assert stand.batch(batch).lane == "direct"
    process.step()
    assert process.run.asked == []
    assert stand.batch(batch).state is BatchState.ARRIVED


def test_a_run_may_send_as_long_as_its_lease_holds(stand, process, batch):
    process.step()
    assert process.run.allowed_until == stand.batch(batch).leased_until_at
    process.step(11)
    assert (
        process.run.allowed_until
        == stand.batch(batch).leased_until_at
        == stand.clock.now() + timedelta(seconds=30)
    )


def test_leases_are_kept_while_callbacks_run(stand, process, batch):
    process.step()
    stand.clock.advance(11)
    process.performer.keep()
    assert stand.batch(batch).leased_until_at == stand.clock.now() + timedelta(seconds=30)


def test_a_cancelled_batch_stops_what_was_fed(stand, process, batch):
    process.step()
    with using(stand.runtime):
        cancel_batch(stand.runtime, batch.id)
    process.step(11)
    assert process.run.stopped is not None


def test_a_cancelled_flex_batch_does_not_go_over(stand):
    stand.set(escalate_after=600)
    process = Process(stand)
    ids = stand.submit("a", lane="flex")
    batch = stand.sent()
    process.step()
    cancel_batch(stand.runtime, batch.id)
    process.step(600)
    process.step()
    assert stand.batch(batch).lane == "flex"
    assert stand.provider.asked == ids


# What a person has to mend, and a store that is away.


def test_a_provider_that_is_not_set_up_gives_the_batch_back_at_once(stand, process, batch):
    stand.provider.next("start", ConfigurationError("no key"))
    with pytest.raises(NotSetUpError, match="no key"):
        process.step()
    assert stand.batch(batch).leased_until_at is None
    assert process.step(), "the next run goes on"


def test_answers_that_came_before_a_key_was_refused_are_kept(stand, process, batch, ids):
    process.step()
    process.run.answer(ids[0])
    process.run.trouble = ConfigurationError("the key is refused")
    stand.provider.latency = 3600
    with pytest.raises(NotSetUpError, match="the key is refused"):
        process.step()
    kept = stand.batch(batch)
    assert (kept.parts, kept.leased_until_at, kept.state) == (1, None, BatchState.SENT)
    again = Process(stand)
    again.step()
    assert again.run.asked == ids[1:]


def test_a_run_ends_when_all_that_is_left_needs_a_person(stand, batch, ids):
    stand.provider.next("start", ConfigurationError("no key"))
    with pytest.raises(NotSetUpError, match="no key"):
        drive(stand.runtime)
    assert stand.batch(batch).leased_until_at is None


def test_a_key_that_is_refused_while_answers_are_waited_for_ends_the_run_too(stand, batch, ids):
    stand.provider.latency = 3600
    driver = Driver(stand.runtime)
    driver.turn()
    stand.provider.runs[0].trouble = ConfigurationError("the key is refused")
    driver.rest(None)
    assert "scripted" in driver.aside
    driver.turn()
    with pytest.raises(NotSetUpError, match="the key is refused"):
        driver.is_not_stuck()
    assert stand.batch(batch).leased_until_at is None


def test_a_store_that_is_away_loses_no_answer(stand, process, batch, ids, monkeypatch):
    process.step()
    process.run.answer(*ids)
    with monkeypatch.context() as away:
        away.setattr(stand.store, "save_batch", lambda *_, **__: raises(StoreUnavailableError("away")))
        with pytest.raises(StoreUnavailableError):
            process.step()
    process.step()
    dispatched(stand)
    assert stand.batch(batch).counts == RowCounts(done=3)


def raises(error):
    raise error


# The whole run.


def test_a_run_sends_answers_and_ends(stand, batch, ids):
    stand.provider.latency = 0.3
    begun = stand.clock.now()
    assert drive(stand.runtime)
    assert done(stand, ids) == ["a", "b", "c"]
    assert stand.clock.now() - begun < timedelta(seconds=5)


def test_a_chain_goes_on_as_soon_as_its_answer_is_there(stand):
    stand.set(lane="direct")
    stand.provider.latency = 0.3
    ids = stand.submit("a", "b", callback=stages.carry_on)
    with using(stand.runtime):
        drive(stand.runtime)
    assert sorted(stages.calls) == ["a", "after a", "after b", "b"]
    assert len(ids) == 2


def test_the_end_of_a_run_writes_down_what_comes_in_meanwhile(stand, batch, ids):
    stand.provider.latency = 3.0
    drive(stand.runtime, timeout=1.0)
    left = stand.batch(batch)
    assert (left.parts, left.leased_until_at) == (1, None)
    assert len(stand.provider.runs) == 1
    assert drive(stand.runtime)
    assert Counter(stand.provider.asked) == Counter(ids), "nothing is asked again"
    assert done(stand, ids) == ["a", "b", "c"]


def test_what_takes_longer_is_given_up_and_asked_by_the_next_run(stand, batch, ids):
    stand.provider.latency = 1000.0
    drive(stand.runtime, timeout=1.0)
    assert stand.provider.runs[0].stopped == performance.DRAIN
    assert stand.batch(batch).leased_until_at is None
    stand.provider.latency = 0.1
    drive(stand.runtime)
    assert Counter(stand.provider.asked) == Counter(ids * 2)
    assert done(stand, ids) == ["a", "b", "c"]


def test_what_is_waited_for_is_logged_once(stand, process, batch, caplog):
    process.step()
    process.run.held_up = "asks to wait"
    for _ in range(3):
        process.performer.wait(stand.clock.now() + timedelta(seconds=0.3))
    assert caplog.text.count("asks to wait") == 1
    assert process.performer.held_up == "asks to wait"
    process.performer.release()


def test_a_batch_that_cannot_be_given_back_does_not_hide_why_the_run_ended(
    stand, process, batch, monkeypatch
):
    process.step()
    monkeypatch.setattr(stand.store, "save_batch", lambda *_, **__: raises(StoreUnavailableError("away")))
    process.performer.release()
    assert not process.performer.is_busy


def test_other_lanes_and_leased_batches_are_left_alone(stand, process):
    stand.submit("a", lane="batch")
    batch = stand.sent()
    assert not process.step()
    assert replace(stand.batch(batch)) == batch
