"""`gemchain models`: the providers as their own tables describe them, and the prices of their models."""

import json

import pytest

from gemchain.cli.views import models
from gemchain.money import prices
from gemchain.providers.capabilities import TABLE
from gemchain.providers.choice import choose_provider, model_prefix


@pytest.fixture(autouse=True)
def _own_table():
    yield
    prices.use("")


def found(cli, name):
    return next(each for each in cli.json("models")["providers"] if each["name"] == name)


def test_every_provider_is_listed_with_its_lanes_and_limits(cli):
    listed = {each["name"]: each for each in cli.json("models")["providers"]}
    assert {"gemini-api", "simulated", "vertex"} <= set(listed)
    for name in set(listed) & set(TABLE):
        assert tuple(listed[name]["capabilities"]["lanes"]) == TABLE[name].lanes
    assert listed["vertex"]["batch_limits"]["max_requests"] == 200_000


def test_a_listed_name_is_one_that_submit_takes(cli):
    for provider in cli.json("models")["providers"]:
        for model in provider["models"]:
            assert choose_provider(model["name"])[0] == provider["name"]


def test_a_model_has_prices_in_every_lane_and_a_limit(cli):
    model = next(one for one in found(cli, "vertex")["models"] if one["name"] == "gemini-3.5-flash-lite")
    assert model["prices"]["batch"]["input"] == 0.15
    assert model["interactive"]["output"] == 2.5
    assert model["context"] == 1_000_000
    long = next(one for one in found(cli, "vertex")["models"] if one["name"] == "gemini-3.1-pro-preview")
    assert [(each["above"], each["input"]) for each in long["prices"]["batch"]["longer"]] == [(200_000, 2)]


def test_one_provider_can_be_asked_for(cli):
    assert [each["name"] for each in cli.json("models", "--provider", "gemini-api")["providers"]] == [
        "gemini-api"
    ]
    said = cli("models", "--provider", "vertex").stdout
    assert "gemini-3.5-flash-lite" in said
    assert "gemini-api" not in said


def test_an_unknown_provider_is_refused_with_those_that_exist(cli):
    done = cli("models", "--provider", "vertx")
    assert done.exit_code == 2
    assert "there are " in done.stderr
    assert "gemini-api" in done.stderr


def test_a_long_list_is_cut_and_the_hint_shows_all_of_it(cli):
    cut = cli("models", "--provider", "vertex").stdout
    hint = cut.strip().splitlines()[-1]
    number, of, whole = (int(word) if word.isdigit() else word for word in hint.split(";")[0].split())
    assert (number, of) == (models.SHOWN, "of")
    complete = cli(*hint.partition("all: gemchain ")[2].split()).stdout
    lines = [line for line in complete.splitlines() if line.startswith("gemini-")]
    assert len(lines) == whole > len([line for line in cut.splitlines() if line.startswith("gemini-")])


@pytest.mark.parametrize("columns", [None, "80"])
def test_it_fits_80_columns_with_and_without_a_terminal(cli, monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    said = cli("models", "--all").stdout
    assert max(map(len, said.splitlines())) <= 80


def test_prices_of_ones_own_are_listed(cli, tmp_path, monkeypatch):
    file = tmp_path / "prices.toml"
    file.write_text(
        '[models."gemini-99-flash"]\ninteractive = [1, 2]\nbatch = [0.5, 1]\n'
        '[models."gemini-api/mine"]\ninteractive = [3, 4]\nbatch = [1, 2]\n'
    )
    monkeypatch.setenv(prices.VARIABLE, str(file))
    vertex, api = (
        {one["name"]: one["prices"]["batch"]["input"] for one in found(cli, name)["models"]}
        for name in ("vertex", "gemini-api")
    )
    assert vertex["gemini-99-flash"] == api["gemini-api/gemini-99-flash"] == 0.5
    assert api["gemini-api/mine"] == 1
    assert "mine" not in vertex


def test_a_provider_that_cannot_be_made_says_why(cli, monkeypatch):
    from gemchain.errors import ConfigurationError
    from gemchain.providers.gemini_api import GeminiApiProvider

    def refuse(self, *args, **options):
        raise ConfigurationError("it is closed today")

    monkeypatch.setattr(GeminiApiProvider, "__init__", refuse)
    said = cli("models")
    assert said.exit_code == 0
    assert "it is closed today" in said.stdout
    assert found(cli, "gemini-api")["note"] == "it is closed today"
    assert found(cli, "vertex")["models"]


@pytest.mark.parametrize(
    ("provider", "prefix"),
    [
        ("vertex", ""),
        ("gemini-api", "gemini-api/"),
        ("simulated", "simulated/"),
        ("compat-my-own", "compat/my-own/"),
    ],
)
def test_each_provider_has_the_prefix_of_its_models(provider, prefix):
    assert model_prefix(provider) == prefix


def test_a_wrong_setting_is_said_in_one_line(cli, monkeypatch):
    monkeypatch.setenv("GEMCHAIN_COMPAT", json.dumps({"a": {}}))
    done = cli("models")
    assert done.exit_code == 2
    assert "url is a text" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lane_that_a_model_has_not_is_named_beside_it(cli, monkeypatch):
    from gemchain.providers.gemini_api import GeminiApiProvider

    whole = TABLE["gemini-api"]
    narrow = whole._replace(lanes=tuple(lane for lane in whole.lanes if lane != "batch"))
    monkeypatch.setattr(
        GeminiApiProvider,
        "capabilities",
        lambda self, model: narrow if model == "gemini-3.5-flash" else whole,
    )
    lines = cli("models", "--provider", "gemini-api").stdout.splitlines()
    (line,) = [each for each in lines if each.split() and each.split()[0] == "gemini-api/gemini-3.5-flash"]
    assert line.rstrip().endswith("no batch")
    assert sum("no batch" in each for each in lines) == 1
