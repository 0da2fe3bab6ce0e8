"""What an outcome does to its prompt: one table of outcomes and of the units they become."""

import signal
import sys
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.records import NO_USAGE, AnswerRef, Failure, Progress, Prompt, Usage
from gemchain.records.states import ChainState, PromptState
from gemchain.testing import EPOCH
from tests.apps import stages

REF = AnswerRef("file:///output", 1, 0, 100)
PASSING = Failure("error", "overloaded", retryable=True)
FINAL = Failure("error", "bad request")
SCHEMA = '{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}'


def body(text="hello", reason="STOP"):
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason}]}


BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}}
EMPTY = {"candidates": [{"finishReason": "STOP"}]}


def name(function):
    return f"{function.__module__}:{function.__qualname__}"


RESCUED = {"on_error": name(stages.rescue)}
RAISES = {"callback": name(stages.raises)}
RESCUE_RAISES = {"on_error": name(stages.rescue_raises)}
GONE = "tests.apps.stages:gone"


def prompt(**changes):
    """A prompt that waits for its answer."""
    progress = {
        name: changes.pop(name) for name in ("attempt", "callback_attempts", "usage") if name in changes
    }
    claimed = Progress(PromptState.CLAIMED, batch_id="b1", claimed_at=EPOCH, **progress)
    fields = {"callback": name(stages.take), **changes}
    return Prompt(
        id="p1",
        chain_id="c1",
        provider="scripted",
        model="model",
        size=9,
        created_at=EPOCH,
        progress=claimed,
        **fields,
    )


def delivered(stand, given, outcome, **options):
    """The delivery, with the prompt's place, the end of its chain and its children."""
    delivery = deliver(stand.runtime, given, outcome, **options)
    ((before, after),) = delivery.unit.moves
    assert before is given
    return delivery, after, delivery.unit.ending, delivery.unit.drafts


ANSWER = Outcome(body())
CUT = Outcome(body(reason="MAX_TOKENS"))
PASSED = Outcome(failure=PASSING)
REFUSED = Outcome(failure=FINAL)
MISFIT = Outcome(body('{"n":"x"}'))

# fmt: off
CASES = {
    # What came back, for which prompt; its state then, what its row counts as, its chain's state, the reason.
    "an answer": (ANSWER, {}, "DONE", "done", "DONE", None),
    "an answer, no callback": (ANSWER, {"callback": None}, "DONE", "done", "DONE", None),
    "an answer in a fork": (ANSWER, {"forked": True}, "DONE", "done", None, None),
    "an answer that is carried on": (ANSWER, {"callback": name(stages.carry_on)}, "DONE", "done", None, None),
    "a passing error": (PASSED, {}, "QUEUED", "retried", None, "error"),
    "its last attempt": (PASSED, {"attempt": 3}, "FAILED", "failed", "FAILED", "error"),
    "its only attempt": (PASSED, {"max_attempts": 1}, "FAILED", "failed", "FAILED", "error"),
    "its on_error waits": (PASSED, RESCUED, "QUEUED", "retried", None, "error"),
    "its on_error's turn": (PASSED, RESCUED | {"attempt": 3}, "DONE", "done", "DONE", "error"),
    "a final error": (REFUSED, {}, "FAILED", "failed", "FAILED", "error"),
    "a final error in a fork": (REFUSED, {"forked": True}, "FAILED", "failed", None, "error"),
    "a final error, on_error": (REFUSED, RESCUED, "DONE", "done", "DONE", "error"),
    "a blocked answer": (Outcome(BLOCKED), {}, "FAILED", "failed", "FAILED", "blocked"),
    "a blocked answer, accepted": (Outcome(BLOCKED), {"accept": ("blocked",)}, "DONE", "done", "DONE", None),
    "a truncated answer": (CUT, {}, "FAILED", "failed", "FAILED", "truncated"),
    "a truncated answer, accepted": (CUT, {"accept": ("truncated",)}, "DONE", "done", "DONE", None),
    "an empty answer": (Outcome(EMPTY), {}, "QUEUED", "retried", None, "empty"),
    "an empty answer, accepted": (Outcome(EMPTY), {"accept": ("empty",)}, "DONE", "done", "DONE", None),
    "an answer that fits": (Outcome(body('{"n":1}')), {"schema": SCHEMA}, "DONE", "done", "DONE", None),
    "an answer that does not fit": (MISFIT, {"schema": SCHEMA}, "QUEUED", "retried", None, "invalid"),
    "an answer that is not JSON": (ANSWER, {"schema": SCHEMA}, "QUEUED", "retried", None, "invalid"),
    "its last chance": (MISFIT, {"schema": SCHEMA, "attempt": 3}, "FAILED", "failed", "FAILED", "invalid"),
    "a callback that raises": (ANSWER, RAISES, "ANSWERED", "waiting", None, "callback"),
    "its last time": (ANSWER, RAISES | {"callback_attempts": 2}, "FAILED", "failed", "FAILED", "callback"),
    "an on_error that raises": (REFUSED, RESCUE_RAISES, "ANSWERED", "waiting", None, "error"),
    "a callback that is gone": (ANSWER, {"callback": GONE}, "PARKED", "waiting", None, "unresolved"),
    "a module that is gone": (ANSWER, {"callback": "gone:take"}, "PARKED", "waiting", None, "unresolved"),
    "a foreign function": (ANSWER, {"callback": "os:system"}, "PARKED", "waiting", None, "unresolved"),
}
# fmt: on


@pytest.mark.parametrize("case", CASES)
def test_every_outcome_becomes_its_unit(stand, case):
    outcome, fields, state, counts_as, chain, reason = CASES[case]
    given = prompt(**fields)
    delivery, after, ending, _ = delivered(stand, given, outcome._replace(answer=REF))
    assert (after.state, delivery.counts_as) == (state, counts_as)
    assert (ending and ending.after) == chain
    assert (after.failure and after.failure.reason) == reason
    assert delivery.ends_branch == (given.forked and state in ("DONE", "FAILED"))
    assert after.answer == (None if state == "QUEUED" else REF)
    assert after.batch_id == (None if state == "QUEUED" else "b1")
    assert (after.ended_at is None) == (state not in ("DONE", "FAILED"))


def test_a_value_is_the_chains_result_and_a_branchs_own(stand):
    _, after, ending, _ = delivered(stand, prompt(), Outcome(body()))
    assert (after.result, ending.result) == (None, '"hello"')
    _, after, ending, _ = delivered(stand, prompt(forked=True), Outcome(body()))
    assert (after.result, ending) == ('"hello"', None)


def test_without_a_callback_data_that_fits_its_schema_is_the_result(stand):
    _, _, ending, _ = delivered(stand, prompt(callback=None, schema=SCHEMA), Outcome(body('{"n": 1}')))
    assert orjson.loads(ending.result) == {"n": 1}


@pytest.mark.parametrize("marked", [True, False])
def test_the_end_of_a_branch_is_marked_unless_a_part_remembers_it(stand, marked):
    for outcome in (Outcome(body()), REFUSED):
        _, after, _, _ = delivered(stand, prompt(forked=True), outcome, marked=marked)
        assert after.unsettled is marked
        _, after, _, _ = delivered(stand, prompt(), outcome, marked=marked)
        assert not after.unsettled


def test_a_retry_starts_over_after_a_rest_that_doubles(stand):
    for attempt, rest in ((1, 1), (2, 2), (3, 4)):
        given = prompt(attempt=attempt, max_attempts=9)
        _, after, _, _ = delivered(stand, given, PASSED)
        assert after.attempt == attempt + 1
        assert after.not_before_at == stand.clock.now() + timedelta(seconds=rest)
        assert (after.claimed_at, after.answered_at, after.batch_id) == (None, None, None)


def test_a_rest_has_a_limit(stand):
    stand.set(retry_delay_max=10)
    _, after, _, _ = delivered(stand, prompt(attempt=20, max_attempts=30), PASSED)
    assert after.not_before_at == stand.clock.now() + timedelta(seconds=10)


def test_a_retry_that_would_come_after_the_deadline_is_not_made(stand):
    soon = stand.clock.now() + timedelta(seconds=0.5)
    delivery, after, _, _ = delivered(stand, prompt(deadline_at=soon), PASSED)
    assert (after.state, delivery.counts_as) == ("FAILED", "failed")


def test_what_an_answer_cost_adds_to_what_was_spent_before(stand):
    for outcome in (Outcome(body()), Outcome(EMPTY), Outcome(BLOCKED)):
        given = prompt(usage=Usage(1, 2))
        _, after, _, _ = delivered(stand, given, outcome._replace(usage=Usage(10, 20)))
        assert after.usage == Usage(11, 22)
    _, after, _, _ = delivered(stand, prompt(), PASSED)
    assert after.usage is NO_USAGE


def test_children_are_created_in_the_unit_that_ends_their_parent(stand):
    given = prompt(callback=name(stages.carry_on))
    _, after, ending, drafts = delivered(stand, given, Outcome(body()))
    (child,) = drafts
    assert (child.prompt.parent_id, child.prompt.chain_id, child.prompt.depth) == ("p1", "c1", 1)
    assert child.request == '{"contents":[{"role":"user","parts":[{"text":"after hello"}]}]}'
    assert ending is None
    assert after.result is None


def test_a_callback_that_runs_again_declares_the_same_children(stand):
    given = prompt(callback=name(stages.carry_on))
    first, second = (deliver(stand.runtime, given, Outcome(body())).unit for _ in range(2))
    assert first.drafts == second.drafts
    assert first.token != second.token


def test_a_callback_that_raises_leaves_nothing_behind_of_what_it_submitted(stand):
    stages.before_return.append(lambda: 1 / 0)
    given = prompt(callback=name(stages.carry_on))
    _, after, _, drafts = delivered(stand, given, Outcome(body(), answer=REF))
    assert drafts == ()
    assert after.failure.message == "ZeroDivisionError: division by zero"
    assert "in carry_on" in after.failure.traceback
    assert (after.callback_attempts, after.answer) == (1, REF)


def test_on_error_gets_the_reason_the_words_and_the_answer_as_far_as_it_came(stand):
    delivered(stand, prompt(**RESCUED), Outcome(body("half", "MAX_TOKENS")))
    (error,) = stages.errors
    assert (error.reason, error.response.text, error.prompt_id) == ("truncated", "half", "p1")
    assert "MAX_TOKENS" in error.message


def test_a_prompt_keeps_when_it_was_answered_first(stand):
    given = prompt()
    stand.clock.advance(5)
    _, after, _, _ = delivered(stand, given, Outcome(body()))
    assert after.answered_at == after.ended_at == stand.clock.now()
    again = replace(given, progress=replace(given.progress, answered_at=EPOCH))
    _, after, _, _ = delivered(stand, again, Outcome(body()))
    assert (after.answered_at, after.ended_at) == (EPOCH, stand.clock.now())


def test_ctrl_c_is_no_answer(stand):
    def leave():
        raise KeyboardInterrupt

    stages.before_return.append(leave)
    with pytest.raises(KeyboardInterrupt):
        deliver(stand.runtime, prompt(), Outcome(body()))


def test_an_exit_of_the_callback_is_a_failure_of_it(stand):
    stages.before_return.append(sys.exit)
    _, after, _, _ = delivered(stand, prompt(), Outcome(body()))
    assert after.state is PromptState.ANSWERED
    assert "sys.exit(None)" in after.failure.message


def test_an_exit_by_the_handler_of_a_signal_goes_through_a_callback(stand):
    before = signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
    try:
        stages.before_return.append(lambda: signal.raise_signal(signal.SIGUSR1))
        with pytest.raises(SystemExit):
            deliver(stand.runtime, prompt(), Outcome(body()))
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_chain_moves_only_from_running(stand):
    for outcome in (Outcome(body()), REFUSED):
        _, _, ending, _ = delivered(stand, prompt(), outcome)
        assert (ending.chain_id, ending.before) == ("c1", ChainState.RUNNING)
