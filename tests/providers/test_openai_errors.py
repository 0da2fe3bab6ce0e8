"""What OpenAI, or something between it and us, may answer, and where key and address come from."""

import httpx2
import pytest

from gemchain.emulators.openai.refusals import ApiRefusal
from gemchain.errors import ConfigurationError, ProviderRejectedError, ProviderUnavailableError
from gemchain.ports import JobState
from gemchain.providers.openai import OpenAIProvider
from tests.contracts.provider_contract import (
    Service,
)
from tests.support.openai_service import MODEL, served


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
