"""How batches and forked chains end, and that each of them ends once."""

from contextlib import nullcontext
from dataclasses import replace

import orjson
import pytest

from gemchain.api.operations import retry_prompts
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.endings.batches import abandon, close, is_complete
from gemchain.engine.endings.chains import settle, settle_marked
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch, dispatch_part
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.records import Failure
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.sqlite.rows import row_of
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import error

HALF = Failure("job", "the job ran out of time")


def chain_of(stand, chain):
    return stand.store.chains([chain.id])[chain.id]


@pytest.fixture
def complete(stand):
    """An ARRIVED batch of three prompts of which one got its row; nobody has closed it yet."""
    stand.ids = stand.submit("a", "b", "c", callback=stages.take)
    batch = stand.sent()
    stand.provider.land(batch, [stand.provider.rows(batch)[stand.ids[0]]], failure=HALF)
    collect(stand.runtime)
    with pytest.raises(Crash):
        list(dispatch(stand.killed("members")))
    return stand.batch(batch)


def test_a_batch_is_complete_when_its_last_part_is_dispatched(stand):
    stand.set(part_bytes=300)
    stand.submit("a", "b", "c")
    batch = stand.arrived()
    *others, last = stand.store.open_parts()
    for part in others:
        dispatch_part(stand.runtime, part)
        assert not is_complete(stand.runtime, batch)
        assert stand.batch(batch).state is BatchState.ARRIVED
    dispatch_part(stand.runtime, last)
    assert stand.batch(batch).state is BatchState.CLOSED
    assert not is_complete(stand.runtime, stand.batch(batch))


def test_a_closed_batch_adds_up_its_parts(stand):
    stand.set(part_bytes=200)
    stand.submit(*"abcdef")
    batch = stand.arrived()
    list(dispatch(stand.runtime))
    closed = stand.batch(batch)
    assert closed.parts > 2
    assert (closed.counts.done, closed.usage.prompt_tokens, closed.usage.answer_tokens) == (6, 60, 30)
    assert closed.closed_at == stand.clock.now()


def test_prompts_without_a_row_are_sent_again_even_if_the_job_ended_for_good(stand, complete):
    closed = close(stand.runtime, complete)
    assert (closed.state, closed.counts.missing) == (BatchState.CLOSED, 2)
    assert stand.states(stand.ids) == ["DONE", "QUEUED", "QUEUED"]
    assert stand.prompt(stand.ids[1]).progress.failure.message == HALF.message


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["commit", "save_batch"])
def test_a_process_that_dies_while_closing_leaves_the_batch_to_the_next(stand, complete, verb, after):
    with pytest.raises(Crash):
        close(stand.killed(verb, after=after), complete)
    if is_complete(stand.runtime, stand.batch(complete)):
        close(stand.runtime, stand.batch(complete))
    assert stand.batch(complete).state is BatchState.CLOSED
    assert [stand.prompt(each).progress.attempt for each in stand.ids] == [1, 2, 2]


def test_two_that_close_at_once_send_every_missing_prompt_again_once(stand, complete):
    with pytest.raises(StoreConflictError):
        close(stand.interrupted("commit", lambda: close(stand.runtime, complete)), complete)
    assert stand.batch(complete).counts.missing == 2
    assert [stand.prompt(each).progress.attempt for each in stand.ids] == [1, 2, 2]


def test_an_abandoned_batch_hands_its_failure_to_every_prompt_it_holds(stand):
    ids = stand.submit("a", "b", callback=stages.take, on_error=stages.rescue)
    batch = stand.sent()
    failed = abandon(stand.runtime, replace(batch, failure=Failure("job", "lost")))
    assert (failed.state, failed.leased_until_at) == (BatchState.FAILED, None)
    assert [error.message for error in stages.errors] == ["lost", "lost"]
    assert stand.states(ids) == ["DONE", "DONE"]


def test_a_missing_branch_that_fails_ends_its_forked_chain(stand):
    stand.set(max_attempts=1)
    chain = stand.start(stages.fork, "a", "b")
    batch = stand.sent()
    rows = list(stand.provider.rows(batch).values())
    stand.provider.land(batch, rows[:1])
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    ended = chain_of(stand, chain)
    assert (ended.state, ended.failure.reason) == (ChainState.FAILED, "missing")
    assert stand.store.unsettled_chains(limit=9) == []


# Forked chains.


def test_a_forked_chain_ends_with_its_last_branch_and_not_before(stand):
    chain = stand.start(stages.fork, "a", "b", "c")
    stand.set(part_bytes=300)
    stand.arrived()
    states = []
    for part in stand.store.open_parts():
        states.append(chain_of(stand, chain).state)
        dispatch_part(stand.runtime, part)
    assert states[:2] == [ChainState.RUNNING] * 2
    assert orjson.loads(chain_of(stand, chain).result) == ["a", "b", "c"]


def test_the_first_branch_by_path_that_failed_is_the_chains_failure(stand):
    chain = stand.start(stages.fork, "a", "b", "c")
    batch = stand.sent()
    lines = list(stand.provider.inputs(batch).values())
    failing = [error(line, 400, f"no {number}") for number, line in enumerate(lines)]
    stand.provider.land(batch, [failing[2], failing[1], stand.provider.rows(batch)[lines[0]["key"]]])
    collect(stand.runtime)
    list(dispatch(stand.runtime))
    assert chain_of(stand, chain).failure.message == "400: no 1"


def test_a_chain_with_an_open_branch_is_not_settled(stand):
    chain = stand.start(stages.fork, "a", "b")
    settle(stand.runtime, [chain.id])
    assert chain_of(stand, chain).state is ChainState.RUNNING


def test_two_dispatchers_that_end_the_last_two_branches_at_once_end_the_chain_once(stand):
    chain = stand.start(stages.fork, "a", "b")
    stand.set(part_bytes=300)
    stand.arrived()
    first, *others = stand.store.open_parts()
    runtime = stand.interrupted("has_open", lambda: [dispatch_part(stand.runtime, each) for each in others])
    dispatch_part(runtime, first)
    ended = chain_of(stand, chain)
    assert (ended.state, ended.result) == (ChainState.DONE, '["a","b"]')


def test_a_branch_of_a_join_that_ends_while_the_marks_are_cleared_is_not_forgotten(stand):
    """Its process dies before it looks itself, so its mark is all that is left to tell of it."""
    stand.set(grace=1_000)
    chain = stand.start(stages.gather_in_a_hurry, "a", "b")

    def the_other_ends():
        stand.clock.advance(60)
        with pytest.raises(Crash):
            sweep(stand.killed("commit", after=True))

    stand.clock.advance(61)
    sweep(stand.interrupted("has_open", the_other_ends, after=True))
    assert chain_of(stand, chain).state is ChainState.RUNNING
    sweep(stand.runtime)
    assert chain_of(stand, chain).state is ChainState.DONE


def test_the_loser_at_a_join_looks_at_the_scope_around_it(stand):
    chain = stand.start(stages.gather_beside, "a", "b")
    stand.arrived()
    with pytest.raises(Crash):
        list(dispatch(stand.killed("has_open")))  # all is committed, and nobody has looked at the join
    (join,) = [each for each in stand.store.chain_prompts(chain.id) if each.kind == "join"]
    assert join.progress.state is PromptState.WAITING

    def the_first_dies():
        with pytest.raises(Crash):
            settle(stand.killed("commit", after=True), [join.id])

    settle(stand.interrupted("has_open", the_first_dies, after=True), [join.id])
    ended = chain_of(stand, chain)
    assert (ended.state, ended.result) == (ChainState.DONE, '[["a","b"],"beside"]')


@pytest.mark.parametrize("again", [False, True])
def test_a_join_with_a_damaged_branch_is_parked(stand, again):
    """Before it goes on, or when its function, which raised, is to run again."""
    chain = stand.start(stages.gather_taken, "a", "b")
    stand.arrived()
    with nullcontext() if again else pytest.raises(Crash):
        stages.before_together.append(stages.not_now)
        list(dispatch(stand.runtime if again else stand.killed("has_open")))
    (join,) = [each for each in stand.store.chain_prompts(chain.id) if each.kind == "join"]
    assert join.progress.state is (PromptState.ANSWERED if again else PromptState.WAITING)
    branch = next(each for each in stand.store.chain_prompts(chain.id) if each.kind != "join")
    stand.store._db.execute("UPDATE progress SET state = 'odd' WHERE seq = ?", (row_of(branch.version),))
    stand.clock.advance(3_600)
    list(dispatch(stand.runtime))
    retry_callbacks(stand.runtime)
    parked = stand.prompt(join.id).progress
    assert (parked.state, parked.failure.reason) == (PromptState.PARKED, "damaged")


def test_a_chain_that_cannot_be_read_does_not_fail_over_a_branch_that_is_sent_back(stand):
    stand.set(callback_attempts=1)
    stages.before_return.append(stages.not_now)
    chain = stand.start(stages.fork, "a", "b")
    stand.arrived()
    with pytest.raises(Crash):
        list(dispatch(stand.killed("has_open")))
    failed, other = sorted(stand.store.chain_prompts(chain.id), key=lambda each: each.path)
    stand.store._db.execute("UPDATE prompts SET path = 'odd' WHERE seq = ?", (row_of(other.version),))

    def retry():
        assert retry_prompts(stand.runtime, [failed]) == 1

    settle(stand.interrupted("commit", retry), [chain.id])
    assert chain_of(stand, chain).state is ChainState.RUNNING
    assert stand.states([failed.id]) == ["ANSWERED"]
    retry_callbacks(stand.runtime)
    assert chain_of(stand, chain).failure.reason == "damaged"


def test_settling_twice_changes_nothing(stand):
    chain = stand.start(stages.fork, "a", "b")
    stand.arrived()
    list(dispatch(stand.runtime))
    ended = chain_of(stand, chain)
    settle(stand.runtime, [chain.id, chain.id])
    assert settle_marked(stand.runtime) == 0
    assert chain_of(stand, chain) == ended
