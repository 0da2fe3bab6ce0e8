"""Whole chains over OpenAI's batches, through the official SDK and a local server, while things go wrong."""

from collections import Counter
from contextlib import contextmanager

import pytest

import gemchain
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.records.states import BatchState, PromptState
from gemchain.testing import VirtualClock, embedded
from tests.apps import openai_chains

TURNAROUND = 90.0

EVERYTHING = (
    "failed=0.2,blocked=0.03,truncated=0.03,empty=0.03,missing=0.1,malformed=0.05,duplicated=0.3,"
    "expired=0.2,cancelled=0.1,job_failed=0.1,throttled=0.1,unavailable=0.1,create_lost=0.3,cut=0.1,list_lag=50"
)


@contextmanager
def living(folder, *, seed=0, **settings):
    """An engine whose OpenAI is the local server, and that server."""
    clock = VirtualClock()
    with (
        OpenAIEmulator(clock=clock, turnaround=TURNAROUND, seed=seed) as emulator,
        pytest.MonkeyPatch.context() as env,
    ):
        env.setenv("OPENAI_API_KEY", "emulated")
        env.setenv("OPENAI_BASE_URL", emulator.url)
        with embedded(folder, clock=clock, poll=20, grace=0, **settings) as engine:
            yield engine, emulator
            engine.runtime.providers.named("openai").close()


@pytest.fixture
def world(tmp_path):
    with living(tmp_path) as found:
        yield found


@pytest.fixture
def patient(tmp_path):
    """A world that tries often."""
    with living(tmp_path, max_attempts=20) as found:
        yield found


@pytest.fixture
def impatient(tmp_path):
    """A world that tries once."""
    with living(tmp_path, max_attempts=1) as found:
        yield found


def prompts_of(engine, chains):
    return [each for chain in chains for each in engine.runtime.store.chain_prompts(chain.id)]


def jobs_of_batches(emulator):
    return Counter(batch.metadata["gemchain"] for batch in emulator.batches())


def test_a_chain_of_two_levels_with_a_schema_runs_to_its_end(world):
    engine, emulator = world
    chain = gemchain.start(openai_chains.describe, openai_chains.TEXT)
    assert engine.run()
    assert chain.result() == {"keywords": ["whales", "sing", "songs"], "finish": "STOP"}
    assert [batch.ended for batch in emulator.batches()] == ["completed", "completed"]
    sent = emulator.batches()[1].lines[0].body
    assert sent["model"] == "gpt-4.1-mini"
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["messages"][0]["content"] == "Be short."


def test_a_model_of_the_responses_api_is_asked_there(world):
    engine, emulator = world
    chain = gemchain.start(openai_chains.describe, openai_chains.TEXT, model="openai/responses/gpt-4.1-mini")
    assert engine.run()
    assert chain.result() == {"keywords": ["whales", "sing", "songs"], "finish": "STOP"}
    assert {batch.endpoint for batch in emulator.batches()} == {"/v1/responses"}
    assert emulator.batches()[1].lines[0].body["text"]["format"]["type"] == "json_schema"


def test_an_async_chain_awaits_batches(world):
    engine, _ = world
    chain = gemchain.start(openai_chains.described, openai_chains.TEXT)
    assert engine.run()
    assert chain.result() == ["whales", "sing", "songs"]


def test_tokens_of_answers_are_counted(world):
    engine, _ = world
    chain = gemchain.start(openai_chains.describe, openai_chains.TEXT)
    engine.run()
    for prompt in prompts_of(engine, [chain]):
        assert prompt.progress.usage.prompt_tokens > 0
        assert prompt.progress.usage.answer_tokens > 0


def test_what_is_sent_together_shares_one_batch(world):
    engine, emulator = world
    chains = gemchain.start_many(openai_chains.ask, [{"number": each} for each in range(30)])
    assert engine.run()
    assert [len(batch.lines) for batch in emulator.batches()] == [30]
    assert all(chain.result().startswith(f"{number}: ") for number, chain in enumerate(chains))


def test_rows_that_fail_expire_or_are_missing_are_sent_again(patient):
    engine, emulator = patient
    emulator.set_faults("failed=0.3,missing=0.2,expired=0.5")
    chains = gemchain.start_many(openai_chains.ask, [{"number": each} for each in range(20)])
    assert engine.run()
    assert all(chain.result() for chain in chains)
    assert len(emulator.batches()) > 1


def test_a_job_whose_creation_looked_lost_is_adopted_and_not_made_again(world):
    engine, emulator = world
    emulator.set_faults("create_lost=1,list_lag=55")
    chains = gemchain.start_many(openai_chains.describe, [{"text": "one text."}, {"text": "another text."}])
    assert engine.run()
    assert all(chain.result() for chain in chains)
    assert set(jobs_of_batches(emulator).values()) == {1}


def test_without_room_prompts_wait_go_in_smaller_batches_and_lose_no_attempt(impatient):
    engine, emulator = impatient
    emulator.set_faults("enqueued_tokens=900")
    chains = gemchain.start_many(openai_chains.ask, [{"number": each} for each in range(64)])
    assert engine.run()
    assert all(chain.result() for chain in chains)
    assert {each.progress.attempt for each in prompts_of(engine, chains)} == {1}
    refused = [len(each.lines) for each in emulator.batches() if each.ended == "failed"]
    assert refused[:2] == [64, 32]
    assert sum(len(each.lines) for each in emulator.batches() if each.ended == "completed") == 64


def test_without_room_a_prompt_waits_for_the_longest_rest_and_keeps_the_words_of_the_service(world):
    engine, emulator = world
    emulator.set_faults("enqueued_tokens=1")
    chain = gemchain.start(openai_chains.ask, 1)
    engine.run(timeout=300)
    (prompt,) = prompts_of(engine, [chain])
    assert prompt.progress.state is PromptState.QUEUED
    assert "token_limit_exceeded" in prompt.progress.failure.message
    (batch,) = engine.runtime.store.list_batches()
    assert batch.state is BatchState.FAILED
    waits = (prompt.progress.not_before_at - batch.closed_at).total_seconds()
    assert waits == engine.runtime.settings.retry_delay_max
    emulator.set_faults("")
    assert engine.run()
    assert chain.result().startswith("1: ")


@pytest.mark.parametrize("seed", range(4))
def test_everything_goes_wrong_at_once_and_nothing_is_lost(tmp_path, seed):
    with living(tmp_path, seed=seed, part_bytes=1500, max_batch_requests=5, max_attempts=60) as world:
        engine, emulator = world
        emulator.set_faults(EVERYTHING)
        texts = [{"text": f"Text {each} speaks of whales."} for each in range(8)]
        chains = gemchain.start_many(openai_chains.describe, texts)
        assert engine.run()
        prompts = [each.progress for each in prompts_of(engine, chains)]
        states = Counter(each.state for each in prompts)
        assert set(states) <= {PromptState.DONE, PromptState.FAILED}
        assert {each.failure.reason for each in prompts if each.failure} <= {"blocked", "truncated"}
        assert states[PromptState.DONE] > len(chains) // 2  # what is blocked or cut off depends on random ids
        # One batch, one job: a second is made only in place of one that failed before it began.
        going = [each.metadata["gemchain"] for each in emulator.batches() if each.ended != "failed"]
        assert set(Counter(going).values()) == {1}
