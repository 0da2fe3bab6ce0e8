"""Whole chains on Anthropic and Mistral, as a user writes them: the model's name and a setting choose."""

import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.emulators.anthropic import AnthropicEmulator
from gemchain.emulators.mistral import MistralEmulator
from gemchain.errors import NotSetUpError, RequestError
from tests.apps import hosted_chains
from tests.support.engines import embedded

SERVICES = {
    "anthropic/claude-haiku-4-5": (AnthropicEmulator, "anthropic_endpoint"),
    "mistral/mistral-small-latest": (MistralEmulator, "mistral_endpoint"),
}


@pytest.fixture(params=SERVICES)
def model(request):
    return request.param


@pytest.fixture
def engine(tmp_path, clock, model):
    kind, setting = SERVICES[model]
    with (
        kind(clock=clock, turnaround=600.0) as emulator,
        embedded(tmp_path, clock=clock, default_model=model, **{setting: emulator.url}) as running,
    ):
        yield running
        running.runtime.providers.named(model.partition("/")[0]).close()


def test_chains_of_two_prompts_run_to_their_results(engine):
    chains = [gemchain.start(hosted_chains.ask, f"topic {number}") for number in range(5)]
    assert engine.run()
    assert [chain.result().partition(":")[0] for chain in chains] == [f"topic {n}" for n in range(5)]
    assert len(engine.runtime.store.list_batches()) == 2


def test_the_tokens_of_the_answers_are_counted(engine):
    chain = gemchain.start(hosted_chains.ask, "a topic")
    engine.run()
    prompts = list(engine.runtime.store.chain_prompts(chain.id))
    assert len(prompts) == 2
    assert all(each.progress.usage.prompt_tokens > 0 for each in prompts)
    assert all(each.progress.usage.answer_tokens > 0 for each in prompts)


@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
def test_an_answer_fits_the_schema_that_was_asked_for(engine, is_open):
    chain = gemchain.start(hosted_chains.judge, "Once upon a time.", is_open)
    engine.run()
    assert isinstance(chain.result(), str)


def test_a_lane_that_the_provider_does_not_have_is_refused(engine, model):
    with pytest.raises(RequestError, match=f"{model}' has no lane 'flex'"):
        gemchain.submit("x", model, lane="flex")


@pytest.fixture
def in_time(tmp_path, model):
    """An engine on the true clock: single requests are really on their way."""
    kind, setting = SERVICES[model]
    with (
        kind() as emulator,
        embedded(
            tmp_path, clock=SystemClock(), default_model=model, lane="direct", **{setting: emulator.url}
        ) as running,
    ):
        yield running


def test_chains_run_in_the_lane_direct(in_time):
    chains = [gemchain.start(hosted_chains.ask, f"topic {number}") for number in range(5)]
    assert in_time.run(timeout=60)
    assert [chain.result().partition(":")[0] for chain in chains] == [f"topic {n}" for n in range(5)]
    assert {batch.lane for batch in in_time.runtime.store.list_batches()} == {"direct"}


def test_without_a_key_single_requests_are_not_even_started(tmp_path, model, monkeypatch):
    name = model.partition("/")[0]
    monkeypatch.delenv(f"{name.upper()}_API_KEY", raising=False)
    with embedded(tmp_path, default_model=model, lane="direct") as engine:
        gemchain.start(hosted_chains.ask, "a topic")
        with pytest.raises(NotSetUpError, match=f"{name.upper()}_API_KEY"):
            engine.run()
