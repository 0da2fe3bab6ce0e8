"""The whole: uvicorn on a port, the engine beside it, and a service whose job ends when the test says so.

The engine asks once an hour, so only a notification can explain that an answer is there.
"""

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

import gemchain
from gemchain.emulators.gemini_api import GeminiApiEmulator
from gemchain.errors import ConfigurationError, StoreRefusedError
from gemchain.providers.gemini_api import GeminiApiProvider
from gemchain.records.states import BatchState, ChainState
from gemchain.serve.keys import Keys
from gemchain.serve.server import Serving, listen
from gemchain.testing import VirtualClock
from tests.apps import pushed
from tests.serve.senders import GEMINI_SECRET, SHARED, gemini_event, signed

HOUR = 3600
PATIENT = 60
"""Seconds after which a test fails that waits for something."""


class Running:
    """A server in a thread of its own."""

    def __init__(self, runtime, *, work=True):
        self.serving = Serving(runtime, Keys(gemini=GEMINI_SECRET, shared=SHARED), work=work)
        self._listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.error = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.serving.run(self._listening, lambda: None)
        except gemchain.GemchainError as error:
            self.error = error

    def join(self):
        self._thread.join(PATIENT)
        assert not self._thread.is_alive()

    def send(self, path, body=b"", headers=None, method="POST"):
        request = urllib.request.Request(self.url + path, body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENT) as reply:
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")


@contextmanager
def running(runtime, **options):
    server = Running(runtime, **options)
    try:
        yield server
    finally:
        server.serving.stop()
        server.join()


@pytest.fixture
def service():
    """The Gemini API, whose batches end when the test advances its clock."""
    service_clock = VirtualClock()
    with GeminiApiEmulator(clock=service_clock, turnaround=60) as emulator:
        emulator.clock = service_clock
        yield emulator


@pytest.fixture
def runtime(tmp_path, service):
    runtime = gemchain.configure(
        state=str(tmp_path / "state"),
        gemini_api_endpoint=service.url,
        grace=0,
        poll=HOUR,
        poll_max=HOUR,
        sweep=HOUR,
    )
    pushed.finished.clear()
    return runtime


@pytest.fixture
def asked(monkeypatch):
    """Is set whenever the engine has asked the service after a batch."""
    event, poll = threading.Event(), GeminiApiProvider.poll

    def polls(provider, batch):
        job = poll(provider, batch)
        event.set()
        return job

    monkeypatch.setattr(GeminiApiProvider, "poll", polls)
    return event


def test_a_webhook_brings_the_answers_of_a_chain_that_nobody_would_ask_after_for_an_hour(
    runtime, service, asked
):
    chain = gemchain.start(pushed.outline, "bees")
    with running(runtime) as server:
        for number in range(2):  # the chain has two prompts, one after the other
            assert asked.wait(PATIENT)
            asked.clear()
            service.clock.advance(60)
            job = service.batches()[number].name
            body = gemini_event(job)
            assert server.send("/webhooks/gemini", body, signed(body, GEMINI_SECRET))[0] == 200
            # the poll that the webhook caused
            assert asked.wait(PATIENT)
            asked.clear()
        assert pushed.finished.wait(PATIENT)
    assert len(service.batches()) == 2
    assert chain.status().state is ChainState.DONE


def test_a_notification_that_comes_before_the_job_is_over_is_followed_by_more_questions(
    runtime, service, asked
):
    """The job ends after the first question that the notification caused; no other is due for an hour."""
    gemchain.start(pushed.short, "bees")
    with running(runtime) as server:
        assert asked.wait(PATIENT)
        asked.clear()
        body = gemini_event(service.batches()[0].name)
        assert server.send("/webhooks/gemini", body, signed(body, GEMINI_SECRET))[0] == 200
        assert asked.wait(PATIENT)  # too early: the job runs
        service.clock.advance(60)
        assert pushed.finished.wait(PATIENT)


def test_with_no_work_the_batch_is_due_for_another_process(runtime, service, asked):
    gemchain.start(pushed.outline, "bees")
    with running(runtime):
        assert asked.wait(PATIENT)
    (batch,) = runtime.store.open_batches()
    assert batch.state is BatchState.SENT
    assert batch.poll_at > runtime.store.now()
    with running(runtime, work=False) as server:
        said = server.send("/batch_processing_done", headers={"X-Gemchain-Secret": SHARED})
        assert said == (200, {"batches": [batch.id]})
    (due,) = runtime.store.open_batches()
    assert due.poll_at <= runtime.store.now()


def test_over_http_a_forged_call_a_wrong_method_and_a_large_body_are_refused(runtime):
    body = gemini_event("batches/x")
    with running(runtime, work=False) as server:
        assert server.send("/healthz", None, method="GET") == (200, {"status": "ok"})
        assert server.send("/webhooks/gemini", body + b" ", signed(body, GEMINI_SECRET))[0] == 401
        assert server.send("/webhooks/openai", body)[0] == 503
        assert server.send("/batch_processing_done", None, method="GET")[0] == 405
        assert server.send("/batch_processing_done?x=1", b"x" * 300_000)[0] == 413
        assert server.send("/batch_processing_done")[0] == 401


def test_an_engine_that_fails_for_good_ends_the_server_with_its_error(runtime, monkeypatch):
    def refuses():
        raise StoreRefusedError("the disk is gone")

    monkeypatch.setattr(runtime.store, "open_batches", refuses)
    server = Running(runtime)
    server.join()
    assert isinstance(server.error, StoreRefusedError)


def test_a_port_in_use_is_told_with_what_to_do():
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigurationError, match="--port 0"):
        listen("127.0.0.1", taken.getsockname()[1])
