"""Tokens become money by a dated table that a user can change."""

from datetime import date

import pytest

from gemchain.errors import ConfigurationError
from gemchain.money import prices
from gemchain.ports import TokenCounts
from gemchain.records import Usage

ASKED = TokenCounts(input=1_000_000, output=100_000)


@pytest.fixture(autouse=True)
def _own_table(monkeypatch):
    monkeypatch.delenv(prices.VARIABLE, raising=False)
    prices.use("")
    yield
    monkeypatch.delenv(prices.VARIABLE, raising=False)
    prices.use("")


def cost(model, counts=ASKED):
    return prices.usage(model, counts)


def test_batch_and_interactive_money_are_counted_side_by_side():
    used = cost("gemini-3.5-flash-lite")
    assert used == Usage(1_000_000, 100_000, pytest.approx(0.15 + 0.125), pytest.approx(0.30 + 0.25))


@pytest.mark.parametrize(
    "name",
    [
        "simulated/gemini-3.5-flash-lite",
        "gemini-api/gemini-3.5-flash-lite",
        "publishers/google/models/gemini-3.5-flash-lite",
        "projects/p/locations/global/publishers/google/models/gemini-3.5-flash-lite",
        "models/gemini-3.5-flash-lite",
        "gemini-3.5-flash-lite-001",
        "gemini-3.5-flash-lite@2026-07-01",
        "gemini-3.5-flash-lite-latest",
    ],
)
def test_a_model_is_known_by_any_of_its_names(name):
    assert prices.known(name)
    assert cost(name) == cost("gemini-3.5-flash-lite")


@pytest.mark.parametrize("name", ["echo", "simulated/echo", "gemini-9", "gemini-3.5-flash-lite-image", ""])
def test_an_unknown_model_counts_tokens_and_no_money(name):
    assert not prices.known(name)
    assert cost(name) == Usage(1_000_000, 100_000, 0.0, 0.0)


def test_a_long_prompt_costs_more_for_every_token():
    short = cost("gemini-3.1-pro-preview", TokenCounts(input=200_000))
    long = cost("gemini-3.1-pro-preview", TokenCounts(input=200_001))
    assert short.cost == pytest.approx(0.2)
    assert long.cost == pytest.approx(0.4, abs=1e-4)
    assert long.full_cost == pytest.approx(0.8, abs=1e-4)


def test_an_answer_without_counts_costs_nothing():
    assert cost("gemini-3.5-flash", TokenCounts()) == Usage()


def test_batches_cost_half_of_what_is_interactive_for_every_model_of_the_table():
    table = prices._table()
    assert len(table) > 10
    for found in table.values():
        for rates in (found.usual, found.long):
            assert rates.prompt * 2 == pytest.approx(rates.full_prompt)
            assert rates.answer * 2 == pytest.approx(rates.full_answer)


@pytest.mark.parametrize(("day", "dollars"), [(date(2026, 12, 31), 0.375), (date(2027, 1, 1), 0.75)])
def test_a_price_holds_from_its_day_on(monkeypatch, day, dollars):
    monkeypatch.setattr(prices, "_today", lambda: day)
    prices.use("")
    assert cost("gemini-3.8-flash", TokenCounts(input=1_000_000)).cost == pytest.approx(dollars)


OWN = '[models."my-model"]\ninteractive = [2, 4]\nbatch = [1, 2]\n'


@pytest.mark.parametrize("how", ["environment", "setting"])
def test_a_file_of_ones_own_adds_to_the_table(tmp_path, monkeypatch, how):
    file = tmp_path / "prices.toml"
    file.write_text(OWN)
    if how == "environment":
        monkeypatch.setenv(prices.VARIABLE, str(file))
        prices.use("")
    else:
        prices.use(str(file))
    assert cost("my-model").cost == pytest.approx(1.2)
    assert prices.known("gemini-3.5-flash")


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "x = 1",
        "models = 5",
        "[models.a]\nbatch = [1]",
        "[models.a]\nbatch = [-1, 1]\ninteractive = [1, 1]",
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        prices.use(str(file))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"gone\.toml"):
        prices.use(str(tmp_path / "gone.toml"))
