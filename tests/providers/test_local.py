"""Chains on a real model that runs on this machine; nothing here is simulated."""

import os
import signal

import jsonschema
import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.errors import ConfigurationError
from gemchain.providers.local.model_files import SMOLLM2, model_file
from gemchain.records.states import PromptState
from gemchain.testing import embedded
from tests.apps import local_chains
from tests.support.cases import rounds
from tests.support.local_model import SETTINGS, held_server

NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo")
TIMEOUT = 600


@pytest.fixture(scope="module", autouse=True)
def server():
    with held_server() as (_, address):
        yield address


@pytest.fixture
def engine(tmp_path):
    with embedded(tmp_path, clock=SystemClock(), **SETTINGS, flush=0.1, grace=0.02) as made:
        yield made


def stored(engine, chain):
    return engine.runtime.store.chain_prompts(chain.id)


@pytest.mark.parametrize("part", rounds(20, quick=2))
def test_every_answer_to_a_schema_is_valid(part, engine):
    rows = [{"name": f"{name} and {part} friends"} for name in NAMES[part % 2 :: 2]]
    chains = gemchain.start_many(local_chains.begin, rows)
    assert engine.run(timeout=TIMEOUT)
    results = [each.result() for each in chains]
    assert len(results) == 5
    for each in results:
        jsonschema.validate(each["about"], local_chains.ABOUT)
        assert each["text"].strip()
    for each in chains:
        assert each.status().prompts == {PromptState.DONE: 2}


def test_an_answer_costs_nothing_and_its_tokens_are_counted(engine):
    chain = gemchain.start(local_chains.begin, "Kit")
    assert engine.run(timeout=TIMEOUT)
    usage = chain.status().usage
    assert usage.prompt_tokens > 20
    assert usage.answer_tokens > 5
    assert (usage.cost, usage.full_cost) == (0, 0)


def test_a_path_to_a_file_is_a_model(engine):
    chain = gemchain.start(greet, f"local/{model_file(SMOLLM2)}")
    assert engine.run(timeout=TIMEOUT)
    assert "ello" in chain.result()


def greet(model):
    gemchain.submit("Say hello.", model, told, max_output_tokens=16, accept=["truncated"])


def told(response):
    return response.text


def test_a_request_longer_than_the_context_fails_and_says_so(engine):
    chain = gemchain.start(overflow)
    assert engine.run(timeout=TIMEOUT)
    with pytest.raises(gemchain.ChainFailedError, match="context") as failed:
        chain.result()
    assert failed.value.reason == "context"


def overflow():
    gemchain.submit("word " * 2000, local_chains.MODEL, told)


def test_an_answer_without_an_end_is_truncated_at_its_limit(engine):
    chain = gemchain.start(go_on)
    assert engine.run(timeout=TIMEOUT)
    with pytest.raises(gemchain.ChainFailedError) as failed:
        chain.result()
    assert failed.value.reason == "truncated"


def go_on():
    gemchain.submit("Tell a long story.", local_chains.MODEL, told, max_output_tokens=5, max_attempts=1)


def test_a_server_that_dies_is_started_again_and_every_chain_ends(engine, server):
    chains = [gemchain.start(stumble, name, server.pid) for name in NAMES[:6]]
    assert engine.run(timeout=TIMEOUT)
    assert all(each.result() for each in chains)
    assert all(each.progress.attempt == 1 for chain in chains for each in stored(engine, chain))


def stumble(name, pid):
    ask = f"Write a very short sentence about {name}."
    gemchain.submit(
        ask,
        local_chains.MODEL,
        kill_server,
        params={"pid": pid if name == NAMES[0] else None},
        max_output_tokens=16,
        accept=["truncated"],
    )


def kill_server(response, pid):
    """The first answer of the first chain kills the server, while it answers the others."""
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    gemchain.submit("Say hello.", local_chains.MODEL, told, max_output_tokens=16, accept=["truncated"])


def test_a_model_that_cannot_be_loaded_stops_the_run_with_the_servers_last_words(engine, tmp_path):
    path = tmp_path / "cut.gguf"
    path.write_bytes(model_file(SMOLLM2).read_bytes()[:1_000_000])
    chain = gemchain.start(greet, f"local/{path}")
    with pytest.raises(ConfigurationError, match="failed to load model"):
        engine.run(timeout=TIMEOUT)
    assert chain.status().prompts == {PromptState.CLAIMED: 1}, "nothing of it is lost"
