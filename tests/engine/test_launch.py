"""A batch with an input file becomes one provider job, however often it is tried.

Longer than 300 lines: one stage, with all that may happen around a job.
"""

import pytest
from greenlet import greenlet

from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.launch import launch
from gemchain.errors import ProviderRejectedError, ProviderUnavailableError
from gemchain.records.identity import job_name
from gemchain.records.states import BatchState
from tests.apps import stages
from tests.support.crashing import Crash


def die():
    raise Crash


def silent_for_too_long(stand, then=lambda: None):
    """The process does nothing for longer than its lease lasts, and meanwhile something happens."""

    def happening():
        stand.clock.advance(stand.runtime.settings.lease + stand.provider.listing_lag)
        then()

    return happening


@pytest.fixture
def batch(stand):
    """A batch that waits to be sent."""
    stand.submit("a", "b")
    return stand.written()


def test_a_batch_is_sent_under_its_own_name(stand, batch):
    (sent,) = launch(stand.runtime)
    assert sent == stand.batch(batch)
    assert sent.state is BatchState.SENT
    assert sent.job == stand.provider.created[0]
    assert sent.job.startswith(job_name(batch.id))
    assert (sent.sent_at, sent.leased_until_at) == (stand.clock.now(), None)


def test_the_first_launch_does_not_spend_a_listing(stand, batch):
    launch(stand.runtime)
    assert stand.provider.calls == {"create": 1, "created": 1}


def test_a_sent_batch_is_not_sent_again(stand, batch):
    launch(stand.runtime)
    assert launch(stand.runtime) == []
    assert len(stand.provider.created) == 1


def test_a_job_that_was_created_before_a_crash_is_adopted(stand, batch):
    stand.provider.next("created", Crash())
    with pytest.raises(Crash):
        launch(stand.runtime)
    assert stand.batch(batch).state is BatchState.WRITTEN
    assert launch(stand.runtime) == [], "the lease of the dead process still runs"
    stand.clock.advance(stand.runtime.settings.lease)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created
    assert stand.provider.calls["find"] == 1


def test_a_process_that_died_before_it_could_record_its_job_is_carried_on(stand, batch):
    runtime = stand.interrupted("save_batch", lambda: None)
    stand.provider.next("created", lambda: setattr(runtime.store, "_happening", die))
    with pytest.raises(Crash):
        launch(runtime)
    stand.clock.advance(stand.runtime.settings.lease)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_process_that_died_before_it_created_a_job_creates_it_later(stand, batch):
    stand.provider.next("create", Crash())
    with pytest.raises(Crash):
        launch(stand.runtime)
    stand.clock.advance(stand.runtime.settings.lease)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_creation_whose_reply_was_lost_is_adopted_and_never_made_twice(stand, batch):
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    assert launch(stand.runtime) == []
    stand.clock.advance(stand.runtime.settings.poll)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_process_that_sleeps_through_its_lease_before_it_creates_creates_nothing(stand, batch, monkeypatch):
    save, sleep = stand.runtime.store.save_batch, silent_for_too_long(stand)

    def slow(batch, **more):
        saved = save(batch, **more)
        monkeypatch.undo()
        sleep()
        return saved

    monkeypatch.setattr(stand.runtime.store, "save_batch", slow)
    assert launch(stand.runtime) == []
    assert stand.provider.created == []
    stand.clock.advance(stand.provider.listing_lag)
    (sent,) = launch(stand.runtime)
    assert sent.state is BatchState.SENT
    assert len(stand.provider.created) == 1


def test_a_listing_that_lags_is_waited_for_before_anything_is_created(stand, batch):
    stand.provider.listing_lag = 20
    stand.provider.shows_after = 20
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    launch(stand.runtime)
    for _ in range(19):
        stand.clock.advance(1)
        launch(stand.runtime)
    assert stand.batch(batch).state is BatchState.WRITTEN
    stand.clock.advance(20)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_look_at_the_list_counts_from_when_it_began(stand, batch):
    stand.provider.listing_lag = 20
    stand.provider.shows_after = 20
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    launch(stand.runtime)
    stand.clock.advance(stand.runtime.settings.poll)
    found = stand.provider.find

    def find_and_sleep(asked):
        job = found(asked)
        stand.clock.advance(25)
        return job

    stand.provider.find = find_and_sleep
    launch(stand.runtime)
    assert stand.provider.calls["create"] == 1
    stand.provider.find = found
    launch(stand.runtime)
    assert [stand.batch(batch).job] == stand.provider.created


def test_after_the_lag_a_job_that_never_shows_is_created_anew(stand, batch):
    stand.provider.listing_lag = 20
    stand.provider.next("create", ProviderUnavailableError("nothing came of it"))
    launch(stand.runtime)
    stand.clock.advance(10)
    launch(stand.runtime)
    assert stand.provider.calls["create"] == 1
    stand.clock.advance(20)
    (sent,) = launch(stand.runtime)
    assert stand.provider.calls["create"] == 2
    assert [sent.job] == stand.provider.created


def test_every_creation_starts_the_lag_anew(stand, batch):
    stand.provider.listing_lag = 20
    lost = ProviderUnavailableError("no reply")
    stand.provider.next("create", lost, lost)
    launch(stand.runtime)
    stand.clock.advance(30)
    launch(stand.runtime)
    stand.clock.advance(10)
    launch(stand.runtime)
    assert stand.provider.calls["create"] == 2
    stand.clock.advance(20)
    assert launch(stand.runtime)


# Company.


def test_two_launchers_at_once_make_one_job(stand, batch):
    launch(stand.interrupted("save_batch", lambda: launch(stand.runtime)))
    assert len(stand.provider.created) == 1
    assert stand.batch(batch).job == stand.provider.created[0]


def test_a_launcher_whose_lease_was_taken_over_while_it_created_cancels_its_job(stand, batch):
    stand.provider.next("create", silent_for_too_long(stand, lambda: launch(stand.runtime)))
    assert launch(stand.runtime) == []
    first, second = stand.provider.created
    assert stand.batch(batch).job == first
    assert stand.provider.cancelled == [second]


def test_a_launcher_whose_batch_was_removed_while_it_created_cancels_its_job(stand, batch, monkeypatch):
    def others_finish_and_remove():
        launch(stand.runtime)
        monkeypatch.setattr(stand.store, "batches", lambda ids: {})

    stand.provider.next("create", silent_for_too_long(stand, others_finish_and_remove))
    assert launch(stand.runtime) == []
    assert stand.provider.cancelled == [stand.provider.created[1]]


def test_a_launcher_whose_job_was_adopted_meanwhile_leaves_it_running(stand, batch):
    stand.provider.next("created", silent_for_too_long(stand, lambda: launch(stand.runtime)))
    assert launch(stand.runtime) == []
    assert [stand.batch(batch).job] == stand.provider.created
    assert stand.provider.cancelled == []


def test_two_that_create_at_the_same_time_leave_one_job(stand, batch, monkeypatch):
    """The slow one waits until the quick one has recorded a job: it might still adopt the slow one's."""
    slow, quick = (greenlet(lambda: launch(stand.runtime)) for _ in range(2))
    here = greenlet.getcurrent()
    monkeypatch.setattr(stand.clock, "sleep", lambda seconds: here.switch())
    stand.provider.next("create", here.switch, here.switch)
    slow.switch()
    stand.clock.advance(stand.runtime.settings.lease)
    quick.switch()
    slow.switch()
    assert len(stand.provider.created) == 1
    assert stand.provider.cancelled == []
    quick.switch()
    slow.switch()
    first, second = stand.provider.created
    assert stand.batch(batch).job == second
    assert stand.provider.cancelled == [first]


def test_a_late_job_is_adopted_when_the_new_holder_died(stand, batch):
    def take_over_and_die():
        stand.provider.next("create", Crash())
        with pytest.raises(Crash):
            launch(stand.runtime)

    stand.provider.next("create", silent_for_too_long(stand, take_over_and_die))
    assert launch(stand.runtime) == []
    assert stand.provider.cancelled == []
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_second_job_that_cannot_be_cancelled_holds_nothing_up(stand, batch, caplog):
    stand.provider.next("create", silent_for_too_long(stand, lambda: launch(stand.runtime)))
    stand.provider.next("cancel", ProviderUnavailableError("503"))
    assert launch(stand.runtime) == []
    assert stand.batch(batch).state is BatchState.SENT
    assert f"{stand.provider.created[1]} runs in vain" in caplog.text


# Refusals, and others that are not touched by them.


def test_a_refused_batch_fails_its_prompts_in_the_providers_words(stand):
    ids = stand.submit("a", "b", callback=stages.take)
    batch = stand.written()
    stand.provider.next("create", ProviderRejectedError("no such model 'model' in europe-west1"))
    (failed,) = launch(stand.runtime)
    assert failed.state is BatchState.FAILED
    assert stand.states(ids) == ["FAILED", "FAILED"]
    assert stand.chain(ids[0]).failure.reason == "rejected"
    assert "europe-west1" in stand.chain(ids[0]).failure.message
    assert stand.batch(batch).failure.message == stand.chain(ids[1]).failure.message
    assert stages.calls == []


def test_a_refused_prompt_goes_to_on_error(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take, on_error=stages.rescue)
    stand.written()
    stand.provider.next("create", ProviderRejectedError("no quota for batches"))
    launch(stand.runtime)
    (error,) = stages.errors
    assert (error.reason, error.message) == ("rejected", "no quota for batches")
    assert stand.states([prompt_id]) == ["DONE"]
    assert stand.chain(prompt_id).result == '"rejected"'


def test_a_process_that_died_while_it_abandoned_a_refused_batch_is_carried_on(stand):
    ids = stand.submit("a", "b")
    stand.written()
    stand.provider.next("create", ProviderRejectedError("no"))
    with pytest.raises(Crash):
        launch(stand.killed("commit"))
    assert stand.states(ids) == ["CLAIMED", "CLAIMED"]
    stand.clock.advance(stand.runtime.settings.lease)
    (failed,) = launch(stand.runtime)
    assert failed.state is BatchState.FAILED
    assert stand.states(ids) == ["FAILED", "FAILED"]
    assert stand.provider.calls["create"] == 1


def test_an_unavailable_provider_is_put_off_and_tried_again(stand, batch):
    stand.provider.next("create", ProviderUnavailableError("503"))
    assert launch(stand.runtime) == []
    assert launch(stand.runtime) == []
    assert stand.provider.calls["create"] == 1, "not before some time has passed"
    stand.clock.advance(stand.runtime.settings.poll)
    (sent,) = launch(stand.runtime)
    assert sent.state is BatchState.SENT


def test_a_listing_that_is_unavailable_creates_nothing(stand, batch):
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    stand.provider.next("find", ProviderUnavailableError("503"), ProviderUnavailableError("503"))
    for _ in range(3):
        assert len(stand.provider.created) <= 1
        launch(stand.runtime)
        stand.clock.advance(stand.runtime.settings.poll)
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created


def test_a_provider_that_cannot_tell_for_hours_is_asked_less_and_less_often(stand, batch):
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    stand.provider.next("find", *[ProviderUnavailableError("it still runs")] * 10_000)
    launch(stand.runtime)
    settings = stand.runtime.settings
    for _ in range(3600):
        launch(stand.runtime)
        stand.clock.advance(settings.poll)
    asked = stand.provider.calls["find"]
    assert 3600 / settings.poll_max <= asked < 3600 / settings.poll / 10
    assert len(stand.provider.created) == 1
    launch(stand.runtime)
    rest = stand.batch(batch).poll_at - stand.clock.now()
    assert rest.total_seconds() <= settings.poll_max


@pytest.mark.parametrize(
    "trouble", [ProviderRejectedError("no such model"), ProviderUnavailableError("503")], ids=["bad", "away"]
)
def test_a_bad_model_never_blocks_another(stand, trouble):
    stand.submit("a", model="bad")
    stand.submit("b", model="good")
    assemble(stand.runtime)
    stand.provider.next("create", trouble)
    launch(stand.runtime)
    assert [stand.store.batches([batch.id])[batch.id].model for batch in launched(stand)] == ["good"]


def test_a_model_with_all_its_batches_running_does_not_hold_another(stand):
    stand.set(max_running_batches=1)
    stand.submit("a", model="busy")
    assemble(stand.runtime)
    launch(stand.runtime)
    stand.submit("b", model="busy")
    stand.submit("c", model="free")
    stand.clock.advance(stand.runtime.settings.max_wait)
    assert [batch.model for batch in assemble(stand.runtime).batches] == ["free"]
    launch(stand.runtime)
    assert sorted(batch.model for batch in launched(stand)) == ["busy", "free"]
    collect(stand.runtime)
    assert len(launched(stand)) == 2


def launched(stand):
    return stand.store.list_batches(state=BatchState.SENT)
