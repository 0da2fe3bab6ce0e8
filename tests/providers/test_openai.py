"""Batches of OpenAI: the contract against a local server through the official SDK, and what only they do."""

from dataclasses import replace

import orjson
import pytest

from gemchain.ports import JobState
from gemchain.providers.openai import LIMITS
from gemchain.records import InputRow
from gemchain.records.lanes import BATCH, DIRECT, FLEX
from tests.contracts.provider_contract import (
    MANY,
    TURNAROUND,
    ProviderContract,
    answered,
    ids,
    named,
)
from tests.support.openai_service import MODEL, served

REFUSED = [
    {},
    {"messages": []},
    {"messages": [{"role": "robot", "content": "x"}]},
    {"messages": [{"role": "user", "content": "x"}], "stream": True},
]


@pytest.fixture
def world(tmp_path, clock):
    with served(tmp_path, clock) as found:
        yield found


@pytest.fixture
def service(world):
    return world[0]


@pytest.fixture
def emulator(world):
    return world[1]


@pytest.fixture
def blobs(service):
    return service.blobs


class TestOpenAIProvider(ProviderContract):
    early_ends = frozenset({"expired", "cancelled"})
    row_reasons = frozenset({"rate", "server", "rejected"})
    bad_row = ({"messages": []}, "Invalid 'messages'")

    @pytest.fixture
    def service(self, service):
        return service

    @pytest.fixture(params=REFUSED, ids=repr)
    def refused(self, request):
        return request.param


class TestResponsesApi(TestOpenAIProvider):
    """The contract again, for models that are asked by the Responses API."""

    bad_row = ({"input": []}, "Missing required parameter: 'input'")

    @pytest.fixture
    def service(self, service):
        return replace(service, model=f"responses/{MODEL}")

    @pytest.fixture(params=[{}, {"input": []}, {"input": "x", "stream": True}], ids=repr)
    def refused(self, request):
        return request.param


def test_a_line_names_its_prompt_the_endpoint_and_the_model(service):
    line = service.provider.input_line(service.batch(1), InputRow("p1", '{"messages": []}'))
    assert orjson.loads(line) == {
        "custom_id": "p1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"messages": [], "model": MODEL},
    }


def test_a_request_that_is_no_object_cannot_be_sent(service):
    with pytest.raises(ValueError, match="'p1' is not a JSON object"):
        service.provider.input_line(service.batch(1), InputRow("p1", "[]"))


def test_rows_that_expired_say_so_and_may_be_sent_again(service):
    service.set_faults("expired=1")
    batch = service.batch(MANY)
    job = service.landed(batch)
    rows = service.rows(job)
    lost = [row.failure for row in rows if row.failure]
    assert "24 hours" in job.failure.message
    assert set(named(rows)) == ids(batch)
    assert answered(rows)
    assert lost
    assert all(each.retryable and each.reason == "job" and "batch_expired" in each.message for each in lost)


def test_a_file_with_a_broken_line_fails_in_the_words_of_the_service_and_for_good(service, emulator, blobs):
    batch = service.batch(1)
    info = blobs.put(f"batches/{batch.id}/input-1.jsonl", b"{broken\n")
    job = service.landed(replace(batch, size=info.size))
    assert job.state is JobState.FAILED
    assert job.failure.message.endswith("line 1: invalid_json_line: This line is no JSON.")
    assert not job.failure.retryable


def test_only_some_errors_of_a_file_are_told(service, blobs):
    batch = service.batch(1)
    info = blobs.put(f"batches/{batch.id}/input-1.jsonl", b"{broken\n" * 9)
    job = service.landed(replace(batch, size=info.size))
    assert job.failure.message.endswith("and 4 more errors")


def test_a_job_without_room_is_no_fault_of_its_prompts_and_the_next_one_is_half_as_large(service):
    service.set_faults("enqueued_tokens=1")
    batch = service.batch(40)
    job = service.landed(batch)
    assert job.state is JobState.FAILED
    assert (job.failure.reason, job.failure.retryable) == ("rate", True)
    assert "token_limit_exceeded" in job.failure.message
    assert service.provider.limits == LIMITS._replace(max_requests=20)


def test_asking_again_after_a_job_without_room_halves_once_and_a_job_that_comes_through_doubles(service):
    service.set_faults("enqueued_tokens=1")
    batch = service.sent(service.batch(40))
    service.landed(batch)
    service.provider.poll(batch)
    service.provider.poll(batch)
    assert service.provider.limits.max_requests == 20
    service.set_faults("")
    service.landed(service.batch(20))
    assert service.provider.limits.max_requests == 40


def test_progress_is_told_while_a_job_runs(service):
    batch = service.sent(service.batch(3))
    assert service.provider.poll(batch).detail == "validating, 0 of 3"
    service.clock.advance(TURNAROUND / 2)
    assert service.provider.poll(batch).detail == "in_progress, 0 of 3"


def test_a_job_that_is_being_cancelled_still_runs(service):
    batch = service.sent(service.batch(3))
    service.provider.cancel(batch)
    job = service.provider.poll(batch)
    assert (job.state, job.detail) == (JobState.RUNNING, "cancelling, 0 of 3")


@pytest.mark.parametrize(
    ("model", "path", "kinds"),
    [
        ("gpt-4.1-mini", "/v1/chat/completions", ("generate",)),
        ("ft:gpt-4.1-mini:team/x", "/v1/chat/completions", ("generate",)),
        ("responses/gpt-4.1-mini", "/v1/responses", ("generate",)),
        ("embeddings/text-embedding-3-small", "/v1/embeddings", ("embed",)),
    ],
)
def test_the_name_of_a_model_chooses_its_endpoint(service, model, path, kinds):
    batch = replace(service.batch(1), model=model)
    line = orjson.loads(service.provider.input_line(batch, InputRow("p1", "{}")))
    assert line["url"] == path
    assert line["body"]["model"] in model
    assert service.provider.capabilities(model).kinds == kinds


@pytest.mark.parametrize(
    ("model", "lanes"),
    [
        ("gpt-5", (FLEX, BATCH, DIRECT)),
        ("responses/gpt-5-mini-2025-08-07", (FLEX, BATCH, DIRECT)),
        ("gpt-4.1-mini", (BATCH, DIRECT)),
        ("a-model-of-tomorrow", (BATCH, DIRECT)),
    ],
)
def test_only_models_with_a_price_for_it_have_the_lane_flex(service, model, lanes):
    assert service.provider.capabilities(model).lanes == lanes


def test_what_an_endpoint_lacks_is_not_among_what_its_models_can_do(service):
    assert service.provider.capabilities("gpt-5").seed
    assert not service.provider.capabilities("responses/gpt-5").seed
    assert service.provider.capabilities("responses/gpt-5").schema == "strict"
