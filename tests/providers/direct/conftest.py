"""A service inside a virtual event loop, and runs of a lane to it."""

import asyncio
from random import Random

import httpx2
import orjson
import pytest

from gemchain.formats.direct_rows import read_row
from gemchain.formats.plain.format import PLAIN
from gemchain.providers.direct import DirectLane, Endpoint, FixedHeaders, hub
from gemchain.records import InputRow
from tests.support.virtual_loop import VirtualLoop


class Service:
    """Answers each request after some seconds with its own text, unless the test says otherwise.

    Attributes:
        script: What happens to the next requests: a response, an error to raise, or None for an answer.
        always: The same for all others.
        sent: When each request came, and its body.
        flying: Requests that wait for their answer now; `most`, at the same time so far.
    """

    def __init__(self, loop):
        self._loop = loop
        self.latency = 1.0
        self.script = []
        self.always = None
        self.headers = {}
        self.sent = []
        self.requests = []
        self.flying = self.most = 0

    async def __call__(self, request):
        body = orjson.loads(request.content)
        self.sent.append((self._loop.time(), body))
        self.requests.append(request)
        self.flying += 1
        self.most = max(self.most, self.flying)
        happening = self.script.pop(0) if self.script else self.always
        try:
            if isinstance(happening, Exception):
                raise happening
            await asyncio.sleep(self.latency)
            if callable(happening):
                happening = happening(request)
            return happening or httpx2.Response(200, json={"text": body["text"]}, headers=self.headers)
        finally:
            self.flying -= 1

    def times(self):
        """When requests came, in seconds from the first."""
        return [round(at - self.sent[0][0], 2) for at, _ in self.sent]


class Connected:
    """In place of connections."""

    def __init__(self, service):
        self.transport = httpx2.MockTransport(service)
        self.closed = 0

    def take(self):
        return self.transport

    def give_back(self, connection):
        assert connection is self.transport

    def close(self):
        self.closed += 1


class Desk:
    """A lane to the service; `run` begins a run in it."""

    def __init__(self, loop):
        self.loop = loop
        self.service = Service(loop)
        self.connected = Connected(self.service)
        self.endpoint = {}
        self.runs = []
        self.lane = DirectLane(self._endpoint, Random(1), lambda url: self.connected)

    def _endpoint(self, batch):
        described = {
            "provider": "test",
            "service": "the test's service",
            "model": batch or "model",
            "url": "http://test/ask",
            "format": PLAIN,
            "auth": FixedHeaders({"authorization": "Bearer key"}),
            "concurrency": 4,
            "key_help": "set TEST_KEY",
        }
        return Endpoint(**described | self.endpoint)

    def run(self, *texts, model="model", **endpoint):
        """A run that is fed these texts."""
        self.endpoint |= endpoint
        run = self.lane.start(model)
        self.runs.append(run)
        run.feed(rows(*texts))
        return run

    def rows(self, run, number):
        """So many rows of a run, once they are there, by prompt."""
        self.loop.pass_until(lambda: len(run._lines) >= number)
        return taken(run)

    def texts(self, run, number):
        """The same, as texts in the order in which they came."""
        return [each.body["text"] for each in self.rows(run, number).values()]


def rows(*texts):
    return [InputRow(f"p{text}", orjson.dumps({"text": str(text)}).decode()) for text in texts]


def taken(run):
    return {row.prompt_id: row for row in map(read_row, run.take())}


@pytest.fixture
def desk(monkeypatch):
    loop = VirtualLoop()
    monkeypatch.setattr(hub, "loop", lambda: loop)
    desk = Desk(loop)
    yield desk
    for run in desk.runs:
        run.stop()
    loop.pass_seconds(1)
    loop.close()


def refusal(status, headers=None, error="no"):
    return httpx2.Response(status, json={"error": error}, headers=headers or {})
