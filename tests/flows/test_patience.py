"""How often, how patiently and until when: what a chain says for its prompts, and waits that end."""

from datetime import timedelta

import pytest

import gemchain
from gemchain.engine.operations.replay_check import check_replay
from gemchain.errors import DamagedError
from gemchain.records.retry_policy import (
    NO_POLICY,
    RetryPolicy,
    checked_backoff,
    inherited,
    policy_to_text,
    rest,
)
from gemchain.records.states import ChainState, PromptState
from gemchain.settings import Settings
from tests.apps import flows, patience
from tests.support.engines import embedded

EACH_STORE = True

DAY = 24 * 3600
SLOW = {"poll": 3600, "poll_max": 3600}
"""For runs of days: nobody looks every second."""


def prompts(engine, chain):
    found = sorted(engine.runtime.store.chain_prompts(chain.id), key=lambda each: each.path)
    return [each for each in found if each.kind == "generate"]


def test_prompts_inherit_what_the_chain_says_unless_they_say_otherwise(tmp_path):
    with embedded(tmp_path, responder=lambda _: "no", **SLOW) as engine:
        chain = gemchain.start(patience.persistent, "x")
        assert chain.result() == ["no", "unwanted: too short", "unwanted: too short"]
        assert [each.progress.attempt for each in prompts(engine, chain)] == [1, 5, 2]


def test_a_back_off_of_its_own_doubles_up_to_its_longest_rest(tmp_path):
    with embedded(tmp_path, responder=lambda _: "no", **SLOW) as engine:
        began = engine.clock.now()
        gemchain.start(patience.persistent, "x").result()
        took = (engine.clock.now() - began).total_seconds()
        assert 100 + 200 + 200 + 200 <= took < 760


def test_what_the_start_says_wins_over_what_the_chain_says(engine):
    chain = gemchain.start(patience.hasty, "x", defaults={"max_attempts": 4})
    assert [each.max_attempts for each in prompts(engine, chain)] == [4]
    (other,) = gemchain.start_many(patience.hasty, [{"text": "y"}], defaults={"backoff": 7})
    assert [each.max_attempts for each in prompts(engine, other)] == [1]


def test_a_chain_of_callbacks_hands_on_what_its_start_says(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(
            patience.start_callbacks,
            "x",
            defaults={"max_attempts": 4, "retry_if": patience.easy, "deadline": timedelta(days=9)},
        )
        engine.run()
        gemchain.resume(chain, "go on")
        engine.run()
        found = prompts(engine, chain)
        assert sorted(each.max_attempts for each in found) == [4, 4, 4, 4, 9]
        assert {each.retry_if for each in found} == {"tests.apps.patience:easy"}
        began = min(each.created_at for each in found)
        assert {each.deadline_at for each in found} == {began + timedelta(days=9)}


def test_a_function_by_value_is_handed_on_with_its_signature(tmp_path):
    with embedded(tmp_path, responder=flows.echo, signing_key="a-secret-of-the-application") as engine:
        chain = gemchain.start(
            patience.persistent,
            "x",
            defaults={"retry_if": lambda response: "lambda says no", "max_attempts": 2},
        )
        assert chain.result()[1] == "unwanted: lambda says no"
        assert engine.runtime.store.chains([chain.id])[chain.id].state is ChainState.DONE


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": "3"}, "max_attempts"),
        ({"backoff": -1}, "backoff"),
        ({"backoff": (1, 2, 3)}, "backoff"),
        ({"backoff": float("nan")}, "backoff"),
        ({"deadline": timedelta(0)}, "over already"),
        ({"deadline": 60}, "deadline must be"),
        ({"retry_if": len}, "plain function"),
        ({"priority": 3}, "there is no 'priority'"),
    ],
)
def test_defaults_that_can_never_work_are_refused_before_anything_is_recorded(engine, defaults, message):
    with pytest.raises(gemchain.InvalidInputError, match=message):
        gemchain.start(patience.hasty, "x", defaults=defaults)
    assert engine.runtime.store.list_chains() == []


def test_a_decorator_refuses_at_once_what_can_never_work():
    with pytest.raises(gemchain.InvalidInputError, match="backoff"):
        gemchain.chain(backoff="soon")


def test_a_wait_ends_at_its_deadline_days_later_in_a_new_process(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        clock = engine.clock
        chain = gemchain.start(patience.asks, 2 * DAY)
        assert engine.run()
        assert chain.status().prompts == {PromptState.WAITING: 1}
    clock.advance(2 * DAY - 3600)
    with embedded(tmp_path, responder=flows.echo, clock=clock) as engine:
        assert engine.run()
        assert chain.status().state is ChainState.RUNNING
    clock.advance(2 * 3600)
    with embedded(tmp_path, responder=flows.echo, clock=clock) as engine:
        assert engine.run()
        assert chain.result().startswith("deadline: nobody resumed the wait 'approval' until 2026-01-03T")
        with pytest.raises(gemchain.ChainNotFoundError):
            gemchain.resume(chain, "yes")


def test_a_wait_that_is_resumed_in_time_has_no_deadline_any_more(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.asks, 2 * DAY)
        gemchain.resume(chain, "yes")
        engine.clock.advance(3 * DAY)
        assert engine.run()
        assert chain.result() == "yes"


def test_each_wait_of_a_gather_ends_by_itself(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.asks_in_branches)
        engine.clock.advance(2 * DAY)
        engine.run()
        gemchain.resume(chain, "in time", name="late")
        assert chain.result() == ["deadline", "in time"]


def test_a_deadline_that_nobody_catches_fails_the_chain_and_says_so(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.asks_in_vain)
        engine.clock.advance(3 * DAY)
        engine.run()
        with pytest.raises(gemchain.ChainFailedError, match="nobody resumed the wait 'approval'") as caught:
            chain.result()
        assert caught.value.reason == "deadline"


def test_a_wait_of_a_callback_chain_tells_its_on_error(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        late, in_time = (gemchain.start(patience.asks_by_callback) for _ in range(2))
        gemchain.resume(in_time, "yes")
        engine.clock.advance(3 * DAY)
        engine.run()
        assert late.result() == "Ada said nothing: deadline"
        assert in_time.result() == "Ada said yes"


def test_after_the_chains_deadline_only_what_says_otherwise_is_sent(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=0.6 * DAY, **SLOW) as engine:
        chain = gemchain.start(patience.in_a_day, ["a", "b", "c"])
        assert engine.run()
        assert chain.result() == ["a", "b", "deadline", "last"]
        assert len(engine.runtime.store.list_batches()) == 3


def test_a_chain_that_is_awaited_longer_than_the_deadline_is_given_up(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.waits_for_a_chain)
        engine.clock.advance(2 * DAY)
        engine.run()
        assert chain.result().startswith("chain CHILD had not ended by 2026-01-02")


def test_a_prompt_that_begins_after_its_deadline_tells_the_program_and_is_never_sent(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.too_late)
        engine.clock.advance(3 * DAY)
        gemchain.resume(chain)
        engine.run()
        assert chain.result().startswith("it began after its deadline, 2026-01-02")
        assert engine.runtime.store.list_batches() == []


def test_a_fork_has_time_again(tmp_path):
    with embedded(tmp_path, responder=flows.echo, simulated_turnaround=0.6 * DAY, **SLOW) as engine:
        chain = gemchain.start(patience.in_a_day, ["a", "b", "c"])
        engine.run()
        first = min(prompts(engine, chain), key=lambda each: each.created_at)
        assert chain.fork(first.id).result() == ["a", "b", "c", "last"]


def test_rules_survive_their_text_and_nonsense_is_damage():
    rules = RetryPolicy(3, (1.0, None), None, "m:f", "signed")
    assert inherited(policy_to_text(None, rules)) == rules
    assert policy_to_text(None, NO_POLICY) is None
    assert inherited(None) == NO_POLICY
    for text in (
        "",
        "[]",
        "{}",
        '{"backoff": "x", "chain": {}}',
        '{"backoff": null, "chain": {"max_attempts": 0}}',
    ):
        with pytest.raises(DamagedError, match="rules"):
            inherited(text)


@pytest.mark.parametrize(
    ("backoff", "attempts", "seconds"),
    [
        (None, 1, 1),
        (None, 4, 8),
        (None, 99, 600),
        (5, 3, 20),
        (5, 99, 600),
        ((5, 9), 2, 9),
        (timedelta(hours=1), 1, 600),
    ],
)
def test_the_rest_doubles_from_the_first_to_the_longest(backoff, attempts, seconds):
    text = policy_to_text(checked_backoff(backoff), NO_POLICY)
    assert rest(Settings(), attempts, text) == timedelta(seconds=seconds)


def test_a_wait_that_ended_at_its_deadline_rehearses_without_a_difference(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.asks, 2 * DAY)
        engine.clock.advance(3 * DAY)
        engine.run()
        assert check_replay(engine.runtime, chain.id) == []


def test_a_wait_that_is_retried_after_its_deadline_ends_again(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.asks_in_vain)
        engine.clock.advance(3 * DAY)
        engine.run()
        assert chain.retry() == 1
        engine.run()
        with pytest.raises(gemchain.ChainFailedError, match="nobody resumed"):
            chain.result()


def test_nothing_is_sent_after_its_deadline_however_much_a_callback_insists(tmp_path):
    with embedded(tmp_path, responder=flows.echo) as engine:
        chain = gemchain.start(patience.start_late, defaults={"deadline": timedelta(days=1)})
        engine.clock.advance(2 * DAY)
        gemchain.resume(chain)
        engine.run()
        with pytest.raises(gemchain.ChainFailedError, match="began after its deadline"):
            chain.result()
        assert engine.runtime.store.list_batches() == []
