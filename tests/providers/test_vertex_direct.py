"""Single requests to Vertex AI: its lanes, its names, and Google's credentials."""

from datetime import timedelta

import orjson
import pytest
from google.auth.exceptions import RefreshError, TransportError

from gemchain.emulators.vertex import VertexEmulator
from gemchain.errors import ConfigurationError, ProviderUnavailableError
from gemchain.providers.vertex import VertexProvider
from gemchain.providers.vertex_direct import GoogleAuth, capabilities_of, model_path
from gemchain.records import Batch, InputRow
from gemchain.records.lanes import BATCH, DIRECT, FLEX
from tests.providers.direct.test_http import Heard, asking
from tests.support.bucket import BucketStorage, MemoryBucket

MODEL = "gemini-3.5-flash-lite"
ALL, OWN = (FLEX, BATCH, DIRECT), (BATCH, DIRECT)


class Cloud:
    """A file storage that nothing is asked of."""

    def uri(self, name):
        return f"gs://bucket/{name}"


class Token:
    """Credentials whose token is what the test says."""

    def __init__(self):
        self.valid = False
        self.trouble = None
        self.number = 0

    def refresh(self, request):
        if self.trouble is not None:
            raise self.trouble
        self.number, self.valid = self.number + 1, True

    def apply(self, headers):
        headers["authorization"] = f"Bearer token-{self.number}"


@pytest.fixture
def emulator(clock):
    with VertexEmulator(clock=clock, storage=BucketStorage(MemoryBucket())) as emulator:
        yield emulator


@pytest.fixture
def run(emulator, clock):
    provider = VertexProvider(Cloud(), project="p", location="us-central1", endpoint=emulator.url)
    batch = Batch(id="b", lane="direct", provider="vertex", model=MODEL, created_at=clock.now())
    heard = Heard(provider.start(batch))
    yield heard
    heard.run.stop()


def test_single_requests_are_answered(run):
    run.run.feed([InputRow(name, asking(name)) for name in ("one", "two")])
    found = run.rows(2)
    assert {name: row.failure for name, row in found.items()} == {"one": None, "two": None}


def test_a_refusal_fails_its_row_alone(run):
    run.run.feed([InputRow("bad", '{"contents": []}'), InputRow("good", asking("x"))])
    found = run.rows(2)
    assert (found["bad"].failure.reason, found["good"].failure) == ("rejected", None)


def test_flex_asks_by_a_header_and_needs_no_change_of_the_request(clock, monkeypatch):
    monkeypatch.setattr(VertexProvider, "_credentials", lambda provider: Token())
    provider = VertexProvider(Cloud(), project="p")
    batch = Batch(id="b", lane="flex", provider="vertex", model=MODEL, created_at=clock.now())
    endpoint = provider._endpoint_of(batch)
    assert endpoint.headers == {"X-Vertex-AI-LLM-Shared-Request-Type": "flex"}
    assert endpoint.url == (
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/"
        f"{MODEL}:generateContent"
    )
    assert endpoint.timeout == timedelta(minutes=30).total_seconds()
    assert orjson.loads(endpoint.body(asking("x"))) == orjson.loads(asking("x"))


@pytest.mark.parametrize(
    ("model", "location", "lanes"),
    [
        (MODEL, "global", ALL),
        ("gemini-3-flash-preview", "global", ALL),
        ("gemini-3.8-flash", "global", ALL),
        ("gemini-3.9-flash", "global", OWN),
        ("gemini-4-argon", "global", OWN),
        (MODEL, "us-central1", OWN),
        ("projects/p/locations/l/endpoints/1", "global", OWN),
        ("projects/p/locations/l/models/1", "global", (BATCH,)),
    ],
)
def test_a_model_has_the_lanes_that_the_service_has_for_it(model, location, lanes):
    assert capabilities_of(model, location).lanes == lanes


def test_a_tuned_model_is_asked_by_its_own_name():
    own = "projects/p/locations/l/endpoints/1"
    assert model_path(own, "other", "global") == own


def test_a_token_is_asked_for_before_the_first_request_and_when_it_is_over():
    token = Token()
    auth = GoogleAuth(token)
    assert auth.headers() is None
    auth.renew()
    assert auth.headers() == {"authorization": "Bearer token-1"}
    token.valid = False
    assert auth.headers() is None


def test_a_token_that_was_refused_is_renewed():
    auth = GoogleAuth(Token())
    auth.renew()
    assert auth.refused()
    assert auth.headers() is None
    auth.renew()
    assert auth.headers() == {"authorization": "Bearer token-2"}


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        (TransportError("no route"), ProviderUnavailableError, "cannot be renewed now: no route"),
        (RefreshError("expired"), ConfigurationError, "gcloud auth application-default login"),
    ],
)
def test_credentials_that_cannot_be_renewed_say_what_to_do(trouble, error, words):
    token = Token()
    token.trouble = trouble
    with pytest.raises(error, match=words):
        GoogleAuth(token).renew()
