"""Clearing a mark, on either store, takes nothing away from those who read the prompt before."""

from dataclasses import replace
from functools import partial

import pytest

from gemchain.api.operations import resume_chain, retry_prompts
from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.endings.chains import settle_marked
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import ChainNotFoundError
from gemchain.records import Failure, Move, Unit, Verdict
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import using
from tests import firestore_state
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.stand import Interrupted

LATE = Failure("deadline", "too late")


@pytest.fixture(params=["sqlite", "firestore"])
def stand(request, stand, tmp_path, clock, monkeypatch):
    """The same stand on either store."""
    stages.forget()
    if request.param == "firestore":
        monkeypatch.setenv(firestore_state.HOST, firestore_state.host())
        firestore_state.TIME.clock = clock
        project = firestore_state.new_project()
        stand.store = firestore_state.open_store(
            firestore_state.host(), project, str(tmp_path / "spilled"), clock
        )
        stand.runtime = replace(stand.runtime, store=stand.store)
    with using(stand.runtime):
        yield stand
    if request.param == "firestore":
        stand.store.close()


def prompts_of(stand, chain, state):
    return [each for each in stand.store.chain_prompts(chain.id) if each.progress.state is state]


def sent_back(stand, chain):
    """The join of a chain, WAITING and marked, and its branch that was sent back after it had failed."""
    (lost,) = [each for each in prompts_of(stand, chain, PromptState.FAILED) if each.kind != "join"]
    retry_prompts(stand.runtime, [lost])
    (join,) = prompts_of(stand, chain, PromptState.WAITING)
    assert join.progress.unsettled
    return join, lost


def revisit_with(stand, *, before=lambda: None, after=lambda: None):
    """Revisit; something happens around the second commit: the branch has ended, and now its join goes on."""
    commits = []

    def commit(units, **given):
        commits.append(units)
        is_joins = len(commits) == 2
        if is_joins:
            before()
        verdicts = stand.store.commit(units, **given)
        if is_joins:
            after()
        return verdicts

    store = Interrupted(stand.store, "", None, after=False)
    store.commit = commit
    retry_callbacks(replace(stand.runtime, store=store))


def die():
    raise Crash


def test_a_join_goes_on_although_its_mark_is_cleared_just_then(stand):
    stand.set(callback_attempts=1)
    stages.before_return.append(stages.not_now)
    chain = stand.start(stages.gather_taken, "a", "b")
    stand.arrived()
    list(dispatch(stand.runtime))
    join, lost = sent_back(stand, chain)
    revisit_with(stand, before=lambda: stand.store.settle([join]))
    for _ in range(3):
        stand.clock.advance(3_600)
        retry_callbacks(stand.runtime)
        sweep(stand.runtime)
    assert stand.chain(lost.id).state is ChainState.DONE


def test_a_retried_join_is_found_when_no_process_looked_around_it(stand):
    stand.set(callback_attempts=1)
    stages.before_return.append(stages.not_now)
    chain = stand.start(stages.gather_beside, "a", "b")
    batch = stand.sent()
    rows = sorted(stand.provider.rows(batch).items(), key=lambda each: stand.prompt(each[0]).join_id is None)
    stand.provider.land(batch, [line for _, line in rows])  # a branch of the join comes first
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    join, lost = sent_back(stand, chain)
    with pytest.raises(Crash):
        revisit_with(stand, after=die)
    assert stand.states([join.id, lost.id]) == ["DONE", "DONE"]
    stand.store.settle([stand.prompt(lost.id)])  # only the join itself is left to tell
    sweep(stand.runtime)
    assert stand.chain(lost.id).state is ChainState.DONE


def test_a_prompt_is_sent_back_although_its_mark_is_cleared_just_then(stand):
    chain = stand.start(stages.fork_in_a_hurry, "a", "b")
    stand.clock.advance(61)
    late = stand.store.overdue(limit=9)
    stand.store.commit([deliver(stand.runtime, each, Outcome(failure=LATE)).unit for each in late])
    marked = prompts_of(stand, chain, PromptState.FAILED)
    assert all(each.progress.unsettled for each in marked)
    settle_marked(stand.runtime)
    assert retry_prompts(stand.runtime, marked) == 2


def test_a_wait_is_resumed_although_its_mark_is_cleared_just_then(stand):
    chain = stand.start(stages.ask_somebody)
    (wait,) = prompts_of(stand, chain, PromptState.WAITING)
    mark = Move(wait, replace(wait.progress, unsettled=True))
    assert stand.store.commit([Unit("marks it", moves=(mark,))]) == [Verdict.APPLIED]
    (marked,) = prompts_of(stand, chain, PromptState.WAITING)
    resume_chain(stand.interrupted("commit", lambda: stand.store.settle([marked])), chain.id, "yes", None)
    assert stand.states([wait.id]) == ["ANSWERED"]


def test_a_wait_that_was_resumed_meanwhile_is_not_resumed_again(stand):
    chain = stand.start(stages.ask_somebody)
    (wait,) = prompts_of(stand, chain, PromptState.WAITING)
    other = partial(resume_chain, stand.runtime, chain.id, "no", None)
    with pytest.raises(ChainNotFoundError, match="by somebody else just now"):
        resume_chain(stand.interrupted("commit", other), chain.id, "yes", None)
    assert stand.prompt(wait.id).progress.result == '{"value":"no"}'
