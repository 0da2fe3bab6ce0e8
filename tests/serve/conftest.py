"""A state with batches of several providers that run, and the routes over it."""

from dataclasses import replace

import orjson
import pytest

from gemchain.blobs.gcs import GcsBlobs
from gemchain.engine.stages.collect import collect
from gemchain.records import Batch
from gemchain.records.states import BatchState
from gemchain.runtime import Providers
from gemchain.serve.keys import Keys
from gemchain.serve.routes import Pushes
from tests.serve.senders import GEMINI_SECRET, OPENAI_SECRET, SHARED, signed

HOUR = 3600


class Endpoint:
    """The routes over a state whose batches are asked about again in an hour.

    Attributes:
        running: The batch of each provider.
    """

    def __init__(self, stand, running, keys):
        self.stand = stand
        self.running = running
        # Names are made by the adapter alone; nothing is opened.
        self._runtime = replace(stand.runtime, blobs=GcsBlobs("bucket", "gemchain"))
        self.pushes = Pushes(self._runtime, keys)
        self._before = self.batches()

    def with_keys(self, keys, **options):
        self.pushes = Pushes(self._runtime, keys, **options)

    def batches(self):
        return {each.id: each for each in self.stand.store.list_batches()}

    def post(self, path, body=b"", headers=None):
        """Call a route; the status, and what is said."""
        reply = self.pushes.handle("POST", path, headers or {}, body)
        return reply.status, orjson.loads(reply.body)

    def webhook(self, service, body, secret=None, **options):
        secret = secret or {"openai": OPENAI_SECRET, "gemini": GEMINI_SECRET}[service]
        return self.post(f"/webhooks/{service}", body, signed(body, secret, **options))

    def is_due(self, provider):
        batch = self.stand.batch(self.running[provider])
        return batch.poll_at <= self.stand.store.now()

    def due(self):
        return {provider for provider in self.running if self.is_due(provider)}

    def arrive(self, provider):
        """Let the job end, and collect it, as a driver does after the call."""
        batch = self.running[provider]
        self.stand.provider.land(batch, self.stand.provider.rows(batch).values())
        collect(self.stand.runtime)
        assert self.stand.batch(batch).state is BatchState.ARRIVED

    def nothing_changed(self):
        return self.batches() == self._before and not self.stand.runtime.waker.take()


@pytest.fixture
def endpoint(stand, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")  # nothing is asked there
    stand.set(poll=HOUR, poll_max=HOUR)
    every = {"scripted", "openai", "gemini-api", "vertex"}
    providers = Providers(dict.fromkeys(every, lambda: stand.provider), lambda model: ("scripted", model))
    stand.runtime = replace(stand.runtime, providers=providers)
    jobs = {
        "openai": "batch_68f0",
        "gemini-api": "batches/8xkq2",
        "vertex": "batchPredictionJobs/7",
    }
    running = {}
    for provider in jobs:
        stand.submit(f"for {provider}", model=provider)
    stand.sent_all()
    collect(stand.runtime)
    for batch in stand.store.open_batches():
        provider, job = batch.model, jobs[batch.model]
        # The scripted service plays all of them; only records tell whose a batch is.
        running[provider] = stand.store.save_batch(replace(batch, provider=provider, job=job))
    stand.runtime.waker.take()
    return Endpoint(stand, running, Keys(OPENAI_SECRET, GEMINI_SECRET, SHARED))


@pytest.fixture
def batch_named(clock):
    """Makes a batch with an id."""
    return lambda name: Batch(id=name, provider="vertex", model="m", created_at=clock.now())
