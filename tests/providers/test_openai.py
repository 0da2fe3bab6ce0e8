"""Batches of OpenAI: the contract against a local server through the official SDK, and what only they do."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import httpx2
import orjson
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.openai import OpenAIEmulator
from gemchain.emulators.openai.refusals import ApiRefusal
from gemchain.errors import ConfigurationError, ProviderRejectedError, ProviderUnavailableError
from gemchain.ports import JobState
from gemchain.providers.openai import LIMITS, OpenAIProvider
from gemchain.records import InputRow
from gemchain.records.identity import job_name
from tests.contracts.provider_contract import (
    MANY,
    TURNAROUND,
    ProviderContract,
    Service,
    answered,
    ids,
    named,
)

MODEL = "gpt-4.1-mini"

REFUSED = [
    {},
    {"messages": []},
    {"messages": [{"role": "robot", "content": "x"}]},
    {"messages": [{"role": "user", "content": "x"}], "stream": True},
]


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


@pytest.fixture
def emulator(clock):
    with OpenAIEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def service(emulator, blobs, clock):
    provider = OpenAIProvider(blobs, key="emulated", endpoint=emulator.url)

    def jobs_named(display):
        return sum(job_name(batch.metadata["gemchain"]) == display for batch in emulator.batches())

    yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL)
    provider.close()


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


def test_a_job_is_found_among_many_pages_and_the_search_ends_at_the_age_of_the_batch(service, emulator):
    service.provider.create(service.batch(1))
    client, (file,) = service.provider._opened(), emulator.files()

    def others(count):
        for _ in range(count):
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )

    others(210)
    service.clock.advance(7200)
    batch = replace(service.batch(1), created_at=service.clock.now())
    first = service.provider.create(batch)
    others(105)
    assert service.provider.find(batch).name == first.name
    asked = emulator.calls("GET", "/v1/batches")
    assert service.provider.find(replace(batch, id="b0")) is None
    assert emulator.calls("GET", "/v1/batches") - asked == 3  # of four pages


def test_an_upload_whose_job_never_came_to_be_is_used_by_the_next_attempt(service, emulator):
    batch = service.batch(2)
    client = service.provider._opened()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.batches, "create", _dies)
        with pytest.raises(KeyboardInterrupt):
            service.provider.create(batch)
    assert emulator.batches() == []
    service.provider.create(batch)
    inputs = [each for each in emulator.files() if each.purpose == "batch"]
    assert [each.id for each in inputs] == [each.input_file_id for each in emulator.batches()]


def _dies(**_):
    raise KeyboardInterrupt


def test_an_upload_that_is_about_to_expire_is_not_used_again(service, emulator):
    batch = service.batch(2)
    service.provider.create(batch)
    service.clock.advance(timedelta(days=4).total_seconds())
    service.provider.create(replace(batch, create_at=service.clock.now()))
    assert len({each.input_file_id for each in emulator.batches()}) == 2


def test_input_files_expire_by_themselves(service, emulator):
    service.provider.create(service.batch(1))
    (file,) = emulator.files()
    assert file.expires_at - file.created_at == timedelta(days=5)


def test_a_job_whose_creation_was_answered_with_an_error_is_found_and_made_once(service, emulator):
    batch = service.batch(3)
    emulator.set_faults("create_lost=1,list_lag=50")
    with pytest.raises(ProviderUnavailableError, match="500"):
        service.provider.create(batch)
    assert service.provider.find(batch) is None
    service.clock.advance(service.provider.listing_lag)
    assert service.provider.find(batch).name == emulator.batches()[0].id
    assert len(emulator.batches()) == 1


def test_answers_and_errors_come_in_two_files_that_are_each_downloaded_once(service, blobs):
    service.set_faults("failed=0.5")
    batch = service.sent(service.batch(MANY))
    first = service.landed(batch)
    assert service.provider.poll(batch).output == first.output
    names = [each.uri for each in blobs.list(f"batches/{batch.id}/output/")]
    assert sorted(names) == sorted(each.uri for each in first.output)
    folders = [each.uri.rpartition(f"/{batch.job}/")[2].partition("/")[0] for each in first.output]
    assert folders == ["output", "errors"]


def test_a_download_that_breaks_in_the_middle_leaves_nothing_and_is_made_again(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND + 1)
    emulator.set_faults("cut=1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached to download"):
        service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    emulator.set_faults("")
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def test_a_download_that_is_shorter_than_the_service_says_is_made_again(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND + 1)
    client = service.provider._opened()
    shown = client.files.retrieve

    def asked_first(file):
        emulator.answer_next(b"<html>a proxy</html>")
        return told

    told = shown(service_output(client, batch))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.files, "retrieve", asked_first)
        with pytest.raises(ProviderUnavailableError, match="and 20 came"):
            service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def service_output(client, batch):
    return client.batches.retrieve(batch.job).output_file_id


def test_a_collector_that_dies_between_two_files_has_the_first_and_gets_the_second(service, blobs):
    service.set_faults("failed=0.5")
    batch = service.sent(service.batch(MANY))
    service.clock.advance(TURNAROUND + 1)
    writer, written = blobs.writer, []

    def dies_at_the_second(name):
        written.append(name)
        if len(written) == 2:
            raise KeyboardInterrupt
        return writer(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "writer", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            service.provider.poll(batch)
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 1
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 2


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
    ("refusal", "kind", "words"),
    [
        (
            ApiRefusal(401, "invalid_request_error", "bad key"),
            ConfigurationError,
            "OPENAI_API_KEY",
        ),
        (ApiRefusal(403, "invalid_request_error", "no"), ConfigurationError, "OPENAI_API_KEY"),
        (ApiRefusal(404, "invalid_request_error", "gone"), ProviderRejectedError, "refuses to show job"),
        (ApiRefusal(409, "conflict", "busy"), ProviderUnavailableError, "busy"),
        (
            ApiRefusal(429, "requests", "slow", retry_after=99999),
            ProviderUnavailableError,
            "tried again",
        ),
        (
            ApiRefusal(429, "insufficient_quota", "You exceeded", name="insufficient_quota"),
            ConfigurationError,
            "billing",
        ),
        (ApiRefusal(503, "server_error", "down"), ProviderUnavailableError, "down"),
    ],
    ids=lambda each: f"{each.code}-{each.status}" if isinstance(each, ApiRefusal) else "",
)
def test_an_error_says_what_was_refused_and_what_to_do(service, emulator, refusal, kind, words):
    batch = service.sent(service.batch())
    emulator.refuse_next(refusal)
    with pytest.raises(kind, match=words):
        service.provider.poll(batch)


@pytest.mark.parametrize(
    "answer",
    [b"<html>a proxy</html>", b"{half", b"{}", b"[]", b'"x"', b"null", b"\xff", b'{"id": 1, "status": 2}'],
)
def test_an_answer_that_is_no_batch_is_asked_for_again_later(service, emulator, answer):
    batch = service.sent(service.batch())
    emulator.answer_next(answer)
    with pytest.raises(ProviderUnavailableError, match="show job"):
        service.provider.poll(batch)
    emulator.answer_next(answer)
    with pytest.raises(ProviderUnavailableError, match="list the jobs"):
        service.provider.find(batch)
    assert service.provider.poll(batch).state is JobState.RUNNING


def test_no_call_is_repeated_behind_our_back(service, emulator):
    batch = service.batch(1)
    emulator.set_faults("create_lost=1")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    assert len(emulator.batches()) == 1


def test_a_service_that_is_not_there_is_asked_again_later(blobs):
    provider = OpenAIProvider(blobs, key="x", endpoint="http://127.0.0.1:1/v1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached to list") as caught:
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
    assert isinstance(caught.value.__cause__.__cause__, httpx2.HTTPError)
    provider.close()


def test_without_a_key_it_says_where_to_get_one(blobs, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    provider = OpenAIProvider(blobs)
    with pytest.raises(ConfigurationError, match=r"platform\.openai\.com/api-keys and set OPENAI_API_KEY"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


def test_key_and_address_are_read_from_the_environment_as_the_sdk_reads_them(blobs, emulator, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "emulated")
    monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
    provider = OpenAIProvider(blobs)
    batch = Service(provider, blobs, None, None, None, MODEL).batch(1)
    assert provider.create(batch).name == emulator.batches()[0].id
    provider.close()
