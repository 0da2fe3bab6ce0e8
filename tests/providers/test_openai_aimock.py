"""Whole chains through the official SDK against a mock that others wrote: what we hold true, they do, too."""

from contextlib import contextmanager

import pytest

import gemchain
from gemchain.records.states import BatchState
from gemchain.testing import embedded
from tests.apps import openai_chains
from tests.support import aimock

pytestmark = pytest.mark.skipif(aimock.NODE is None, reason="aimock runs on Node")

ANSWER = "Mock batch completion"
"""What it answers to every request in a batch."""


@contextmanager
def living(folder, *options):
    """An engine whose OpenAI is the mock, and the mock."""
    with aimock.served(folder, *options) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENAI_API_KEY", "any")
        environment.setenv("OPENAI_BASE_URL", server.url)
        with embedded(folder / "state", poll=20, grace=0) as engine:
            yield engine, server
            engine.runtime.providers.named("openai").close()


def ending_as(engine, outcome):
    """Let every batch that is created from now on end so."""
    provider = engine.runtime.providers.named("openai")
    provider._client = provider._opened().with_options(default_headers={"X-AIMock-Batch-Outcome": outcome})


@pytest.mark.parametrize("model", ["openai/gpt-4.1-mini", "openai/responses/gpt-4.1-mini"])
def test_chains_of_two_levels_share_a_batch_for_each_level(tmp_path, model):
    with living(tmp_path) as (engine, server):
        rows = [{"text": f"text {each}", "model": model} for each in range(20)]
        chains = gemchain.start_many(openai_chains.refine, rows)
        assert engine.run()
        assert [chain.result() for chain in chains] == [f"{ANSWER}, twice" for _ in rows]
        assert len(server.calls("POST", "/v1/batches")) == 2
        assert len(server.calls("POST", "/v1/files")) == 2


def test_calls_that_are_throttled_dropped_cut_and_garbled_lose_nothing_and_no_batch_is_made_twice(tmp_path):
    kinds = ("ratelimit", "drop", "disconnect", "malformed")
    chaos = [word for kind in kinds for word in (f"--chaos-{kind}", "0.15")]
    with living(tmp_path, *chaos) as (engine, server):
        chains = gemchain.start_many(openai_chains.refine, [{"text": f"text {each}"} for each in range(20)])
        assert engine.run()
        assert [chain.result() for chain in chains] == [f"{ANSWER}, twice" for _ in chains]
        replies = [each["response"] for each in server.calls("POST", "/v1/batches")]
        assert len([each for each in replies if "chaosAction" not in each]) == 2


def test_a_batch_that_failed_hands_its_words_to_the_chain(tmp_path):
    with living(tmp_path) as (engine, _):
        ending_as(engine, "failed")
        chain = gemchain.start(openai_chains.ask, 1)
        assert engine.run()
        with pytest.raises(gemchain.ChainFailedError, match="mock_failure"):
            chain.result()


def test_a_batch_that_expired_is_sent_again(tmp_path):
    with living(tmp_path) as (engine, server):
        ending_as(engine, "expired")
        chain = gemchain.start(openai_chains.ask, 1)
        engine.run(timeout=30)
        ending_as(engine, "completed")
        assert engine.run()
        assert chain.result() == f"1: {ANSWER}"
        states = [each.state for each in engine.runtime.store.list_batches()]
        assert set(states) == {BatchState.FAILED, BatchState.CLOSED}
        assert len(server.calls("POST", "/v1/batches")) == len(states)


def test_a_process_that_dies_after_it_made_a_batch_finds_it_again(tmp_path):
    with living(tmp_path) as (engine, server):
        chain = gemchain.start(openai_chains.ask, 1)
        provider = engine.runtime.providers.named("openai")
        create = provider.create

        def dies(batch):
            create(batch)
            raise KeyboardInterrupt

        provider.create = dies
        with pytest.raises(KeyboardInterrupt):
            engine.run()
        del provider.create
        assert engine.run()
        assert chain.result() == f"1: {ANSWER}"
        assert len(server.calls("POST", "/v1/batches")) == 1
