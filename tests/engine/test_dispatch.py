"""A part of an output becomes callbacks and commits, whoever dispatches it and however often.

Longer than 300 lines: one stage, with all that may happen to a part.
"""

import orjson
import pytest

from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import GROUP_SECONDS, dispatch, dispatch_part
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.records import RowCounts, Usage
from gemchain.records.states import BatchState, ChainState, PartState
from tests.apps import stages
from tests.support.crashing import Crash
from tests.support.scripted import answer, error


def interrupt():
    raise KeyboardInterrupt


def dispatched(runtime):
    return list(dispatch(runtime))


def the_part(stand):
    (part,) = stand.store.open_parts()
    return part


def results(stand, ids):
    return [orjson.loads(stand.chain(each).result or "null") for each in ids]


@pytest.fixture
def ids(stand):
    """Five prompts whose answers have arrived in one part."""
    ids = stand.submit(*"abcde", callback=stages.take)
    stand.arrived()
    return ids


def test_a_dispatched_part_ends_its_prompts_and_its_batch(stand, ids):
    (part,) = dispatched(stand.runtime)
    assert part.state is PartState.DONE
    assert part.counts == RowCounts(done=5)
    assert part.usage == Usage(50, 25)
    assert results(stand, ids) == list("abcde")
    (batch,) = stand.store.list_batches()
    assert (batch.state, batch.counts, batch.usage) == (BatchState.CLOSED, RowCounts(done=5), Usage(50, 25))


def test_an_answer_is_kept_where_it_lies(stand, ids):
    dispatched(stand.runtime)
    ref = stand.prompt(ids[1]).progress.answer
    line = stand.blobs.read(ref.uri, generation=ref.generation, start=ref.offset, end=ref.offset + ref.length)
    assert orjson.loads(line)["key"] == ids[1]


def test_what_a_callback_submits_is_there_when_its_prompt_is_done(stand):
    (prompt_id,) = stand.submit("a", callback=stages.carry_on)
    stand.arrived()
    dispatched(stand.runtime)
    assert stand.states([prompt_id]) == ["DONE"]
    assert stand.store.counters().prompts == {"DONE": 1, "CLAIMED": 1}
    stand.arrived()
    dispatched(stand.runtime)
    assert stand.chain(prompt_id).state is ChainState.DONE
    assert results(stand, [prompt_id]) == ["after a"]


@pytest.mark.parametrize("group", [1, 2, 500])
def test_rows_are_committed_in_groups(stand, ids, group):
    stand.set(group=group)
    committed = []
    commit = stand.store.commit
    stand.store.commit = lambda units, **into: committed.append(len(units)) or commit(units, **into)
    dispatched(stand.runtime)
    assert committed == [min(group, 5 - start) for start in range(0, 5, group)]


def test_rows_that_are_large_are_committed_in_smaller_groups(stand, ids, monkeypatch):
    monkeypatch.setattr("gemchain.engine.stages.dispatch.GROUP_BYTES", 600)
    committed = []
    commit = stand.store.commit
    stand.store.commit = lambda units, **into: committed.append(len(units)) or commit(units, **into)
    dispatched(stand.runtime)
    assert len(committed) > 1
    assert sum(committed) == 5


@pytest.mark.parametrize("part_bytes", [17, 50, 333, 1000])
def test_wherever_an_output_is_cut_every_row_is_handled_once(stand, part_bytes):
    stand.set(part_bytes=part_bytes)
    ids = stand.submit(*"abcde", callback=stages.take)
    batch = stand.arrived()
    assert batch.parts == -(-batch.output[0].size // part_bytes)
    dispatched(stand.runtime)
    assert sorted(stages.calls) == list("abcde")
    assert stand.batch(batch).counts == RowCounts(done=5)
    assert results(stand, ids) == list("abcde")


def test_a_part_that_is_dispatched_a_second_time_is_left_alone(stand, ids):
    (part,) = stand.store.open_parts()
    dispatch_part(stand.runtime, part)
    with pytest.raises(StoreConflictError):
        dispatch_part(stand.runtime, part)
    assert dispatched(stand.runtime) == []
    assert len(stages.calls) == 5


# Crashes.


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["save_part", "commit", "save_batch"])
def test_a_dispatcher_that_dies_leaves_its_part_to_the_next(stand, ids, verb, after):
    with pytest.raises(Crash):
        dispatched(stand.killed(verb, after=after))
    stand.clock.advance(stand.runtime.settings.lease)
    dispatched(stand.runtime)
    sweep(stand.runtime)
    assert results(stand, ids) == list("abcde")
    assert stand.store.open_batches() == []
    assert stand.store.counters().usage == Usage(50, 25)


def test_a_killed_process_keeps_its_part_no_longer_than_its_lease(stand, ids):
    with pytest.raises(Crash):
        dispatched(stand.killed("commit"))
    assert the_part(stand).leased_until_at > stand.clock.now()
    assert dispatched(stand.runtime) == []
    stand.clock.advance(stand.runtime.settings.lease)
    assert len(dispatched(stand.runtime)) == 1
    assert results(stand, ids) == list("abcde")


def test_a_group_that_was_committed_before_a_crash_is_not_handled_again(stand, ids):
    stand.set(group=2)
    stages.before_return += [lambda: None] * 3 + [interrupt]
    with pytest.raises(KeyboardInterrupt):
        dispatched(stand.runtime)
    assert stand.states(ids).count("DONE") == 2
    (part,) = dispatched(stand.runtime)
    assert part.counts == RowCounts(done=3, duplicate=2)
    assert len(stages.calls) == 4 + 3
    assert results(stand, ids) == list("abcde")


def test_ctrl_c_in_a_callback_gives_the_part_back_at_once(stand, ids):
    stages.before_return.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        dispatched(stand.runtime)
    assert the_part(stand).leased_until_at is None
    assert stand.states(ids) == ["CLAIMED"] * 5
    assert len(dispatched(stand.runtime)) == 1
    assert results(stand, ids) == list("abcde")


def test_a_forked_chain_whose_end_was_not_looked_at_before_a_crash_ends_with_the_next_run(stand):
    chain = stand.start(stages.fork, "a", "b")
    stand.arrived()
    with pytest.raises(Crash):
        dispatched(stand.killed("chains"))
    stand.clock.advance(stand.runtime.settings.lease)
    dispatched(stand.runtime)
    ended = stand.store.chains([chain.id])[chain.id]
    assert (ended.state, ended.result) == (ChainState.DONE, '["a","b"]')


# Company.


def test_two_dispatchers_at_once_handle_every_prompt_once(stand, ids):
    """The second takes the part over while the first one's callback lasts longer than its lease."""

    def outlast_the_lease():
        stand.clock.advance(stand.runtime.settings.lease)
        assert len(dispatched(stand.runtime)) == 1

    stages.before_return.append(outlast_the_lease)
    assert dispatched(stand.runtime) == [], "who comes too late is refused"
    assert results(stand, ids) == list("abcde")
    assert stand.store.list_batches()[0].counts == RowCounts(done=5)
    assert stand.store.counters().usage == Usage(50, 25)


def test_a_leased_part_is_left_to_its_holder(stand, ids):
    seen = []
    stages.before_return.append(lambda: seen.append(dispatched(stand.runtime)))
    assert len(dispatched(stand.runtime)) == 1
    assert seen == [[]]
    assert len(stages.calls) == 5


def test_a_hint_that_comes_twice_is_refused(stand, ids):
    part = the_part(stand)
    refusals = []

    def hint():
        with pytest.raises(StoreConflictError):
            dispatch_part(stand.runtime, part)
        refusals.append(part)

    stages.before_return.append(hint)
    dispatch_part(stand.runtime, part)
    assert refusals == [part]
    assert len(stages.calls) == 5


def test_a_lease_that_is_lost_in_mid_part_ends_the_run_and_loses_nothing(stand, ids):
    stand.set(group=2)

    def be_taken_over():
        stand.clock.advance(stand.runtime.settings.lease)
        stages.before_return.append(interrupt)
        with pytest.raises(KeyboardInterrupt):
            dispatched(stand.runtime)

    stages.before_return += [lambda: None, lambda: None, be_taken_over]
    assert dispatched(stand.runtime) == []
    assert stand.states(ids).count("DONE") == 3, "what was committed before the refusal counts"
    assert len(dispatched(stand.runtime)) == 1
    assert results(stand, ids) == list("abcde")


def test_different_parts_of_a_batch_are_dispatched_at_the_same_time(stand):
    stand.set(part_bytes=400)
    ids = stand.submit(*"abcde", callback=stages.take)
    batch = stand.arrived()
    first, *others = stand.store.open_parts()
    assert len(others) >= 2
    stages.before_return.append(lambda: [dispatch_part(stand.runtime, each) for each in others])
    dispatch_part(stand.runtime, first)
    assert results(stand, ids) == list("abcde")
    assert stand.batch(batch).counts == RowCounts(done=5)
    assert stand.batch(batch).state is BatchState.CLOSED


# Slow callbacks.


@pytest.mark.parametrize(
    ("seconds", "committed"), [(GROUP_SECONDS * 0.6, [0, 0, 2, 2, 4]), (8.0, [0, 1, 2, 3, 4])]
)
def test_what_slow_callbacks_did_is_committed_soon(stand, ids, seconds, committed):
    def dawdle():
        stand.clock.advance(seconds)
        assert the_part(stand).leased_until_at > stand.clock.now()
        done.append(stand.states(ids).count("DONE"))

    done = []
    stages.before_return += [dawdle] * 5
    assert len(dispatched(stand.runtime)) == 1
    assert done == committed
    assert len(stages.calls) == 5


def test_a_slow_part_is_not_taken_over_while_its_lease_is_prolonged(stand, ids):
    def dawdle():
        stand.clock.advance(stand.runtime.settings.lease * 0.9)
        assert dispatched(stand.runtime) == []

    stages.before_return += [dawdle] * 5
    assert len(dispatched(stand.runtime)) == 1
    assert len(stages.calls) == 5


# Callbacks that run again.


def test_a_callback_that_raised_runs_again_on_the_answer_that_is_kept(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take)
    stages.before_return.append(raise_something)
    stand.arrived()
    (part,) = dispatched(stand.runtime)
    assert part.counts == RowCounts(waiting=1)
    assert stand.states([prompt_id]) == ["ANSWERED"]
    assert stand.store.open_batches() == []
    assert retry_callbacks(stand.runtime) == 0, "it rests first"
    stand.clock.advance(stand.runtime.settings.retry_delay)
    assert retry_callbacks(stand.runtime) == 1
    assert results(stand, [prompt_id]) == ["a"]
    assert stand.store.counters().usage == Usage(10, 5)


def raise_something():
    raise RuntimeError("not now")


def test_two_that_revisit_at_once_commit_once(stand):
    (prompt_id,) = stand.submit("a", callback=stages.carry_on)
    stages.before_return.append(raise_something)
    stand.arrived()
    dispatched(stand.runtime)
    assert stand.states([prompt_id]) == ["ANSWERED"]
    stand.clock.advance(stand.runtime.settings.retry_delay)
    assert retry_callbacks(stand.interrupted("commit", lambda: retry_callbacks(stand.runtime))) == 0
    assert stages.calls == ["a", "a", "a"]
    assert stand.states([prompt_id]) == ["DONE"]
    assert stand.store.queues()[0].ready == 1


def test_an_answer_that_is_gone_when_its_callback_runs_again_is_asked_for_anew(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take)
    stages.before_return.append(raise_something)
    batch = stand.arrived()
    dispatched(stand.runtime)
    stand.blobs.delete(batch.output[0].uri)
    stand.clock.advance(stand.runtime.settings.retry_delay)
    retry_callbacks(stand.runtime)
    prompt = stand.prompt(prompt_id)
    assert (prompt.progress.state, prompt.progress.attempt) == ("QUEUED", 2)
    assert "no longer where it was kept" in prompt.progress.failure.message


def test_an_on_error_that_raised_runs_again_without_an_answer(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take, on_error=stages.rescue_raises)
    batch = stand.sent()
    (line,) = stand.provider.inputs(batch).values()
    stand.provider.land(batch, [error(line, 400, "no")])
    collect(stand.runtime)
    dispatched(stand.runtime)
    for _ in range(5):
        stand.clock.advance(stand.runtime.settings.retry_delay_max)
        retry_callbacks(stand.runtime)
    assert stand.states([prompt_id]) == ["FAILED"]
    failure = stand.chain(prompt_id).failure
    assert (failure.reason, failure.message) == ("callback", "RuntimeError: cannot rescue from error")


def test_every_row_of_an_output_may_be_useless(stand):
    ids = stand.submit(*"ab", callback=stages.take, max_attempts=1)
    batch = stand.sent()
    lines = list(stand.provider.inputs(batch).values())
    stand.provider.land(batch, [error(lines[0], 400, "no"), error(lines[1], 503)])
    stand.clock.advance(stand.runtime.settings.poll_max)
    collect(stand.runtime)
    (part,) = dispatched(stand.runtime)
    assert part.counts == RowCounts(failed=2)
    assert stand.states(ids) == ["FAILED", "FAILED"]


def test_a_hundred_rows_for_one_prompt_call_its_callback_once(stand):
    (prompt_id,) = stand.submit("a", callback=stages.take)
    batch = stand.sent()
    (line,) = stand.provider.inputs(batch).values()
    stand.set(group=7)
    stand.provider.land(batch, [answer(line)] * 100)
    collect(stand.runtime)
    (part,) = dispatched(stand.runtime)
    assert part.counts == RowCounts(done=1, duplicate=99)
    assert stages.calls == ["a"]
    assert stand.states([prompt_id]) == ["DONE"]
