"""Single requests in the simulation: who was asked what, and what was written down of the answers."""

from collections import Counter

import orjson

from gemchain.formats.direct_rows import read_row, write_row
from gemchain.formats.gemini.format import GEMINI
from gemchain.records import Failure
from tests.simulation.scheduler import SECOND
from tests.simulation.service import REFUSED, asked_text, body_of

ASLEEP = 0.3
"""How often a process may fall asleep while requests are on their way."""

BUSY = Failure("rate", "simulated: 429", retryable=True)


def is_piece(name):
    """Whether a file holds answers to single requests."""
    return "/direct/" in name


class Requests:
    """The single requests of all processes.

    Attributes:
        rows: The prompts that have a row in each piece.
        asked: How often each prompt was asked, by batch and fence.
        written: When rows of a prompt were written down, by batch and prompt: pairs of fence and time.
    """

    def __init__(self, world):
        self.world = world
        self.asked = Counter()
        self.written = {}
        self.rows = {}

    def ask(self, batch, row):
        """A process asks one request; returns its text."""
        text = asked_text(orjson.loads(row.request))
        self.world.checker.on_asked(batch, row.prompt_id)
        self.asked[batch.id, batch.fence, row.prompt_id] += 1
        return text

    def on_piece(self, uri, data):
        """A piece was written."""
        world = self.world
        batch_id = uri.removeprefix("mem://batches/").split("/")[0]
        fence = int(uri.rsplit("/", 1)[1].split("-")[0])
        answered, offset = world.service.answered.setdefault(uri, []), 0
        for line in data.splitlines(keepends=True):
            row = read_row(line)
            text = world.checker.texts[row.prompt_id]  # not asked, if it was too late for it
            world.service.row_of[uri, offset] = text
            if row.body:
                answered.append((text, row.prompt_id))
            self.written.setdefault((batch_id, row.prompt_id), []).append((fence, world.scheduler.now))
            self.rows.setdefault(uri, set()).add(row.prompt_id)
            offset += len(line)


class SimulatedRun:
    """Requests of one batch on their way, in one process."""

    held_up = ""

    def __init__(self, world, batch):
        self._world = world
        self._batch = batch
        self._going = []

    def room(self):
        return self._world.lanes.concurrency - len(self._going)

    def feed(self, rows):
        world = self._world
        for row in rows:
            text = world.requests.ask(self._batch, row)
            answered_at = world.scheduler.now + world.lanes.latency()
            self._going.append((answered_at, row.prompt_id, text))

    def allow(self, seconds):
        """Nothing waits here: what is fed is asked at once."""

    def take(self):
        if self._world.lanes.random.random() < ASLEEP:
            self._world.stall()
        now = self._world.scheduler.now
        ready = [each for each in self._going if each[0] <= now]
        self._going = [each for each in self._going if each[0] > now]
        return [self._row(name, text) for _, name, text in ready]

    @property
    def pending(self):
        return len(self._going)

    def stop(self, drain=0.0):
        last = self._world.scheduler.now + int(drain * SECOND)
        self._going = [each for each in self._going if each[0] <= last]

    def _row(self, name, text):
        lane = self._batch.lane
        if text.startswith(REFUSED):
            refusal = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
            return write_row(name, lane, 400, None, GEMINI.failure(400, refusal))
        if self._world.strikes("row_failed"):
            return write_row(name, lane, 429, None, BUSY)
        return write_row(name, lane, 200, body_of(text))
