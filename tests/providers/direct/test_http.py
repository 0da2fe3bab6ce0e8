"""Single requests over real connections, to the stand-in of the Gemini API."""

import queue

import orjson
import pytest

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.emulators.refusals import Refusal
from gemchain.errors import ConfigurationError
from gemchain.formats.direct_rows import read_row
from gemchain.formats.gemini.format import GEMINI
from gemchain.providers.direct.connections import proxy_of
from gemchain.providers.gemini_api import GeminiApiProvider
from gemchain.records import Batch, InputRow

MODEL = "gemini-3.5-flash-lite"
SECONDS = 30
"""After which a test gives up."""


@pytest.fixture
def emulator(clock):
    with GeminiApiEmulator(clock=clock) as emulator:
        yield emulator


@pytest.fixture
def start(emulator, tmp_path, clock):
    """Starts a run, and hears of its rows."""
    begun = []

    def start(lane="direct", model=MODEL, url=emulator.url, **options):
        provider = GeminiApiProvider(LocalBlobs(tmp_path), endpoint=url, **options)
        batch = Batch(id="b", lane=lane, provider="gemini-api", model=model, created_at=clock.now())
        begun.append(Heard(provider.start(batch)))
        return begun[-1]

    yield start
    for each in begun:
        each.run.stop()


class Heard:
    """A run, and a queue by which a test waits for its rows."""

    def __init__(self, run):
        self.run = run
        self._news = queue.Queue()
        for name in ("ended", "fail"):
            setattr(run, name, self._telling(getattr(run, name)))

    def _telling(self, call):
        def told(*args):
            call(*args)
            self._news.put(None)

        return told

    def feed(self, *texts):
        self.run.feed([InputRow(text, asking(text)) for text in texts])

    def rows(self, number):
        """So many rows, by prompt."""
        for _ in range(number):
            self._news.get(timeout=SECONDS)
        return {row.prompt_id: row for row in map(read_row, self.run.take())}

    def wait(self):
        self._news.get(timeout=SECONDS)


def asking(text):
    return orjson.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).decode()


def test_answers_come_from_the_service_in_the_lane_of_the_batch(start):
    run = start(lane="flex")
    run.feed("one", "two")
    found = run.rows(2)
    assert {name: (row.lane, row.failure) for name, row in found.items()} == {
        "one": ("flex", None),
        "two": ("flex", None),
    }
    assert GEMINI.text(found["one"].body)


def test_connections_are_used_again_and_there_are_no_more_than_requests_at_a_time(start, emulator):
    run = start(concurrency=3)
    for _ in range(5):
        run.feed(*(f"prompt {number}" for number in range(20)))
        run.rows(20)
    assert emulator.connections <= 3


def test_an_answer_that_is_cut_in_its_middle_is_asked_again(start, emulator):
    emulator.cut_next()
    run = start()
    run.feed("one")
    (row,) = run.rows(1).values()
    assert row.failure is None
    assert emulator.connections == 2


def test_a_refusal_with_a_pause_is_waited_out(start, emulator):
    emulator.refuse_next(Refusal(429, "RESOURCE_EXHAUSTED", "too many", {"Retry-After": "0.01"}))
    run = start()
    run.feed("one")
    assert run.rows(1)["one"].failure is None


def test_a_model_that_is_not_there_fails_the_row_in_the_services_words(start):
    run = start(model="gemini-0")
    run.feed("one")
    failure = run.rows(1)["one"].failure
    assert (failure.reason, failure.retryable) == ("rejected", False)
    assert "models/gemini-0 is not found" in failure.message
    assert "https://ai.google.dev/gemini-api/docs/models" in failure.message


def test_a_request_that_is_wrong_fails_its_row_alone(start):
    run = start()
    run.run.feed([InputRow("bad", '{"contents": []}'), InputRow("good", asking("x"))])
    found = run.rows(2)
    assert found["bad"].failure.message.startswith("400")
    assert found["good"].failure is None


def test_a_key_that_is_not_accepted_is_told(start, emulator):
    emulator.refuse_next(Refusal(403, "PERMISSION_DENIED", "the key is blocked"))
    run = start()
    run.feed("one")
    run.wait()
    with pytest.raises(ConfigurationError, match=r"the key is blocked; get a key at https://aistudio"):
        run.run.take()


def test_without_a_key_nothing_is_started(start, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="needs a key"):
        start(url="")


def test_a_service_that_is_not_there_is_said_to_be_waited_for(start):
    run = start(url="http://127.0.0.1:9")
    channel, told = run.run._channel, queue.Queue()
    not_taken = channel._not_taken

    def heard(*args, **kwargs):
        not_taken(*args, **kwargs)
        told.put(None)

    channel._not_taken = heard
    run.feed("one")
    told.get(timeout=SECONDS)
    assert run.run.held_up.startswith("the Gemini API cannot be reached: ")
    assert (run.run.take(), run.run.pending) == ([], 1)


def test_the_environments_proxy_is_used_and_its_exceptions_are_kept(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    assert proxy_of("https://api.openai.com/v1") == "http://proxy.example:3128"
    assert proxy_of("http://api.openai.com/v1") is None
    assert proxy_of("https://localhost:8000/v1") is None
