"""Single requests to OpenAI, over real connections to the local server."""

import queue

import orjson
import pytest

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.errors import ConfigurationError
from gemchain.formats.direct_rows import read_row
from gemchain.providers.openai import OpenAIProvider
from gemchain.records import Batch, InputRow
from gemchain.records.lanes import DIRECT, FLEX
from gemchain.testing import embedded
from tests.apps import openai_chains

MODEL = "gpt-4.1-mini"
SECONDS = 30
"""After which a test gives up."""


@pytest.fixture
def emulator(clock):
    with OpenAIEmulator(clock=clock) as emulator:
        yield emulator


def begun(provider, clock, lane, model):
    """A run, and a queue that hears of its answers."""
    run = provider.start(Batch(id="b", lane=lane, provider="openai", model=model, created_at=clock.now()))
    news = queue.Queue()
    ended = run.ended

    def told(*args):
        ended(*args)
        news.put(None)

    run.ended = told
    return run, news


@pytest.mark.parametrize("lane", [DIRECT, FLEX])
@pytest.mark.parametrize("model", [MODEL, f"responses/{MODEL}"])
def test_answers_come_from_the_endpoint_of_the_model_and_the_tier_of_the_lane(
    emulator, tmp_path, clock, lane, model
):
    provider = OpenAIProvider(LocalBlobs(tmp_path), key="any", endpoint=emulator.url)
    run, news = begun(provider, clock, lane, model)
    wire_format = provider.format(model)
    request = wire_format.compose("List the keywords: whales sing").request
    run.feed([InputRow("p1", orjson.dumps(request).decode())])
    news.get(timeout=SECONDS)
    (row,) = map(read_row, run.take())
    run.stop()
    assert (row.prompt_id, row.lane, row.failure) == ("p1", lane, None)
    assert wire_format.text(row.body) == "whales, sing"
    assert row.body["model"] == MODEL
    assert row.body["service_tier"] == ("flex" if lane == FLEX else "default")


def test_a_run_without_a_key_says_where_to_get_one(tmp_path, clock, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        begun(OpenAIProvider(LocalBlobs(tmp_path)), clock, DIRECT, MODEL)


def test_a_whole_chain_goes_by_single_requests_without_a_batch(emulator, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
    with embedded(tmp_path, lane=DIRECT) as engine:
        chain = gemchain.start(openai_chains.describe, openai_chains.TEXT)
        assert engine.run()
        assert chain.result() == {"keywords": ["whales", "sing", "songs"], "finish": "STOP"}
    assert emulator.batches() == []
    assert emulator.calls("POST", "/v1/chat/completions") == 2
