"""The Gemini API: the contract against a local server, and what only it does."""

from collections import Counter

import httpx
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.emulators.refusals import Refusal
from gemchain.errors import ConfigurationError, ProviderRejectedError, ProviderUnavailableError, RequestError
from gemchain.ports import JobState
from gemchain.providers.gemini_api import GeminiApiProvider
from gemchain.records import InputRow
from tests.contracts.gemini_batches_contract import MODEL, GeminiBatchesContract, asking
from tests.contracts.provider_contract import TURNAROUND, Service, ids, named


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "files")


@pytest.fixture
def emulator(clock):
    with GeminiApiEmulator(clock=clock, turnaround=TURNAROUND) as emulator:
        yield emulator


@pytest.fixture
def service(emulator, blobs, clock):
    provider = GeminiApiProvider(blobs, endpoint=emulator.url)

    def jobs_named(display):
        return sum(batch.display_name == display for batch in emulator.batches())

    yield Service(provider, blobs, clock, emulator.set_faults, jobs_named, MODEL)
    provider.close()


class TestGeminiApiProvider(GeminiBatchesContract):
    echoes_requests = False
    keeps_finished_rows = False
    takes_labels = False

    @pytest.fixture
    def service(self, service):
        return service


def test_lines_carry_a_key_and_no_label(service):
    line = service.provider.input_line(service.batch(1), InputRow("p1", '{"contents": []}'))
    assert line == b'{"key":"p1","request":{"contents": []}}\n'


def test_labels_are_refused_before_anything_is_recorded(service):
    with pytest.raises(RequestError, match="takes no 'labels'"):
        service.provider.check("gemini-3.5-flash", asking("x", labels={"team": "red"}))


def test_a_large_input_goes_up_in_pieces(service):
    batch = service.batch(requests=[asking("x" * 1_000_000) for _ in range(10)])
    assert named(service.rows(service.landed(batch))) == Counter(ids(batch))


def test_the_result_is_downloaded_once(service, blobs):
    batch = service.sent(service.batch(3))
    first = service.landed(batch)
    assert service.provider.poll(batch).output == first.output
    assert len(list(blobs.list(f"batches/{batch.id}/output/"))) == 1


def test_a_collector_that_dies_while_it_downloads_leaves_nothing_behind(service, blobs, monkeypatch):
    batch = service.sent(service.batch(3))
    service.clock.advance(TURNAROUND)
    client = service.provider._opened()

    def dies(*, file, destination):
        destination.write(b'{"half')
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client.files, "download", dies)
        with pytest.raises(KeyboardInterrupt):
            service.provider.poll(batch)
    assert not list(blobs.list(f"batches/{batch.id}/output/"))
    assert named(service.rows(service.provider.poll(batch))) == Counter(ids(batch))


def test_an_expired_job_delivers_nothing_and_says_so(service):
    service.set_faults("expired=1")
    job = service.landed(service.batch())
    assert job.state is JobState.FAILED
    assert "48 hours" in job.failure.message
    assert job.failure.retryable


def test_a_job_is_found_among_many_pages(service):
    batch = service.batch(1)
    first = service.provider.create(batch)
    for _ in range(105):
        service.provider.create(service.batch(1))
    assert service.provider.find(batch).name == first.name


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (Refusal(400, "INVALID_ARGUMENT", "API key not valid."), ConfigurationError, "aistudio"),
        (Refusal(403, "PERMISSION_DENIED", "no"), ConfigurationError, "GEMINI_API_KEY"),
        (Refusal(404, "NOT_FOUND", "gone"), ProviderRejectedError, "refuses to show job"),
        (Refusal(429, "RESOURCE_EXHAUSTED", "too much"), ProviderUnavailableError, "tried again"),
        (Refusal(503, "UNAVAILABLE", "down"), ProviderUnavailableError, "down"),
    ],
    ids=lambda each: str(getattr(each, "code", "")),
)
def test_an_error_says_what_was_refused_and_what_to_do(service, emulator, refusal, kind, words):
    batch = service.sent(service.batch())
    emulator.refuse_next(refusal)
    with pytest.raises(kind, match=words):
        service.provider.poll(batch)


def test_a_service_that_is_not_there_is_asked_again_later(blobs):
    provider = GeminiApiProvider(blobs, endpoint="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailableError, match="cannot be reached") as caught:
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
    assert isinstance(caught.value.__cause__, httpx.HTTPError)
    provider.close()


def test_without_a_key_it_says_where_to_get_one(blobs, monkeypatch):
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    provider = GeminiApiProvider(blobs)
    with pytest.raises(ConfigurationError, match=r"aistudio\.google\.com"):
        provider.find(Service(provider, blobs, None, None, None, MODEL).batch(1))
