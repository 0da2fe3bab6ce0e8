"""A batch service with a job list of its own, shared by all processes, that does whatever it may.

It answers every request by rule (see `answer_to`), so that a response which reaches the wrong prompt is
seen. What it charges for is counted by the checker.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson

from gemchain.errors import ProviderRejectedError, ProviderUnavailableError
from gemchain.formats.gemini.check import PROMPT_LABEL
from gemchain.ports import Capabilities, Job, JobState, Limits
from gemchain.providers.gemini_batches import GeminiBatches
from gemchain.records import Failure, OutputFile
from gemchain.records.identity import job_name
from gemchain.records.lanes import BATCH, DIRECT, FLEX
from tests.simulation.scheduler import SECOND

BLOCKED, REFUSED = "blocked", "refused"
"""Requests that begin so are kept back, or refused, for ever."""


def asked_text(request: dict[str, Any]) -> str:
    """What a request asks."""
    return str(request["contents"][-1]["parts"][-1]["text"])


def answer_to(text: str) -> str:
    """What the service answers."""
    return f"re: {text}"


@dataclass(slots=True)
class SimulatedJob:
    """A job as the service keeps it."""

    name: str
    display: str
    batch_id: str
    model: str
    input_uri: str
    ready_at: int
    shown_at: int
    fate: str
    output: tuple[OutputFile, ...] = ()
    delivered: bool = False
    charged: list[str] = field(default_factory=list)
    """The prompts whose answers are on the bill."""
    over_at: int = 0
    """When it is over; what it has written by `ready_at` shows before, file by file."""

    @property
    def grows(self) -> bool:
        """Whether its output shows while it runs."""
        return self.over_at > self.ready_at


FATES = ("job_failed", "job_expired", "job_cancelled", "job_partial")
TELLING = {"job_expired": "expired", "job_cancelled": "cancelled"}
"""What a job that ended early says; one that succeeded partially says nothing."""


class Service:
    """The jobs of all processes."""

    def __init__(self, world):
        self.world = world
        self.jobs: list[SimulatedJob] = []
        self.row_of: dict[tuple[str, int], str] = {}
        """Which request's text a row of output answers, by file and offset."""
        self.answered: dict[str, list[tuple[str, str | None]]] = {}
        """For each file, its rows with an answer: the request's text, and the prompt's id if it is named."""
        self.doubled: set[str] = set()
        """Texts that some answer came twice for."""

    def create(self, batch):
        world = self.world
        pick = world.random
        job = SimulatedJob(
            name=f"jobs/{len(self.jobs)}",
            display=job_name(batch.id),
            batch_id=batch.id,
            model=batch.model,
            input_uri=batch.input_uri,
            ready_at=world.scheduler.now + int(pick.random() * world.shape.turnaround * SECOND),
            shown_at=world.scheduler.now + int(pick.random() * world.shape.lag * SECOND),
            fate=next((each for each in FATES if world.strikes(each)), "fine"),
        )
        job.over_at = job.ready_at + world.growth.longer()
        world.checker.on_create(batch, job)
        self.jobs.append(job)
        return job

    def find(self, batch):
        display, now = job_name(batch.id), self.world.scheduler.now
        made = [each for each in self.jobs if each.display == display]
        found = [each for each in made if each.shown_at <= now]
        self.world.faults["listing_late"] += len(made) - len(found)
        found.sort(key=lambda each: each.fate == "job_failed")
        return self.report(found[0]) if found else None

    def named(self, name):
        return next((each for each in self.jobs if each.name == name), None)

    def report(self, job):
        now = self.world.scheduler.now
        if now < job.ready_at:
            return Job(job.name, JobState.RUNNING)
        if not job.delivered and (job.grows or job.fate != "job_failed"):
            self._deliver(job)
        if now < job.over_at:
            return Job(job.name, JobState.RUNNING, self._shown(job, now))
        if job.fate == "job_failed":
            return Job(job.name, JobState.FAILED, failure=Failure("job", "simulated", retryable=True))
        said = TELLING.get(job.fate)
        failure = None if said is None else Failure("job", said, retryable=True)
        output = job.output
        if output and self.world.strikes("list_late"):
            output = output[:-1]
        return Job(job.name, JobState.LANDED, output, failure)

    def _shown(self, job, now):
        """The files that are finished by now, in any order."""
        share = (now - job.ready_at) / (job.over_at - job.ready_at)
        shown = list(job.output[: int(share * len(job.output)) + 1])
        self.world.growth.random.shuffle(shown)
        self.world.faults["output_early"] += bool(shown)
        return tuple(shown)

    def _deliver(self, job):
        world, pick = self.world, self.world.random
        _, data = world.files.files[job.input_uri]
        share = 1.0 if job.fate == "fine" else pick.random()
        rows = []
        for line in data.splitlines():
            if pick.random() <= share:
                read = orjson.loads(line)
                job.charged.append(read["key"])
                rows += self._rows(read)
        if world.strikes("rows_shuffled"):
            pick.shuffle(rows)
        cut = pick.randrange(len(rows) + 1) if rows and pick.random() < 0.2 else len(rows)
        cuts = [0, cut, *(world.growth.cuts(len(rows)) if job.grows else ()), len(rows)]
        cuts.sort()
        job.output = tuple(
            self._file(f"mem://batches/{job.batch_id}/output/{job.name}/{number}.jsonl", rows[start:end])
            for number, (start, end) in enumerate(pairwise(cuts))
            if start < end
        )
        job.delivered = True
        world.scheduler.note("output", (job.name, [what for _, what in rows]))

    def _file(self, uri, rows):
        data = bytearray()
        answered = self.answered.setdefault(uri, [])
        for line, what in rows:
            self.row_of[uri, len(data)] = what
            answered += _answered(line, what)
            data += line
            data += b"\r\n" if self.world.random.random() < 0.05 else b"\n"
        info = self.world.files.put(uri, data)
        return OutputFile(info.uri, info.generation, info.size)

    def _rows(self, read):
        """The lines that come back for one line that went in, each with what it answers."""
        world = self.world
        if world.strikes("row_missing"):
            return []
        rows = [self._row(read)]
        if world.strikes("row_malformed"):
            line, what = rows[0]
            rows = [(line[: len(line) // 2], f"half of {what}")]
        if world.strikes("row_doubled"):
            rows.append(self._row(read))
            self.doubled.add(asked_text(read["request"]))
        if world.strikes("row_stray"):
            stranger = {**read, "key": f"p{world.random.randrange(1 << 40):030x}"}
            rows.append(self._row(stranger))
        return rows

    def _row(self, read):
        world = self.world
        request = dict(read["request"])
        text = asked_text(request)
        row = {"status": "", "response": {}, "request": request}
        if world.strikes("row_nameless"):
            request["contents"] = [{**each, "unset": None} for each in request["contents"]]
            request["labels"] = {k: v for k, v in request["labels"].items() if k != PROMPT_LABEL}
        elif not world.strikes("row_keyless"):
            row["key"] = read["key"]
        if text.startswith(REFUSED):
            row["status"] = (
                'Bad Request: {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}'
            )
        elif world.strikes("row_failed"):
            row["status"] = '{"error": {"code": 429, "message": "busy", "status": "RESOURCE_EXHAUSTED"}}'
        else:
            row["response"] = body_of(text)
        return orjson.dumps(row), text


def _answered(line, text):
    """The text that a row answers and the prompt it names; nothing for a row without an answer."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return []
    named = row.get("key") or row["request"].get("labels", {}).get(PROMPT_LABEL)
    return [(text, named)] if row["response"] else []


def body_of(text):
    """The body of the answer to a text."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5}
    if text.startswith(BLOCKED):
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}
    content = {"role": "model", "parts": [{"text": answer_to(text)}]}
    return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}


class FaultyProvider(GeminiBatches):
    """The service as one process reaches it."""

    def __init__(self, world, name="simulated"):
        self.name = name
        self._world = world
        self._service = world.service
        self.listing_lag = world.shape.lag
        self.limits = Limits(world.shape.job_requests, 100_000, 20_000)

    def capabilities(self, model):
        """Every lane, for every model."""
        return Capabilities(lanes=(FLEX, BATCH, DIRECT))

    def start(self, batch):
        """Single requests; see `direct.py`."""
        return self._world.performance(batch)

    def check(self, model, request):
        """Requests of the simulation are fine."""

    def _call(self, what, batch, call):
        world = self._world
        world.scheduler.point()
        world.stall()
        if world.strikes("service_down") or world.lanes.is_down(self.name):
            world.scheduler.note(f"{what} REFUSED FOR NOW", batch)
            raise ProviderUnavailableError("simulated: 503")
        event = world.scheduler.note(what, batch)
        event.outcome = found = call()
        world.scheduler.point()
        world.stall()
        return found

    def find(self, batch):
        return self._call("find", batch, lambda: self._service.find(batch))

    def create(self, batch):
        return self._call("create", batch, lambda: self._create(batch))

    def _create(self, batch):
        world = self._world
        if world.strikes("job_rejected"):
            raise ProviderRejectedError("simulated: 400")
        job = self._service.create(batch)
        world.scheduler.note("created", job.name)
        if world.strikes("create_unclear"):
            world.scheduler.note("create REPLY LOST")
            raise ProviderUnavailableError("simulated: the reply was lost")
        return Job(job.name, JobState.RUNNING)

    def poll(self, batch):
        return self._call("poll", batch, lambda: self._poll(batch))

    def _poll(self, batch):
        job = self._service.named(batch.job)
        if job is None or self._world.strikes("job_forgotten"):
            raise ProviderRejectedError("simulated: 404")
        return self._service.report(job)

    def cancel(self, batch):
        return self._call("cancel", batch, lambda: self._cancel(batch))

    def _cancel(self, batch):
        job = self._service.named(batch.job)
        now = self._world.scheduler.now
        if job is not None and now < job.over_at:
            job.fate, job.ready_at, job.over_at = "job_cancelled", min(job.ready_at, now), now
