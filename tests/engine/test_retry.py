"""A prompt that a person sends back, while somebody else ends or cancels what it belongs to."""

from functools import partial

import orjson
import pytest

from gemchain.api.operations import cancel_chain, retry_prompts
from gemchain.engine.endings.chains import settle
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch, dispatch_part
from gemchain.records.states import ChainState, PromptState
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import error


class Torn:
    """A chain of two branches: one has failed, the answer of the other has arrived."""

    def __init__(self, stand):
        self.stand = stand
        stand.set(max_attempts=1)
        self.chain_id = stand.start(stages.fork, "a", "b").id
        batch = stand.sent()
        rows = list(stand.provider.rows(batch).values())
        stand.provider.land(batch, [error(next(iter(stand.provider.inputs(batch).values())), 400)], rows[1:])
        collect(stand.runtime)
        first, self.second = stand.store.open_parts(batch.id)
        dispatch_part(stand.runtime, first)
        self.ids = [each.id for each in stand.store.chain_prompts(self.chain_id)]
        assert self.is_now(ChainState.RUNNING, "FAILED", "CLAIMED")

    def is_now(self, state, *states):
        found = self.stand.store.chains([self.chain_id])[self.chain_id]
        return (found.state, self.stand.states(self.ids)) == (state, list(states))

    def ends(self):
        """The other branch ends, and the chain with it."""
        dispatch_part(self.stand.runtime, self.second)
        assert self.is_now(ChainState.FAILED, "FAILED", "DONE")

    def retry(self, runtime=None):
        return retry_prompts(runtime or self.stand.runtime, [self.stand.prompt(self.ids[0])])

    def result(self):
        """What it comes to when the branch that went back is answered."""
        self.stand.arrived()
        list(dispatch(self.stand.runtime))
        assert self.is_now(ChainState.DONE, "DONE", "DONE")
        return orjson.loads(self.stand.store.chains([self.chain_id])[self.chain_id].result)


@pytest.fixture
def torn(stand):
    return Torn(stand)


def test_a_branch_that_is_sent_back_while_its_chain_runs_does_not_end_it(torn):
    assert torn.retry() == 1
    dispatch_part(torn.stand.runtime, torn.second)
    assert torn.is_now(ChainState.RUNNING, "QUEUED", "DONE")
    assert torn.result() == ["a", "b"]


@pytest.mark.parametrize("verb", ["chains", "commit"])
def test_a_chain_that_fails_just_before_a_retry_runs_again(torn, verb):
    assert torn.retry(torn.stand.interrupted(verb, torn.ends, after=verb == "chains")) == 1
    assert torn.is_now(ChainState.RUNNING, "QUEUED", "DONE")
    assert torn.result() == ["a", "b"]


@pytest.mark.parametrize("verb", ["chains", "has_open", "chain_prompts"])
def test_a_chain_does_not_end_for_a_branch_that_is_sent_back_meanwhile(torn, verb):
    def retry():
        assert torn.retry() == 1

    dispatch_part(torn.stand.interrupted(verb, retry, after=True), torn.second)
    assert torn.is_now(ChainState.RUNNING, "QUEUED", "DONE")
    assert torn.result() == ["a", "b"]


@pytest.mark.parametrize("verb", ["prompts", "has_open", "chain_prompts"])
def test_a_join_does_not_go_on_without_a_branch_that_is_sent_back_meanwhile(stand, verb):
    stand.set(max_attempts=1)
    chain = stand.start(stages.gather_answers, "a", "b")
    batch = stand.sent()
    failed = error(next(iter(stand.provider.inputs(batch).values())), 400)
    stand.provider.land(batch, [failed, list(stand.provider.rows(batch).values())[1]])
    collect(stand.runtime)
    with pytest.raises(Crash):
        list(dispatch(stand.killed("has_open")))
    prompts = list(stand.store.chain_prompts(chain.id))
    (join,) = [each for each in prompts if each.kind == "join"]
    (lost,) = [each for each in prompts if each.progress.state is PromptState.FAILED]

    def retry():
        assert retry_prompts(stand.runtime, [lost]) == 1

    settle(stand.interrupted(verb, retry, after=True), [join.id])
    assert stand.states([join.id, lost.id]) == ["WAITING", "QUEUED"]
    stand.clock.advance(3_600)
    list(dispatch(stand.runtime))  # of the part that nobody holds any more
    stand.arrived()
    list(dispatch(stand.runtime))
    assert stand.chain(join.id).result == '["a","b"]'


@pytest.mark.parametrize("verb", ["chains", "commit"])
def test_nothing_is_sent_back_in_a_chain_that_was_cancelled_meanwhile(torn, verb):
    cancel = partial(cancel_chain, torn.stand.store, torn.chain_id)
    assert torn.retry(torn.stand.interrupted(verb, cancel, after=verb == "chains")) == 0
    assert torn.is_now(ChainState.CANCELLED, "FAILED", "CANCELLED")


def test_two_that_send_a_branch_back_at_once_send_it_once(torn):
    def retry():
        assert torn.retry() == 1

    assert torn.retry(torn.stand.interrupted("commit", retry)) == 0
    assert torn.is_now(ChainState.RUNNING, "QUEUED", "CLAIMED")


def test_two_branches_of_one_chain_that_are_sent_back_at_once_both_go(torn):
    stand = torn.stand
    stages.before_return.append(stages.not_now)
    stand.set(callback_attempts=1)
    dispatch_part(stand.runtime, torn.second)
    assert torn.is_now(ChainState.FAILED, "FAILED", "FAILED")

    def retry():
        assert torn.retry() == 1

    other = stand.prompt(torn.ids[1])
    assert retry_prompts(stand.interrupted("commit", retry), [other]) == 1
    assert torn.is_now(ChainState.RUNNING, "QUEUED", "ANSWERED")
