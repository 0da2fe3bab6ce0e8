"""Mistral: the contract by its own SDK against a local server, and what only it does.

Longer than 300 lines: what the service promises, and each way in which a call of it goes wrong.
"""

from collections import Counter
from dataclasses import replace

import httpx2
import orjson
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.mistral import MistralEmulator
from gemchain.emulators.mistral.errors import MistralRefusal
from gemchain.errors import (
    ConfigurationError,
    MissingExtraError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from gemchain.ports import JobState
from gemchain.providers.hosted import UPLOAD_SECONDS
from gemchain.providers.mistral import MistralProvider
from gemchain.records import InputRow
from tests.contracts.provider_contract import MANY, TURNAROUND, ProviderContract, Service, ids, named

MODEL = "mistral-small-latest"


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


@pytest.fixture
def emulator(clock):
    with MistralEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def service(emulator, blobs, clock):
    def jobs_named(display):
        return sum(job.metadata == {"gemchain": display.removeprefix("gemchain-")} for job in emulator.jobs())

    provider = MistralProvider(blobs, endpoint=emulator.url)
    yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL)
    provider.close()


class TestMistralProvider(ProviderContract):
    bad_row = ({"messages": []}, "at least one message")

    @pytest.fixture
    def service(self, service):
        return service

    @pytest.fixture(
        params=[
            {},
            {"messages": []},
            {"messages": "x"},
            {"messages": [{"role": "model", "content": "x"}]},
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        ],
        ids=repr,
    )
    def refused(self, request):
        return request.param


def test_a_line_bears_the_prompt_and_the_job_bears_the_model_and_the_batch(service, emulator):
    line = service.provider.input_line(service.batch(1), InputRow("p1", '{"messages": []}'))
    assert line == b'{"custom_id":"p1","body":{"messages": []}}\n'
    batch = service.sent(service.batch(1))
    (job,) = emulator.jobs()
    assert (job.model, job.metadata) == (MODEL, {"gemchain": batch.id})


def test_a_job_is_found_by_a_process_that_knows_nothing_of_the_call_that_made_it(service, emulator, blobs):
    batch = service.batch()
    service.set_faults("create_lost=1")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    later = MistralProvider(blobs, endpoint=emulator.url)
    assert later.find(batch).name == emulator.jobs()[0].id
    later.close()


def test_a_job_is_found_among_many_pages(service):
    batch = service.batch(1)
    first = service.provider.create(batch)
    for _ in range(105):
        service.provider.create(service.batch(1))
    assert service.provider.find(batch).name == first.name


def test_jobs_that_vanish_while_they_are_listed_are_listed_again(service, monkeypatch):
    batch = service.batch(1)
    for _ in range(101):
        service.provider.create(service.batch(1))
    jobs = service.provider._opened().batch.jobs
    real = jobs.list

    def shrinking(*, page, **options):
        listed = real(page=page, **options)
        listed.total -= page
        return listed

    monkeypatch.setattr(jobs, "list", shrinking)
    with pytest.raises(ProviderUnavailableError, match="removed while they were listed"):
        service.provider.find(batch)


def test_answers_and_errors_come_in_two_files(service):
    service.set_faults("failed=0.5")
    batch = service.batch(MANY)
    job = service.landed(batch)
    assert len(job.output) == 2
    first, second = (
        {
            service.provider.read_row(line).failure is None
            for line in service.blobs.read(file.uri).splitlines()
        }
        for file in job.output
    )
    assert (first, second) == ({True}, {False})


def test_a_job_whose_rows_all_failed_has_landed(service):
    service.set_faults("refused=1")
    job = service.landed(service.batch(3))
    assert job.state is JobState.LANDED
    assert {row.failure.reason for row in service.rows(job)} == {"rejected"}


def test_results_are_downloaded_once(service, blobs):
    service.set_faults("failed=0.5")
    batch = service.sent(service.batch(MANY))
    first = service.landed(batch)
    assert service.provider.poll(batch).output == first.output
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 2


def test_a_connection_that_breaks_amid_the_results_leaves_nothing_and_is_tried_again(
    service, emulator, blobs
):
    batch = service.sent(service.batch(3))
    emulator.cut_next(path="/content")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
        service.landed(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def test_an_answer_that_breaks_off_after_a_job_was_made_does_not_say_that_there_is_none(service, emulator):
    batch = service.batch(3)
    emulator.cut_next(path="/v1/batch/jobs")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(batch)
    assert service.provider.find(batch).name == emulator.jobs()[0].id


def test_an_input_that_is_not_uploaded_in_time_makes_no_job(service, emulator, blobs):
    seconds = iter([0.0, UPLOAD_SECONDS + 1])
    slow = MistralProvider(blobs, endpoint=emulator.url, seconds=lambda: next(seconds))
    with pytest.raises(ProviderUnavailableError, match="max_batch_bytes"):
        slow.create(service.batch())
    slow.close()
    assert emulator.jobs() == []


def test_a_large_input_is_sent(service):
    batch = service.batch(requests=[service.asking("x" * 1_000_000) for _ in range(10)])
    assert named(service.rows(service.landed(batch))) == Counter(ids(batch))


@pytest.mark.parametrize("word", ["PAUSED", "QUEUED"])
def test_a_state_of_tomorrow_is_waited_for_until_the_job_says_when_it_was_completed(
    service, monkeypatch, word
):
    batch = service.sent(service.batch())
    jobs = service.provider._opened().batch.jobs
    real = jobs.get

    def renamed(*, job_id):
        job = real(job_id=job_id)
        job.status = word
        return job

    monkeypatch.setattr(jobs, "get", renamed)
    assert service.provider.poll(batch).state is JobState.RUNNING
    job = service.landed(batch)
    assert (job.state, job.detail) == (JobState.LANDED, word)
    assert named(service.rows(job)) == Counter(ids(batch))


@pytest.mark.parametrize(
    ("row", "reason", "retryable"),
    [
        ({"response": {"status_code": 400, "body": {"message": "bad"}}}, "rejected", False),
        ({"response": {"status_code": 429, "body": {"message": "slow"}}}, "rate", True),
        ({"response": {"status_code": 500, "body": None}, "error": {"message": "oh"}}, "server", True),
        ({"response": {"status_code": 422, "body": "text"}}, "rejected", False),
        ({"response": None, "error": {"message": "no words for it"}}, "error", True),
        ({"error": "a mere text"}, "error", True),
        ({"error": {"status_code": 503, "message": "down"}}, "server", True),
    ],
    ids=repr,
)
def test_errors_of_rows_are_read_in_every_form(service, row, reason, retryable):
    failure = service.provider.read_row(orjson.dumps({"custom_id": "p1", **row})).failure
    assert (failure.reason, failure.retryable) == (reason, retryable)


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (MistralRefusal(401, "Unauthorized"), ConfigurationError, "MISTRAL_API_KEY"),
        (MistralRefusal(403, "no"), ConfigurationError, "MISTRAL_API_KEY"),
        (MistralRefusal(402, "pay"), ConfigurationError, "billing"),
        (MistralRefusal(413, "too large"), ProviderRejectedError, "max_batch_bytes"),
        (MistralRefusal(422, "bad"), ProviderRejectedError, "refuses to create the job of .* 422: bad$"),
        (MistralRefusal(429, "slow", {"Retry-After": "9"}), ProviderUnavailableError, "asks to wait 9 s"),
        (MistralRefusal(429, "slow"), ProviderUnavailableError, "429: slow$"),
        (MistralRefusal(503, "down"), ProviderUnavailableError, "could not create the job"),
    ],
    ids=lambda each: str(getattr(each, "code", "")),
)
def test_an_error_says_what_was_refused_and_what_to_do_and_the_call_is_not_repeated(
    service, emulator, refusal, kind, words
):
    emulator.refuse_next(refusal)
    with pytest.raises(kind, match=words):
        service.provider.create(service.batch())
    assert emulator.jobs() == []


def test_a_service_that_is_not_there_is_asked_again_later(blobs):
    provider = MistralProvider(blobs, endpoint="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached") as caught:
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
    assert isinstance(caught.value.__cause__, httpx2.HTTPError)
    provider.close()


def test_without_a_key_it_says_where_to_get_one(blobs, monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    provider = MistralProvider(blobs)
    with pytest.raises(ConfigurationError, match=r"console\.mistral\.ai.*MISTRAL_API_KEY"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


def test_without_the_library_it_says_how_to_install_it(blobs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mistralai.client", None)
    provider = MistralProvider(blobs, key="k")
    with pytest.raises(MissingExtraError, match=r"pip install 'gemchain\[mistral\]'"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))


def test_a_job_that_was_cancelled_before_it_answered_gives_way_to_a_later_one(service):
    batch = service.batch(3)
    first = service.sent(batch)
    service.provider.cancel(first)
    service.clock.advance(TURNAROUND)
    assert service.provider.poll(first).state is JobState.FAILED
    later = service.provider.create(batch)
    assert service.provider.find(replace(batch, create_at=service.clock.now())).name == later.name


GARBLED = [
    b"<html>a proxy</html>",
    b"{half",
    b"{}",
    b"[]",
    b'"x"',
    b"null",
    b"\xff",
    b'{"id": 1, "status": 2}',
]


@pytest.mark.parametrize("answer", GARBLED)
def test_an_answer_that_makes_no_sense_says_nothing_and_is_asked_for_again(service, emulator, answer):
    batch = service.sent(service.batch())
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.poll(batch)
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.find(service.batch())
    emulator.garble_next(answer)
    with pytest.raises(ProviderUnavailableError):
        service.provider.cancel(batch)
    emulator.garble_next(answer, "/v1/batch/jobs")
    with pytest.raises(ProviderUnavailableError):
        service.provider.create(service.batch())
    assert service.provider.poll(batch).state is JobState.RUNNING
    assert len(emulator.jobs()) == 2


def test_what_is_no_result_is_not_taken_for_one_without_any_row(service, emulator, blobs):
    batch = service.sent(service.batch(3))
    emulator.garble_next(b"<html>a proxy</html>", "/content")
    with pytest.raises(ProviderUnavailableError, match="a proxy"):
        service.landed(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))
