"""Fan-out, then fan-in, in callback form."""

import pytest

import gemchain
from gemchain.records.states import ChainState, PromptState
from tests.apps import flows, joins
from tests.support.engines import embedded, wide

EACH_STORE = True

BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}


def blocks(*words):
    return lambda request: BLOCKED if flows.echo(request) in words else flows.echo(request)


@pytest.fixture(autouse=True)
def _fresh():
    joins.calls.clear()
    joins.angry.clear()


def test_results_come_in_the_order_of_the_list(engine):
    assert gemchain.start(joins.spread, 12).result() == [f"item {i}" for i in range(12)]
    assert joins.calls == ["collect"]


def test_values_of_branches_are_what_their_last_functions_returned(engine):
    chain = gemchain.start(joins.map_reduce, ["a", "b", "c"])
    assert chain.result() == "sum: a b c"
    assert chain.status().prompts == {PromptState.DONE: 5}


def test_a_branch_may_be_many_prompts_long(engine):
    chain = gemchain.start(joins.long_branches, 5)
    assert chain.result() == ["b0", "b1+", "b2++", "b3+++", "b4++++"]
    assert joins.calls == ["collect"]


def test_gathers_nest(engine):
    result = gemchain.start(joins.nested, 3).result()
    assert result == [[], ["1.0"], ["2.0", "2.1"], {"inner": ["x", "y"]}]


def test_a_branch_that_forks_without_a_join_gives_a_list(engine):
    assert gemchain.start(joins.forking_branch).result() == [["fork 0", "fork 1"], "plain"]


def test_an_empty_gather_goes_on_at_once(engine):
    assert gemchain.start(joins.spread, 0).result() == []


def test_a_gather_beside_other_prompts_is_one_branch_of_the_chain(engine):
    assert gemchain.start(joins.beside_others).result() == [["a", "b"], "alone"]


def test_a_gather_outside_of_a_chain_starts_one(engine):
    handle = gemchain.gather([gemchain.prompt("x", flows.MODEL)], joins.collect)
    assert handle.chain.result() == ["x"]


def test_a_failed_branch_fails_the_chain_when_all_have_ended(tmp_path):
    with embedded(tmp_path, responder=blocks("b", "d")):
        chain = gemchain.start(joins.with_errors, ["a", "b", "c", "d"], return_exceptions=False)
        with pytest.raises(gemchain.ChainFailedError, match="SAFETY"):
            chain.result()
        counts = chain.status().prompts
        assert counts == {PromptState.DONE: 2, PromptState.FAILED: 3}
        assert joins.calls == []


def test_the_error_of_the_lowest_index_reaches_the_joins_on_error(tmp_path):
    with embedded(tmp_path, responder=blocks("b")):
        result = gemchain.start(joins.rescued, ["a", "b"]).result()
        assert result["rescued"] == "blocked"


def test_errors_can_be_values(tmp_path):
    with embedded(tmp_path, responder=blocks("b")):
        result = gemchain.start(joins.with_errors, ["a", "b", "c"], return_exceptions=True).result()
        assert result == ["a", {"error": "blocked"}, "c"]


def test_a_failed_branch_is_retried_together_with_its_join(tmp_path):
    bad = {"b"}

    def sometimes(request):
        text = flows.echo(request)
        return BLOCKED if text in bad else text

    with embedded(tmp_path, responder=sometimes) as engine:
        chain = gemchain.start(joins.with_errors, ["a", "b"], return_exceptions=False)
        engine.run()
        assert chain.status().state is ChainState.FAILED
        bad.clear()
        assert chain.retry() == 2
        assert chain.result() == ["a", "b"]


def test_a_failed_branch_stays_as_it_is_once_its_join_has_gone_on_without_it(tmp_path):
    def blocks(request):
        text = flows.echo(request)
        return BLOCKED if text == "b" else text

    with embedded(tmp_path, responder=blocks) as engine:
        chain = gemchain.start(joins.rescued, ["a", "b"])
        engine.run()
        before = chain.status()
        assert before.prompts[PromptState.FAILED] == 1
        assert chain.retry() == 0
        assert chain.status() == before


def test_a_continuation_of_a_join_that_raises_runs_again_and_counts_once(engine):
    joins.angry[:] = [1, 1]
    chain = gemchain.start(joins.moody, ["a", "b"])
    assert chain.result() == "after the sulk"
    assert joins.calls == ["sulk"] * 3
    assert chain.status().prompts == {PromptState.DONE: 4}


def test_a_continuation_that_always_raises_fails_the_chain_and_retry_runs_it_again(engine):
    joins.angry[:] = [1, 1, 1]
    chain = gemchain.start(joins.moody, ["a", "b"])
    with pytest.raises(gemchain.ChainFailedError, match="not now"):
        chain.result()
    batches = len(engine.runtime.store.list_batches())
    assert chain.retry() == 1
    assert chain.result() == "after the sulk"
    assert len(engine.runtime.store.list_batches()) == batches + 1


def test_a_cancelled_chain_never_fires_its_join(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=600) as engine:
        chain = gemchain.start(joins.map_reduce, ["a", "b", "c"])
        engine.run(timeout=60)
        assert chain.cancel()
        engine.run()
        assert chain.status().prompts == {PromptState.CANCELLED: 4}
        assert joins.calls == []


def test_a_wide_gather_completes(engine):
    count = wide(3_000, 300)
    assert len(gemchain.start(joins.spread, count).result()) == count
    assert len(engine.runtime.store.list_batches()) == 1


def test_a_bad_branch_is_refused_and_nothing_is_sent(engine):
    with pytest.raises(gemchain.RequestError):
        gemchain.gather([gemchain.prompt("", flows.MODEL)], joins.collect)
    with pytest.raises(gemchain.ContinuationError, match="cannot be called"):
        gemchain.gather([gemchain.prompt("x", flows.MODEL)], joins.reduce)
    assert engine.runtime.store.list_chains() == []
