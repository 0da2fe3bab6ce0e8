"""Names of models at submit: known ones pass, mistyped ones are refused with what may have been meant."""

import pytest

import gemchain
from gemchain.configuration.sources import current_settings
from gemchain.money import prices
from gemchain.records.states import ChainState
from tests.apps import flows
from tests.support.engines import embedded

TYPO = "simulated/gemini-3.5-flsh-lite"
NEW = "simulated/gemini-99-flash"


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gemini-3.5-flsh-lite", "'gemini-3.5-flash-lite'"),
        (TYPO, "'simulated/gemini-3.5-flash-lite'"),
        ("simulated/gemni-3.5-flash-lite", "'simulated/gemini-3.5-flash-lite'"),
        ("simulated/plain/gemini-3.5-flash-lit", "'simulated/plain/gemini-3.5-flash-lite'"),
        ("gemini-api/gemini-3.5-flsh", "'gemini-api/gemini-3.5-flash'"),
        ("gemini-api/models/gemini-3.5-flsh", "'gemini-api/models/gemini-3.5-flash'"),
        ("publishers/google/models/gemini-3.5-flsh-lite", "'publishers/google/models/gemini-3.5-flash-lite'"),
        (
            "projects/p/locations/global/publishers/google/models/gemini-3.5-flsh",
            "'projects/p/locations/global/publishers/google/models/gemini-3.5-flash'",
        ),
        (NEW, "no name is like it|did you mean"),
    ],
)
def test_a_name_that_is_not_known_is_refused_and_near_ones_are_offered(engine, model, meant):
    with pytest.raises(gemchain.ModelError, match=f"(?s){meant}.*allow_unknown_model=True"):
        gemchain.submit("x", model)
    assert engine.runtime.store.list_chains() == []


@pytest.mark.parametrize(
    "model",
    [
        "simulated/gemini-3.5-flash-lite",
        "simulated/gemini-3.5-flash-lite-001",
        "simulated/gemini-3.5-flash-lite@default",
        "simulated/plain/gemini-3.5-flash-lite",
        "simulated/plain/echo",
        "simulated/writer",
        "gemini-api/gemini-2.5-pro-latest",
        "gemini-api/tunedModels/mine",
    ],
)
def test_known_names_own_models_and_made_up_simulated_ones_pass(engine, model):
    gemchain.submit("x", model)


@pytest.mark.parametrize("kind", ["endpoints", "models"])
def test_a_tuned_model_of_a_project_goes_to_vertex_by_its_whole_name(engine, kind):
    name = f"projects/p/locations/us-central1/{kind}/1234"
    assert engine.runtime.providers.split(name) == ("vertex", name)
    with pytest.raises(gemchain.ConfigurationError, match="Cloud Storage"):  # its name is no obstacle
        gemchain.submit("x", name)


def test_new_models_pass_when_they_are_allowed(engine):
    gemchain.submit("x", NEW, allow_unknown_model=True)
    gemchain.start(gathers_new_models)
    with pytest.raises(gemchain.ModelError):
        gemchain.submit("x", NEW)


def gathers_new_models():
    gemchain.gather([gemchain.prompt("x", NEW, allow_unknown_model=True)], flows.finish)


@pytest.mark.parametrize(
    "settings",
    [
        {"allow_unknown_models": True},
        {"allow_unknown_models": "true"},
        {"known_models": NEW},
        {"known_models": "gemini-1, gemini-99-flash"},
    ],
    ids=str,
)
def test_settings_let_new_models_through(tmp_path, settings):
    with embedded(tmp_path, **settings):
        gemchain.submit("x", NEW)


@pytest.mark.parametrize(("text", "allowed"), [("0", False), ("1", True)])
def test_the_environment_lets_new_models_through(monkeypatch, text, allowed):
    monkeypatch.setenv("GEMCHAIN_ALLOW_UNKNOWN_MODELS", text)
    assert current_settings().allow_unknown_models is allowed


def test_the_environment_says_it_in_words_that_are_known(monkeypatch):
    monkeypatch.setenv("GEMCHAIN_ALLOW_UNKNOWN_MODELS", "perhaps")
    with pytest.raises(gemchain.ConfigurationError, match="takes bool"):
        current_settings()


def test_a_model_with_a_price_of_ones_own_is_known(tmp_path):
    own = tmp_path / "prices.toml"
    own.write_text('[models."gemini-99-flash"]\ninteractive = [1, 2]\nbatch = [0.5, 1]\n')
    try:
        with embedded(tmp_path, prices=str(own)):
            gemchain.submit("x", NEW)
    finally:
        prices.use("")


def test_what_was_recorded_runs_on_where_its_model_is_not_known_any_more(tmp_path):
    with embedded(tmp_path, responder=flows.echo, allow_unknown_models=True) as engine:
        chains = [gemchain.submit("x", TYPO, flows.finish).chain, gemchain.start(asks_once)]
        clock = engine.clock
    with embedded(tmp_path, responder=flows.echo, clock=clock):
        assert chains[0].result() == "X"
        gemchain.run()
        assert chains[1].status().state is ChainState.DONE


@gemchain.chain
async def asks_once():
    return (await gemchain.prompt("x", TYPO)).text


def test_a_typo_inside_a_callback_fails_it_with_the_same_words(engine):
    chain = gemchain.start(flows.outline, "x")
    assert chain.result()
    chain = gemchain.submit("x", flows.MODEL, submits_a_typo).chain
    with pytest.raises(gemchain.ChainFailedError, match=r"did you mean 'simulated/gemini-3\.5-flash-lite'"):
        chain.result()


def submits_a_typo(response):
    gemchain.submit("y", TYPO, flows.finish)
