"""A job for which the service has no room was no attempt of its prompts: they wait, and are sent again."""

from datetime import timedelta

import pytest

from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.sweep import sweep
from gemchain.records.states import BatchState, ChainState, PromptState
from tests.apps import stages
from tests.support.crashing import Crash

NO_ROOM = "too many tokens are waiting"


@pytest.fixture(autouse=True)
def _quiet_calls():
    stages.forget()


def refuse(stand, runtime=None):
    """A batch that is sent, and for whose job there is no room."""
    batch = stand.sent()
    stand.provider.fail(batch, NO_ROOM, reason="rate")
    collect(runtime or stand.runtime)
    return stand.batch(batch)


def test_prompts_wait_for_the_longest_rest_and_have_lost_no_attempt(stand):
    ids = stand.submit("a", "b", callback=stages.take, max_attempts=1)
    assert refuse(stand).state is BatchState.FAILED
    for each in ids:
        progress = stand.prompt(each).progress
        assert (progress.state, progress.attempt) == (PromptState.QUEUED, 1)
        assert progress.failure.message == NO_ROOM
        rests = progress.not_before_at - stand.clock.now()
        assert rests == timedelta(seconds=stand.runtime.settings.retry_delay_max)


def test_prompts_without_room_are_sent_as_often_as_it_takes_and_then_answered(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take, max_attempts=1)
    for _ in range(5):
        refuse(stand)
        stand.pass_time()
    stand.arrived()
    list(dispatch(stand.runtime))
    assert stages.calls == ["a"]
    assert stand.chain(prompt_id).state is ChainState.DONE


def test_a_prompt_whose_deadline_comes_before_the_longest_rest_fails_at_once_with_the_words(stand):
    (prompt_id,) = stand.submit("a", deadline=timedelta(seconds=60))
    refuse(stand)
    progress = stand.prompt(prompt_id).progress
    assert (progress.state, progress.failure.message) == (PromptState.FAILED, NO_ROOM)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["members", "commit", "save_batch"])
def test_a_process_that_dies_while_it_gives_prompts_back_leaves_the_rest_to_the_next(stand, verb, after):
    ids = stand.submit("a", "b", "c", max_attempts=1)
    with pytest.raises(Crash):
        refuse(stand, stand.killed(verb, after=after))
    stand.pass_time()
    sweep(stand.runtime)
    collect(stand.runtime)
    assert [stand.prompt(each).progress.attempt for each in ids] == [1, 1, 1]
    assert stand.states(ids) == ["QUEUED"] * 3
    assert {each.state for each in stand.store.list_batches()} == {BatchState.FAILED}
