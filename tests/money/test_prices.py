"""Tokens become money by a dated table that a user can change."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from gemchain.errors import ConfigurationError
from gemchain.money import prices
from gemchain.money.rates import flat_price
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


def cost(model, counts=ASKED, *, provider="vertex", lane="batch"):
    return prices.usage(provider, model, counts, lane)


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
    assert prices.known(name, "vertex")
    assert cost(name) == cost("gemini-3.5-flash-lite") == cost(name, provider="simulated")


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


MINE = "http://127.0.0.1:8000/v1"
GROQ = "https://api.groq.com/openai/v1"


@pytest.mark.parametrize("lane", ["direct", "batch"])
def test_a_server_of_ones_own_costs_what_its_entry_says(lane):
    prices.use("", {"compat-mine": prices.Server(MINE, flat_price({"input": 2, "output": 4}))})
    assert cost("any/model", provider="compat-mine", lane=lane).cost == pytest.approx(2.4)
    assert not prices.known("any/model", "compat-other")


def test_a_server_at_the_address_of_a_service_has_its_prices():
    prices.use("", {"compat-groq": prices.Server(GROQ), "compat-mine": prices.Server(MINE)})
    assert prices.known("llama-3.3-70b-versatile", "compat-groq")
    assert not prices.known("llama-3.3-70b-versatile", "compat-mine")
    asked = cost("openai/gpt-oss-120b", provider="compat-groq", lane="direct")
    assert asked.cost == asked.full_cost > 0
    prices.use("")
    assert not prices.known("llama-3.3-70b-versatile", "compat-groq")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"input": 1},
        {"input": -1, "output": 1},
        {"input": 1, "output": 1, "flex": 1},
        {"input": "x", "output": 1},
    ],
    ids=str,
)
def test_prices_of_another_form_are_refused(given):
    with pytest.raises(ValueError, match=r"price|number|could not convert"):
        flat_price(given)


def test_prices_are_loaded_when_one_is_asked_for():
    code = (
        "import sys, gemchain; from gemchain.money import prices; from gemchain.ports import TokenCounts;"
        "prices.usage('simulated', 'echo', TokenCounts(1, 0, 1)); prices.usage('local', 'm', TokenCounts());"
        "assert 'genai_prices' not in sys.modules and 'pydantic' not in sys.modules;"
        "assert prices.known('gemini-3.5-flash-lite'); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("day", "dollars"), [((2026, 12, 31), 0.375), ((2027, 1, 1), 0.75)])
def test_a_price_holds_from_its_day_on_in_a_process_that_runs_over_midnight(
    monkeypatch, tmp_path, day, dollars, own
):
    if own:
        file = tmp_path / "prices.toml"
        file.write_text(DATED)
        prices.use(str(file))
    assert cost("gemini-3.8-flash").cost > 0
    monkeypatch.setattr(prices, "time", lambda: datetime(*day, 12, tzinfo=UTC).timestamp())
    assert cost("gemini-3.8-flash", TokenCounts(input=1_000_000)).cost == pytest.approx(dollars)


def test_a_price_that_has_not_begun_is_not_known(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text('[models."my-model"]\nfrom = 2999-01-01\ninteractive = [2, 4]\nbatch = [1, 2]\n')
    prices.use(str(file))
    assert not prices.known("my-model")


def test_a_file_of_ones_own_wins_for_one_provider_or_for_all(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(
        '[models."openai/gpt-5"]\ninteractive = [8, 8]\nbatch = [4, 4]\nflex = [5, 5]\n'
        '[models."claude-haiku-4-5"]\ninteractive = [7, 7]\nbatch = [6, 6]\n'
        "[batch_share]\ngoogle = 0.25\n"
    )
    prices.use(str(file))
    million = TokenCounts(input=1_000_000)
    found = {
        lane: cost("gpt-5", million, provider="openai", lane=lane).cost
        for lane in ("batch", "flex", "direct")
    }
    assert found == {"batch": pytest.approx(4), "flex": pytest.approx(5), "direct": pytest.approx(8)}
    assert cost("gpt-5", million, provider="simulated").cost < 4
    assert cost("claude-haiku-4-5", million, provider="anthropic").cost == pytest.approx(6)
    assert cost("gemini-3.5-flash", million).cost == pytest.approx(1.5 / 4)


DATED = """
[[models."gemini-3.8-flash"]]
interactive = [0.75, 3.75]
batch = [0.375, 1.875]
[[models."gemini-3.8-flash"]]
from = 2027-01-01
interactive = [1.50, 7.50]
batch = [0.75, 3.75]
"""
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
