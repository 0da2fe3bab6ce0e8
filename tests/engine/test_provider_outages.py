"""A provider that a person has to set up first holds up nobody else; nothing is lost or paid twice.

What does not need it goes on, and in the end the run says which provider lacks what.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.engine.drive import drive
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.launch import launch
from gemchain.errors import BlobNotFoundError, ConfigurationError, NotSetUpError, ProviderUnavailableError
from gemchain.records.states import BatchState
from gemchain.runtime import Providers
from tests.apps import stages
from tests.support.scripted import ScriptedProvider

MEND = "no usable Google credentials; log in with: gcloud auth application-default login"


@pytest.fixture
def batch(stand):
    """A batch that waits to be sent."""
    stand.submit("a", "b")
    return stand.written()


def refused(stand, stage):
    with pytest.raises(ConfigurationError, match="gcloud auth"):
        stage(stand.runtime)


def test_a_run_stops_with_the_message_and_the_batch_is_as_before(stand, batch):
    stand.provider.next("create", ConfigurationError(MEND))
    refused(stand, launch)
    after = stand.batch(batch)
    assert (after.state, after.leased_until_at, after.create_at) == (BatchState.WRITTEN, None, None)
    assert (after.poll_at, after.failure, after.job) == (batch.poll_at, None, None)
    assert stand.provider.created == []


def test_once_it_is_mended_the_next_launch_creates_at_once_without_looking_for_a_job(stand, batch):
    stand.provider.listing_lag = 60.0
    stand.provider.next("create", ConfigurationError(MEND), ConfigurationError(MEND))
    refused(stand, launch)
    refused(stand, launch)
    began = stand.clock.now()
    (sent,) = launch(stand.runtime)
    assert sent.state is BatchState.SENT
    assert stand.clock.now() == began
    assert stand.provider.calls["find"] == 0
    assert [sent.job] == stand.provider.created


def test_a_job_that_an_earlier_call_may_have_made_is_still_looked_for(stand, batch):
    """The reply of a create was lost; then, before the job was found, the login ended."""
    stand.provider.next("created", ProviderUnavailableError("the reply was lost"))
    stand.provider.next("find", ConfigurationError(MEND))
    assert launch(stand.runtime) == []
    stand.clock.advance(stand.runtime.settings.poll)
    refused(stand, launch)
    assert stand.batch(batch).create_at is not None
    (sent,) = launch(stand.runtime)
    assert [sent.job] == stand.provider.created
    assert stand.provider.calls["create"] == 1


def test_a_second_create_that_is_refused_keeps_the_mark_of_the_first(stand, batch):
    stand.provider.next("create", ProviderUnavailableError("503"), ConfigurationError(MEND))
    launch(stand.runtime)
    marked = stand.batch(batch).create_at
    stand.clock.advance(stand.runtime.settings.poll)
    refused(stand, launch)
    after = stand.batch(batch)
    assert (after.create_at, after.leased_until_at) == (marked, None)
    (sent,) = launch(stand.runtime)
    assert sent.state is BatchState.SENT
    assert len(stand.provider.created) == 1


def test_asking_after_a_job_stops_too_and_asks_again_at_once(stand):
    stand.submit("a")
    sent = stand.sent()
    stand.provider.land(sent, stand.provider.rows(sent).values())
    stand.provider.next("poll", ConfigurationError(MEND))
    refused(stand, collect)
    assert stand.batch(sent) == sent
    assert [each.state for each in collect(stand.runtime)] == [BatchState.ARRIVED]


@pytest.mark.parametrize("verb", ["create", "poll"])
def test_the_same_command_goes_on_to_the_end_after_the_mending(stand, verb):
    ids = stand.submit("a", "b")
    stand.provider.next(verb, ConfigurationError(MEND))
    land_when_asked(stand)
    refused(stand, drive)
    assert set(stand.states(ids)) == {"CLAIMED"}
    stopped = stand.clock.now()
    assert drive(stand.runtime)
    assert stand.states(ids) == ["DONE", "DONE"]
    assert len(stand.provider.created) == 1
    waited = (stand.clock.now() - stopped).total_seconds()
    assert waited < stand.runtime.settings.lease / 2, "nobody waits for the lease of a run that has stopped"


def land_when_asked(stand):
    """Every job lands as soon as somebody asks after it."""
    land_at_once(stand.provider)


def land_at_once(provider):
    poll = provider.poll

    def landing(batch):
        provider.land(batch, provider.rows(batch).values())
        return poll(batch)

    provider.poll = landing


@pytest.fixture
def other(stand):
    """A second provider, well set up."""
    provider = ScriptedProvider(stand.blobs, stand.clock)
    provider.name = "other"
    both = {"scripted": lambda: stand.provider, "other": lambda: provider}
    choose = lambda model: tuple(model.split("/")) if "/" in model else ("scripted", model)  # noqa: E731
    stand.runtime = replace(stand.runtime, providers=Providers(both, choose))
    land_at_once(provider)
    land_at_once(stand.provider)
    return provider


@pytest.mark.parametrize("verb", ["create", "poll"])
def test_chains_of_another_provider_run_to_their_end_and_then_the_run_says_what_is_lacking(
    stand, other, verb
):
    stuck = stand.submit("a")
    fine = stand.submit("b", model="other/x", callback=stages.carry_on)
    stand.provider.next(verb, *[ConfigurationError(MEND)] * 9)
    with pytest.raises(NotSetUpError, match=r"'scripted'.*gcloud auth") as raised:
        drive(stand.runtime)
    assert set(raised.value.errors) == {"scripted"}
    assert stand.states(stuck) == ["CLAIMED"]
    assert stand.states(fine) == ["DONE"]
    assert stand.provider.calls[verb] == 1, "it is not asked at every turn"


def test_a_provider_that_is_mended_while_others_run_is_asked_again(stand, other):
    stuck = stand.submit("a")
    stand.submit("b", model="other/x")
    stand.provider.next("create", ConfigurationError(MEND))
    other.next("poll", *[ProviderUnavailableError("503")] * 90)
    assert drive(stand.runtime)
    assert stand.states(stuck) == ["DONE"]


def test_a_queue_of_an_unknown_provider_holds_up_no_other(stand, other):
    strange = stand.submit("a", model="other/x")
    stand.runtime = replace(
        stand.runtime, providers=Providers({"scripted": lambda: stand.provider}, lambda m: ("scripted", m))
    )
    fine = stand.submit("b")
    with pytest.raises(NotSetUpError, match="no provider is called 'other'"):
        drive(stand.runtime)
    assert stand.states(fine) == ["DONE"]
    assert stand.states(strange) == ["QUEUED"]


def test_who_runs_for_ever_goes_on_without_it(stand, other):
    stuck = stand.submit("a")
    stand.provider.next("create", *[ConfigurationError(MEND)] * 3)
    end = stand.clock.now() + timedelta(seconds=4 * stand.runtime.settings.poll_max)
    assert drive(stand.runtime, until_idle=False, until=lambda: stand.clock.now() >= end)
    assert stand.states(stuck) == ["DONE"]


def test_a_removed_output_holds_up_no_other_part_and_is_reported_in_the_end(stand):
    ids = stand.submit("a")
    batch = stand.arrived()
    stand.blobs.delete(batch.output[0].uri)
    fine = stand.submit("b")
    land_when_asked(stand)
    with pytest.raises(BlobNotFoundError, match=r"predictions\.jsonl"):
        drive(stand.runtime)
    assert stand.states(ids + fine) == ["CLAIMED", "DONE"]
