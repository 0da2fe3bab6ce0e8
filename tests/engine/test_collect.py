"""A job that is over becomes parts of its output, or sends its prompts back."""

from datetime import timedelta

import pytest

from gemchain.engine.stages.collect import collect, collect_one
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.launch import launch
from gemchain.errors import ProviderRejectedError, ProviderUnavailableError, StoreConflictError
from gemchain.records import Failure
from gemchain.records.states import BatchState
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import answer, error

EXPIRED = Failure("job", "the job ran out of time", retryable=True)


@pytest.fixture
def batch(stand):
    """A batch whose job runs."""
    stand.ids = stand.submit("a", "b", callback=stages.take)
    return stand.sent()


def again(stand):
    """Everything that rests is sent again; the batch."""
    stand.clock.advance(stand.runtime.settings.retry_delay_max)
    return stand.sent()


def test_a_job_that_runs_is_asked_after_later(stand, batch):
    assert collect(stand.runtime) == []
    asked = stand.batch(batch)
    assert asked.state is BatchState.SENT
    assert asked.poll_at == stand.clock.now() + timedelta(seconds=stand.runtime.settings.poll)
    assert collect(stand.runtime) == []
    assert stand.provider.calls["poll"] == 1


def test_questions_come_more_rarely_as_a_job_grows_old_yet_not_too_rarely(stand, batch):
    stand.set(poll=2, poll_max=30)
    rests = []
    for _ in range(200):
        collect(stand.runtime)
        rest = (stand.batch(batch).poll_at - stand.clock.now()).total_seconds()
        rests.append(rest)
        stand.clock.advance(rest)
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (2, 30)
    assert stand.provider.calls["poll"] == 200


def test_an_output_becomes_parts_of_its_bytes(stand, batch):
    stand.set(part_bytes=100)
    rows = list(stand.provider.rows(batch).values())
    stand.provider.land(batch, rows)
    (arrived,) = collect(stand.runtime)
    parts = stand.store.batch_parts(batch.id)
    size = sum(len(row) + 1 for row in rows)
    assert arrived.state is BatchState.ARRIVED
    assert arrived.output[0].size == size
    assert arrived.parts == len(parts) == -(-size // 100)
    assert [part.start for part in parts] == list(range(0, size, 100))
    assert parts[-1].end == size


def test_several_files_become_parts_in_their_order(stand, batch):
    first, second = stand.provider.rows(batch).values()
    stand.provider.land(batch, [first], [second], [])
    (arrived,) = collect(stand.runtime)
    assert [part.file for part in stand.store.batch_parts(batch.id)] == list(arrived.output[:2])
    list(dispatch(stand.runtime))
    assert sorted(stages.calls) == ["a", "b"]
    assert stand.batch(batch).state is BatchState.CLOSED


@pytest.mark.parametrize("files", [[], [[]]], ids=["no file", "an empty file"])
def test_an_output_without_a_byte_sends_every_prompt_again(stand, batch, files):
    stand.provider.land(batch, *files)
    (closed,) = collect(stand.runtime)
    assert closed.state is BatchState.CLOSED
    assert stand.batch(batch).counts.missing == 2
    second = again(stand)
    assert sorted(stand.provider.inputs(second)) == sorted(stand.ids)


def test_the_waker_hears_of_every_part(stand, batch):
    stand.runtime.waker.take()
    stand.provider.land(batch, stand.provider.rows(batch).values())
    collect(stand.runtime)
    assert stand.runtime.waker.take()


# Jobs that come to nothing.


def test_the_prompts_of_a_failed_job_are_sent_again(stand, batch):
    stand.provider.fail(batch, "internal error")
    (failed,) = collect(stand.runtime)
    assert failed.state is BatchState.FAILED
    assert failed.failure.message == "internal error"
    prompt = stand.prompt(stand.ids[0])
    assert (prompt.progress.state, prompt.progress.attempt) == ("QUEUED", 2)
    assert prompt.progress.failure.message == "internal error"
    second = again(stand)
    stand.provider.land(second, stand.provider.rows(second).values())
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    assert stand.states(stand.ids) == ["DONE", "DONE"]
    assert stand.prompt(stand.ids[0]).progress.failure is None


def test_a_prompt_fails_in_the_jobs_words_when_its_attempts_are_used_up(stand):
    (prompt_id,) = stand.submit("a", max_attempts=2)
    for attempt in (1, 2):
        batch = again(stand)
        assert stand.prompt(prompt_id).progress.attempt == attempt
        stand.provider.fail(batch, f"internal error {attempt}")
        collect(stand.runtime)
    assert stand.states([prompt_id]) == ["FAILED"]
    assert stand.chain(prompt_id).failure.message == "internal error 2"


def test_a_job_that_failed_for_good_is_not_sent_again(stand, batch):
    stand.provider.fail(batch, "the input is not JSONL", retryable=False)
    collect(stand.runtime)
    assert stand.states(stand.ids) == ["FAILED", "FAILED"]
    assert stand.prompt(stand.ids[0]).progress.attempt == 1


def test_a_job_that_the_provider_no_longer_knows_fails_its_batch(stand, batch):
    stand.provider.next("poll", ProviderRejectedError("no such job"))
    (failed,) = collect(stand.runtime)
    assert failed.state is BatchState.FAILED
    assert stand.chain(stand.ids[0]).failure.message == "no such job"


def test_a_provider_that_does_not_answer_is_asked_later(stand, batch):
    stand.provider.next("poll", ProviderUnavailableError("503"))
    assert collect(stand.runtime) == []
    assert collect(stand.runtime) == []
    assert stand.provider.calls["poll"] == 1
    stand.clock.advance(stand.runtime.settings.poll)
    collect(stand.runtime)
    assert stand.provider.calls["poll"] == 2


def test_a_provider_that_does_not_answer_for_one_job_does_not_hold_another(stand, batch):
    stand.submit("c")
    stand.clock.advance(stand.runtime.settings.max_wait)
    other = stand.sent()
    stand.provider.land(other, stand.provider.rows(other).values())
    stand.provider.next("poll", ProviderUnavailableError("503"))
    assert [each.id for each in collect(stand.runtime)] == [other.id]


def test_an_expired_job_is_used_as_far_as_it_came_and_only_the_rest_is_sent_again(stand):
    ids = stand.submit("a", "b", "c", callback=stages.take)
    batch = stand.sent()
    rows = stand.provider.rows(batch)
    stand.provider.land(batch, [rows[ids[0]], rows[ids[2]]], failure=EXPIRED)
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    assert stand.states(ids) == ["DONE", "QUEUED", "DONE"]
    closed = stand.batch(batch)
    assert (closed.counts.done, closed.counts.missing, closed.failure) == (2, 1, EXPIRED)
    assert stand.prompt(ids[1]).progress.failure.message == EXPIRED.message
    second = again(stand)
    assert list(stand.provider.inputs(second)) == [ids[1]], "what was delivered is not paid again"


def test_a_row_that_failed_in_a_partial_job_is_sent_again_once(stand):
    ids = stand.submit("a", "b", "c")
    batch = stand.sent()
    lines = stand.provider.inputs(batch)
    stand.provider.land(batch, [answer(lines[ids[0]]), error(lines[ids[1]])], failure=EXPIRED)
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    assert sorted(stand.provider.inputs(again(stand))) == sorted(ids[1:])
    assert [stand.prompt(each).progress.attempt for each in ids] == [1, 2, 2]


# Crashes and company.


@pytest.mark.parametrize("after", [False, True])
def test_a_collector_that_dies_loses_nothing(stand, batch, after):
    stand.provider.land(batch, stand.provider.rows(batch).values())
    with pytest.raises(Crash):
        collect(stand.killed("save_batch", after=after))
    collect(stand.runtime)
    assert stand.batch(batch).state is BatchState.ARRIVED
    list(dispatch(stand.runtime))
    assert sorted(stages.calls) == ["a", "b"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["save_batch", "commit"])
def test_a_collector_that_dies_over_a_failed_job_sends_every_prompt_again_once(stand, batch, verb, after):
    stand.provider.fail(batch)
    with pytest.raises(Crash):
        collect(stand.killed(verb, after=after))
    collect(stand.runtime)
    assert stand.batch(batch).state is BatchState.FAILED
    assert [stand.prompt(each).progress.attempt for each in stand.ids] == [2, 2]


def test_two_collectors_at_once_record_the_same_parts_once(stand, batch):
    stand.provider.land(batch, stand.provider.rows(batch).values())
    mine = collect(stand.interrupted("save_batch", lambda: collect(stand.runtime)))
    assert mine == [], "the other was faster"
    assert stand.batch(batch).state is BatchState.ARRIVED
    assert len(stand.store.batch_parts(batch.id)) == 1


def test_two_collectors_of_a_failed_job_use_up_one_attempt(stand, batch):
    stand.provider.fail(batch)
    collect(stand.interrupted("commit", lambda: collect_one_quietly(stand, batch)))
    assert stand.batch(batch).state is BatchState.FAILED
    assert [stand.prompt(each).progress.attempt for each in stand.ids] == [2, 2]


def collect_one_quietly(stand, batch):
    collect_one(stand.runtime, stand.batch(batch))


def test_a_hint_that_comes_late_finds_the_batch_moved_on(stand, batch):
    stand.provider.land(batch, stand.provider.rows(batch).values())
    collect(stand.runtime)
    with pytest.raises(StoreConflictError):
        collect_one(stand.runtime, batch)
    assert len(stand.store.batch_parts(batch.id)) == 1
    assert launch(stand.runtime) == []
