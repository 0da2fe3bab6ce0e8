"""The window of requests and the budgets of a minute, on times that the test makes up."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemchain.providers.direct.limits import Budget, Budgets, Window, backoff
from gemchain.providers.direct.told import Left


@pytest.fixture
def window():
    return Window(8, Random(0))


def test_a_window_begins_full_and_is_halved_by_a_refusal(window):
    assert window.size == 8
    window.refused(10.0, 9.0, None)
    assert window.size == 4
    window.refused(20.0, 19.0, None)
    assert window.size == 2


def test_what_was_on_its_way_at_a_cut_tells_nothing_new(window):
    window.refused(10.0, 9.0, None)
    window.refused(10.5, 9.5, None)
    assert window.size == 4
    assert window.wait(10.0) <= 1.0


def test_but_the_service_may_ask_for_a_longer_pause(window):
    window.refused(10.0, 9.0, 5.0)
    window.refused(10.5, 9.5, 30.0)
    assert window.wait(10.5) == 30.0


def test_a_window_grows_by_one_for_each_full_round_and_never_beyond_its_most(window):
    window.refused(10.0, 9.0, None)
    for _ in range(4):
        window.succeeded()
    assert window.size == 5
    for _ in range(100):
        window.succeeded()
    assert window.size == 8


def test_a_window_never_closes(window):
    for number in range(20):
        window.refused(float(number), float(number), None)
    assert window.size == 1


def test_a_missing_connection_pauses_and_does_not_narrow(window):
    window.refused(10.0, 9.0, None, crowded=False)
    assert window.size == 8
    assert 0.5 <= window.wait(10.0) <= 1.0


def test_another_concurrency_counts_from_now_on(window):
    window.resize(16)
    assert window.size == 16
    window.refused(1.0, 1.0, None)
    window.resize(4)
    assert (window.size, window.most) == (4, 4)


@given(st.integers(1, 10_000))
def test_backoff_doubles_up_to_a_minute(times):
    assert 0.5 <= backoff(times, Random(times)) <= 60.0


@given(st.integers(1, 600), st.lists(st.floats(0, 5), max_size=200))
def test_no_minute_sees_more_than_its_limit(limit, gaps):
    budget, now, sent = Budget(limit), 0.0, []
    for gap in gaps:
        now += gap
        while (wait := budget.wait(now, 1)) > 1e-9:
            now += wait
        budget.spend(1)
        sent.append(now)
    assert all(sum(at <= each < at + 60 for each in sent) <= limit + 1 for at in sent)


def test_a_request_that_is_larger_than_the_limit_goes_when_there_is_all():
    budget = Budget(100)
    assert budget.wait(0.0, 1_000) == 0.0
    budget.spend(1_000)
    assert 590 < budget.wait(0.0, 1) < 620


def test_what_is_left_is_kept_to_until_the_service_gives_back():
    budget = Budget()
    assert not budget.known
    budget.told(0.0, 1, 10.0)
    assert budget.wait(0.0, 1) == 0.0
    budget.spend(1)
    assert budget.wait(1.0, 1) == 9.0
    assert budget.wait(10.0, 1) == 0.0


def test_an_answer_that_was_overtaken_gives_nothing_back():
    budget = Budget()
    budget.told(0.0, 0, 10.0)
    budget.told(0.5, 3, 9.0)
    assert budget.wait(1.0, 1) > 0


def test_budgets_wait_for_the_scarcer():
    budgets = Budgets()
    budgets.told(0.0, {"requests": Left("requests", 0, 5.0), "tokens": Left("tokens", 10, 50.0)})
    assert budgets.wait(0.0, 5) == 5.0
    assert budgets.wait(0.0, 11) == 50.0


def test_tokens_that_were_not_needed_are_given_back():
    budgets = Budgets()
    budgets.limit(0, 6_100)
    assert budgets.settles_tokens
    budgets.spend(1_000)
    waited = budgets.wait(0.0, 100)
    budgets.settle(1_000, 100)
    assert budgets.wait(0.0, 100) < waited
