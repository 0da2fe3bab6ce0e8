"""Whole chains through the embedded engine."""

import pytest

import gemchain
from gemchain.records.states import BatchState, ChainState, PromptState
from tests.apps import flows
from tests.support.engines import embedded

EACH_STORE = True


def batches(engine):
    return engine.runtime.store.list_batches()


def test_a_chain_of_three_prompts_runs_to_its_result(engine):
    chain = gemchain.start(flows.outline, "batteries")
    assert engine.run()
    assert chain.result() == "DRAFT BATTERIES FROM (OUTLINE BATTERIES)"
    assert chain.status().state is ChainState.DONE
    assert [batch.state for batch in batches(engine)] == [BatchState.CLOSED] * 2


def test_a_result_drives_the_engine_by_itself(engine):
    assert gemchain.start(flows.outline, "ink").result() == "DRAFT INK FROM (OUTLINE INK)"


def test_prompts_of_many_chains_share_batches(engine):
    chains = gemchain.start_many(flows.outline, ({"topic": f"t{i}"} for i in range(700)))
    assert engine.run()
    assert len(batches(engine)) == 2
    assert [chain.result() for chain in chains] == [f"DRAFT T{i} FROM (OUTLINE T{i})" for i in range(700)]


def test_branches_without_a_join_give_a_list_in_path_order(engine):
    chain = gemchain.start(flows.fork, "f")
    assert engine.run()
    assert chain.result() == [
        {"index": 0, "text": "f 0"},
        {"index": 1, "text": "deeper f 1"},
        {"index": 2, "text": "f 2"},
    ]
    assert flows.calls[-1] == "leaf 1"


def test_a_chain_may_fork_at_its_start(engine):
    words = [f"w{i}" for i in range(12)]
    chain = gemchain.start(flows.fork_at_once, words)
    assert [each["text"] for each in chain.result()] == words


def test_the_same_key_is_the_same_chain_and_does_not_run_again(engine):
    first = gemchain.start(flows.outline, "one", key="k")
    again = gemchain.start(flows.outline, "one", key="k")
    assert first == again
    assert flows.calls == ["outline one"]
    engine.run()
    assert gemchain.start(flows.outline, "one", key="k").result() == "DRAFT ONE FROM (OUTLINE ONE)"


def test_the_same_key_of_another_function_is_another_chain(engine):
    assert gemchain.start(flows.outline, "x", key="k") != gemchain.start(flows.fork, "x", key="k")


def test_start_many_finds_the_chains_of_known_keys_and_starts_the_others(engine):
    rows = [{"topic": f"t{i}"} for i in range(5)]
    first = gemchain.start_many(flows.outline, rows[:3], key="topic")
    flows.calls.clear()
    both = gemchain.start_many(flows.outline, [*rows, rows[4]], key=lambda row: row["topic"])
    assert both[:3] == first
    assert both[4] == both[5]
    assert flows.calls == ["outline t3", "outline t4"]


def test_a_function_that_submits_nothing_is_done_at_once(engine):
    chain = gemchain.start(flows.nothing_to_do, 3)
    assert chain.status().state is ChainState.DONE
    assert chain.result() == {"value": 3}


def test_a_function_that_raises_leaves_nothing(engine):
    with pytest.raises(TypeError):
        gemchain.start(flows.outline)
    assert engine.runtime.store.list_chains() == []


def test_submit_outside_of_a_chain_starts_one(engine):
    handle = gemchain.submit("hello", flows.MODEL, flows.finish)
    assert handle.chain.result() == "HELLO"


def test_submit_under_a_key_is_recorded_once(engine):
    first = gemchain.submit("hello", flows.MODEL, flows.finish, key="greeting")
    assert gemchain.submit("other", flows.MODEL, flows.finish, key="greeting") == first
    assert first.chain.result() == "HELLO"


def test_without_a_callback_the_answer_is_the_result(engine):
    assert gemchain.submit("hello", flows.MODEL).chain.result() == "hello"


def test_submit_many_gives_every_prompt_a_chain_of_its_own(engine):
    specs = (gemchain.prompt(f"p{i}", flows.MODEL, flows.finish) for i in range(600))
    handles = gemchain.submit_many(specs)
    engine.run()
    assert [handle.chain.result() for handle in handles] == [f"P{i}" for i in range(600)]
    assert len(batches(engine)) == 1


def test_each_model_has_its_own_batches(engine):
    gemchain.submit("a", flows.MODEL)
    gemchain.submit("b", flows.OTHER)
    engine.run()
    assert sorted(batch.model.removeprefix("plain/") for batch in batches(engine)) == ["echo", "other"]


def test_a_callback_knows_who_it_is(engine):
    chain = gemchain.start(flows.asks_who_it_is, "?")
    chain_id, prompt_id, attempt, key = chain.result()
    assert (chain_id, attempt) == (chain.id, 1)
    assert prompt_id == key
    with pytest.raises(LookupError):
        gemchain.current()


def test_a_chain_may_start_another(engine):
    chain = gemchain.start(flows.start_another, "x")
    child = gemchain.Chain(chain.result())
    engine.run()
    assert child.result() == "DRAFT CHILD OF X FROM (OUTLINE CHILD OF X)"


def test_a_result_can_be_read_by_another_process_later(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(flows.outline, "x")
        engine.run()
    with embedded(tmp_path):
        assert gemchain.Chain(chain.id).result() == "DRAFT X FROM (OUTLINE X)"


def test_a_chain_that_nobody_knows_says_so(engine):
    with pytest.raises(gemchain.ChainNotFoundError, match="c123"):
        gemchain.Chain("c123").result()


def test_a_chain_that_takes_longer_than_one_waits_says_so(tmp_path):
    with embedded(tmp_path, simulated_turnaround=600):
        chain = gemchain.start(flows.outline, "slow")
        with pytest.raises(gemchain.ChainTimeoutError, match="still running"):
            chain.result(timeout=60)
        assert chain.status().prompts == {PromptState.CLAIMED: 1}


def test_a_full_batch_goes_and_the_rest_follows(tmp_path):
    with embedded(tmp_path, max_batch_requests=100, responder=flows.echo) as engine:
        gemchain.start_many(flows.careless, ({"text": f"t{i}"} for i in range(250)))
        engine.run()
        assert sorted(batch.requests for batch in batches(engine)) == [50, 100, 100]


def test_no_more_batches_run_than_allowed(tmp_path):
    limits = {"max_batch_requests": 10, "max_running_batches": 2, "simulated_turnaround": 600}
    with embedded(tmp_path, responder=flows.echo, **limits) as engine:
        gemchain.start_many(flows.careless, ({"text": f"t{i}"} for i in range(50)))
        engine.run(timeout=300)
        assert len(engine.runtime.store.open_batches()) == 2
        assert engine.run()
        assert len(batches(engine)) == 5


def test_a_second_driver_on_the_same_state_shares_the_work(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as one:
        chains = gemchain.start_many(flows.outline, ({"topic": f"t{i}"} for i in range(20)))
        with embedded(tmp_path, responder=flows.echo, clock=one.clock) as two:
            from gemchain.engine.drive import Driver

            drivers = [Driver(one.runtime), Driver(two.runtime)]
            for turn in range(60):
                drivers[turn % 2].turn()
                one.clock.advance(1)
            assert all(chain.status().state is ChainState.DONE for chain in chains)
