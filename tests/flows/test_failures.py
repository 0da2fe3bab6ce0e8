"""What goes wrong with answers and callbacks, and where it ends."""

import itertools
from dataclasses import replace
from unittest import mock

import pytest

import gemchain
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import using
from tests.apps import flows
from tests.support.engines import embedded, redeploy

EACH_STORE = True

BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}
SILENCED = {"candidates": [{"finishReason": "RECITATION"}]}
TRUNCATED = {
    "candidates": [
        {"finishReason": "MAX_TOKENS", "content": {"role": "model", "parts": [{"text": "and then"}]}}
    ]
}
EMPTY = {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": []}}]}


def answers(*bodies):
    """A responder that gives these answers in turn, and echoes when they are used up."""
    rest = list(bodies)
    return lambda request: rest.pop(0) if rest else flows.echo(request)


def prompts(engine, state):
    return engine.runtime.store.list_prompts(state=state)


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (BLOCKED, "blocked", "SAFETY"),
        (SILENCED, "blocked", "RECITATION"),
        (TRUNCATED, "truncated", "MAX_TOKENS"),
    ],
)
def test_a_withheld_answer_goes_to_on_error(tmp_path, body, reason, words):
    with embedded(tmp_path, responder=answers(body)):
        result = gemchain.start(flows.careful, "tell me").result()
        assert result["reason"] == reason
        assert words in result["message"]


def test_an_error_carries_the_answer_as_far_as_it_came(tmp_path):
    with embedded(tmp_path, responder=answers(TRUNCATED)):
        assert gemchain.start(flows.careful, "tell me").result()["text"] == "and then"


def test_a_caller_may_accept_a_truncated_answer(tmp_path):
    with embedded(tmp_path, responder=answers(TRUNCATED)):
        assert gemchain.start(flows.careful, "tell me", accept=["truncated"]).result() == "AND THEN"


def test_without_on_error_the_chain_fails_in_the_providers_words(tmp_path):
    with embedded(tmp_path, responder=answers(BLOCKED)):
        chain = gemchain.start(flows.careless, "tell me")
        with pytest.raises(gemchain.ChainFailedError, match="SAFETY"):
            chain.result()


def test_on_error_may_go_on_with_another_prompt(tmp_path):
    with embedded(tmp_path, responder=answers(BLOCKED)):
        assert gemchain.start(flows.stubborn, "tell me").result() == "INSTEAD OF BLOCKED"


def test_an_empty_answer_is_sent_again_and_then_fails(tmp_path):
    with embedded(tmp_path, responder=answers(EMPTY)) as engine:
        assert gemchain.start(flows.careless, "one").result() == "ONE"
        assert len(engine.runtime.store.list_batches()) == 2
    with embedded(tmp_path, responder=lambda _: EMPTY, max_attempts=2) as engine:
        chain = gemchain.start(flows.careless, "two")
        with pytest.raises(gemchain.ChainFailedError, match="empty"):
            chain.result()
        assert len(engine.runtime.store.list_batches()) == 4


def test_attempts_rest_longer_and_longer(tmp_path):
    seen = []

    def failing(request):
        seen.append(engine.clock.now())
        return EMPTY

    with embedded(tmp_path, responder=failing, max_attempts=4, retry_delay=100) as engine:
        gemchain.start(flows.careless, "x")
        engine.run()
        rests = [(b - a).total_seconds() for a, b in itertools.pairwise(seen)]
        assert [round(rest, -2) for rest in rests] == [100, 200, 400]


def test_a_callback_that_raises_runs_again_and_its_submits_count_once(engine):
    flows.moods["angry"] = 2
    chain = gemchain.start(flows.start_moody, "angry")
    neighbour = gemchain.start(flows.start_moody, "calm")
    assert chain.result() == "AFTER ANGRY"
    assert neighbour.result() == "AFTER CALM"
    assert flows.calls.count("moody angry") == 3
    assert chain.status().prompts == {PromptState.DONE: 2}
    assert flows.calls.count("moody calm") == 1


def test_a_callback_that_always_raises_fails_its_chain_with_the_traceback(engine):
    flows.moods["angry"] = 99
    chain = gemchain.start(flows.start_moody, "angry")
    neighbour = gemchain.start(flows.start_moody, "calm")
    assert neighbour.result() == "AFTER CALM"
    with pytest.raises(gemchain.ChainFailedError, match="not in the mood") as caught:
        chain.result()
    assert "in moody" in caught.value.traceback
    assert flows.calls.count("moody angry") == engine.runtime.settings.callback_attempts


def test_a_failed_callback_is_retried_by_hand_without_paying_again(engine):
    flows.moods["angry"] = 3
    chain = gemchain.start(flows.start_moody, "angry")
    engine.run()
    batches = len(engine.runtime.store.list_batches())
    assert chain.retry() == 1
    assert chain.status().state is ChainState.RUNNING
    assert chain.result() == "AFTER ANGRY"
    assert len(engine.runtime.store.list_batches()) == batches + 1


def test_a_result_that_is_not_json_fails_the_chain_and_names_the_type(engine):
    with pytest.raises(gemchain.ChainFailedError, match=r"result is an object, .*: return a text"):
        gemchain.start(flows.start_returns_no_json).result()


def test_a_function_that_is_gone_parks_the_prompt_until_it_is_back(engine, monkeypatch):
    chain = gemchain.start(flows.outline, "x")
    neighbour = gemchain.start(flows.careless, "y")
    with monkeypatch.context() as patch:
        patch.delattr(flows, "draft")
        redeploy(engine)
        with pytest.raises(gemchain.ChainParkedError, match="has no function 'draft'"):
            chain.result()
        assert neighbour.result() == "Y"
        (parked,) = prompts(engine, PromptState.PARKED)
        assert parked.progress.failure.reason == "unresolved"
    paid = len(engine.runtime.store.list_batches())
    assert chain.retry() == 1
    assert chain.result() == "DRAFT X FROM (OUTLINE X)"
    assert len(engine.runtime.store.list_batches()) == paid + 1


def test_a_waiting_process_learns_of_a_parked_chain_and_reads_no_prompts_before(engine, monkeypatch):
    chain = gemchain.start(flows.outline, "x")
    store = engine.runtime.store
    driven_by_others = using(replace(engine.runtime, drive=None))
    with driven_by_others, mock.patch.object(store, "chain_prompts", wraps=store.chain_prompts) as read:
        with pytest.raises(gemchain.ChainTimeoutError):
            chain.result(timeout=60)
        assert read.call_count == 1, "to say in the end how it stands"
    monkeypatch.delattr(flows, "draft")
    redeploy(engine)
    engine.run()
    with using(replace(engine.runtime, drive=None)):
        before = engine.clock.now()
        with pytest.raises(gemchain.ChainParkedError, match="has no function 'draft'"):
            chain.result(timeout=60)
        assert engine.clock.now() == before, "waiting is of no use"


def test_a_failed_branch_lets_the_others_finish_and_fails_the_chain(tmp_path):
    def picky(request):
        text = flows.echo(request)
        return BLOCKED if text == "w1" else text

    with embedded(tmp_path, responder=picky) as engine:
        chain = gemchain.start(flows.fork_at_once, ["w0", "w1", "w2"])
        with pytest.raises(gemchain.ChainFailedError, match="blocked"):
            chain.result()
        assert chain.status().prompts == {PromptState.DONE: 2, PromptState.FAILED: 1}
        assert engine.run()


def test_a_failed_branch_is_retried_and_completes_the_chain(tmp_path):
    verdicts = {"w1": [BLOCKED]}

    def picky(request):
        text = flows.echo(request)
        return verdicts[text].pop() if verdicts.get(text) else text

    with embedded(tmp_path, responder=picky) as engine:
        chain = gemchain.start(flows.fork_at_once, ["w0", "w1", "w2"])
        engine.run()
        assert chain.retry() == 1
        assert [each["text"] for each in chain.result()] == ["w0", "w1", "w2"]


def test_a_queued_prompt_past_its_deadline_fails(tmp_path):
    from datetime import timedelta

    with embedded(tmp_path, grace=1000) as engine:
        handle = gemchain.submit("late", flows.MODEL, deadline=timedelta(seconds=60))
        engine.run(timeout=200)
        with pytest.raises(gemchain.ChainFailedError, match="deadline"):
            handle.chain.result()
        assert engine.runtime.store.list_batches() == []


def test_an_answer_that_does_not_fit_the_schema_is_sent_again(tmp_path):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with embedded(tmp_path, responder=answers('{"n": "three"}', "not json", '{"n": 3}')) as engine:
        assert gemchain.start(flows.as_data, "count", schema).result() == {"n": 3}
        assert len(engine.runtime.store.list_batches()) == 3


def test_a_cancelled_chain_stops_and_late_answers_are_dropped(tmp_path):
    with embedded(tmp_path, simulated_turnaround=600, responder=flows.echo) as engine:
        chain = gemchain.start(flows.outline, "x")
        other = gemchain.start(flows.outline, "y")
        engine.run(timeout=60)
        assert chain.cancel()
        assert not chain.cancel()
        engine.run()
        with pytest.raises(gemchain.ChainCancelledError):
            chain.result()
        assert other.result() == "DRAFT Y FROM (OUTLINE Y)"
        assert "draft x" not in flows.calls
        assert chain.status().prompts == {PromptState.CANCELLED: 1}
        assert sum(batch.counts.late for batch in engine.runtime.store.list_batches()) == 1


def test_a_forked_chain_is_cancelled_with_all_its_branches(tmp_path):
    with embedded(tmp_path, simulated_turnaround=600) as engine:
        chain = gemchain.start(flows.fork_at_once, ["a", "b", "c"])
        assert chain.cancel()
        assert chain.status().prompts == {PromptState.CANCELLED: 3}
        assert engine.run()
        assert engine.runtime.store.list_batches() == []


def test_a_chain_that_ended_cannot_be_cancelled(engine):
    chain = gemchain.start(flows.outline, "x")
    chain.result()
    assert not chain.cancel()
    assert chain.result()
