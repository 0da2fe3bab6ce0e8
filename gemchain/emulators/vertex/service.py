"""The batch prediction service in memory: what each call does to its jobs.

Nothing runs between two calls. Each call first ends the jobs whose time has come, and writes their output.

Longer than 300 lines: it is the whole service, one call after the other.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zlib import crc32

import orjson

from gemchain.emulators.refusals import (
    Refusal,
    exhausted,
    invalid,
    not_found,
    precondition,
    unavailable,
)
from gemchain.emulators.vertex.faults import CallFaults, parse
from gemchain.emulators.vertex.jobs import VertexJob, timestamp
from gemchain.emulators.vertex.listing import matcher
from gemchain.emulators.vertex.storage import Storage
from gemchain.simulated.bill import answered_prompts
from gemchain.simulated.dialect import Responder
from gemchain.simulated.faults import Draws, Faults, JobFate
from gemchain.simulated.output import Simulation, output_rows, pieces

__all__ = ["VertexService"]

MAX_REQUESTS = 200_000
MAX_BYTES = 1_000_000_000
"""https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-inference"""

PAGE = 10
"""Jobs on a page when the caller does not say."""

MOST_ON_PAGE = 100
CANCELLING = timedelta(seconds=5)
"""How long a job takes to stop."""

FIRST_ID = 4_000_000_000_000_000_000
_MODEL_PATH = "publishers/google/models/"


class VertexService:
    """All projects and locations; each is a world of its own.

    Args:
        storage: Where input is read and output written.
        now: The present.
        responder: Answers the requests.
        turnaround: Seconds that a job takes.
        seed: Seed of everything that is drawn.
        serves: Whether a model exists.
        echoes_key: Whether rows come back with the `key` they went out with; the documentation does not say
            that they do.
    """

    def __init__(
        self,
        storage: Storage,
        now: Callable[[], datetime],
        *,
        responder: Responder,
        turnaround: float,
        seed: int,
        serves: Callable[[str], bool],
        echoes_key: bool,
    ) -> None:
        self._storage = storage
        self._now = now
        self._responder = responder
        self._turnaround = timedelta(seconds=turnaround)
        self._seed = seed
        self._serves = serves
        self._echoes_key = echoes_key
        self._random = Random(seed)
        self._numbers = itertools.count(FIRST_ID)
        self._jobs: dict[tuple[str, int], VertexJob] = {}
        self._lock = threading.RLock()
        self._faults, self._calls = Faults(), CallFaults()

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; jobs that are not over draw by it too."""
        faults, calls = parse(text)
        with self._lock:
            self._faults, self._calls = faults, calls

    def settle(self) -> None:
        """End the jobs whose time has come."""
        with self._lock:
            for job in self._jobs.values():
                if job.is_due(self._now()):
                    self._end(job)

    def create(self, project: str, location: str, body: dict[str, Any]) -> dict[str, Any]:
        """A new job, whether or not one of this display name exists."""
        with self._call():
            asked = self._checked(body, f"projects/{project}/locations/{location}")
            number, now = next(self._numbers), self._now()
            name = f"projects/{_project_number(project)}/locations/{location}/batchPredictionJobs/{number}"
            job = VertexJob(name, number, asked, now, now + self._turnaround)
            self._jobs[location, number] = job
            if self._calls.happens("create_lost", self._random):
                raise unavailable()
            return job.resource(now)

    def generate(self, model: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request at once."""
        with self._call():
            if not self._serves(model):
                raise not_found(f"Publisher Model `{model}` was not found (emulated).")
            draws, number = Draws(self._faults, self._seed, "generate"), next(self._numbers)
        seen_at = self._now().isoformat(timespec="microseconds")
        status, body = Simulation(self._responder, model, draws, seen_at).answer(request, str(number))
        if status:
            error = orjson.loads(status[status.index("{") :])["error"]
            raise Refusal(error["code"], error.get("status", ""), error["message"])
        return body

    def get(self, location: str, number: str) -> dict[str, Any]:
        """One job."""
        with self._call():
            return self._found(location, number).resource(self._now())

    def list_jobs(self, project: str, location: str, query: dict[str, str]) -> dict[str, Any]:
        """A page of jobs, the newest first."""
        with self._call():
            now, lag = self._now(), timedelta(seconds=self._calls.list_lag)
            wanted = matcher(query.get("filter", ""))
            prefix = f"projects/{_project_number(project)}/locations/{location}/"
            shown = [
                job
                for job in self._jobs.values()
                if job.name.startswith(prefix) and job.created_at + lag <= now
            ]
            found = [each for each in (job.resource(now) for job in reversed(shown)) if wanted(each)]
            start, size = _page(query)
            page: dict[str, Any] = {"batchPredictionJobs": found[start : start + size]} if found else {}
            if start + size < len(found):
                page["nextPageToken"] = str(start + size)
            return page

    def cancel(self, location: str, number: str) -> dict[str, Any]:
        """Begin to stop a job; the rows it has finished by now are kept."""
        with self._call():
            job, now = self._found(location, number), self._now()
            if job.fate is not None:
                raise precondition(
                    f"Cannot cancel a batch prediction job in state {job.state(now)}: {job.name} (emulated)"
                )
            if job.cancelled_at is None:
                job.stopped = (now - job.created_at) / max(
                    job.ready_at - job.created_at, timedelta(microseconds=1)
                )
                job.cancelled_at = now
                job.ready_at = min(job.ready_at, now + CANCELLING)
            return {}

    def delete(self, location: str, number: str) -> dict[str, Any]:
        """Forget a job that is over."""
        with self._call():
            job = self._found(location, number)
            if job.fate is None:
                raise precondition(f"The batch prediction job {job.name} is still running; cancel it first.")
            del self._jobs[location, job.number]
            return {"name": f"{job.name}/operations/{job.number}", "done": True, "response": {}}

    def jobs(self) -> list[VertexJob]:
        """All jobs, the oldest first. For tests."""
        with self._lock:
            self.settle()
            return list(self._jobs.values())

    def paid_rows(self) -> Counter[str]:
        """For each prompt, how many jobs have answered it. For tests."""
        paid: Counter[str] = Counter()
        for job in self.jobs():
            if job.folder is not None:
                delivered = self._storage.read(f"{job.folder}/predictions.jsonl")
                paid.update(answered_prompts(self._input(job), delivered))
        return paid

    @contextmanager
    def _call(self) -> Iterator[None]:
        """A call: alone, after all that time has brought, and unless a fault strikes."""
        with self._lock:
            self._strike()
            self.settle()
            yield

    def _strike(self) -> None:
        if self._calls.happens("throttled", self._random):
            raise exhausted()
        if self._calls.happens("unavailable", self._random):
            raise unavailable()

    def _found(self, location: str, number: str) -> VertexJob:
        job = self._jobs.get((location, int(number))) if number.isdecimal() else None
        if job is None:
            raise not_found(f"The BatchPredictionJob does not exist: {number} in {location}.")
        return job

    def _checked(self, body: dict[str, Any], parent: str) -> dict[str, Any]:
        """The job as asked for, if it can be."""
        for field in ("displayName", "model", "inputConfig", "outputConfig"):
            if not body.get(field):
                found = f"1.Field: batch_prediction_job.{field}; Message: Required field is not set."
                raise invalid(f"List of found errors:\t{found}")
        path, _, model = str(body["model"]).rpartition(_MODEL_PATH)
        if path not in ("", f"{parent}/") or not model or not self._serves(model):
            raise not_found(
                f"Publisher Model `{parent}/{_MODEL_PATH}{model or body['model']}` was not found or your "
                "project does not have access to it. Please ensure you are using a valid model version."
            )
        self._check_files(body)
        return {name: value for name, value in body.items() if name not in ("name", "state")}

    def _check_files(self, body: dict[str, Any]) -> None:
        source, target = body["inputConfig"], body["outputConfig"]
        if source.get("instancesFormat") != "jsonl" or target.get("predictionsFormat") != "jsonl":
            raise invalid(
                "Only 'jsonl' is supported as format of instances and predictions from Cloud Storage."
            )
        uris = (source.get("gcsSource") or {}).get("uris") or []
        prefix = (target.get("gcsDestination") or {}).get("outputUriPrefix") or ""
        for uri in (*uris, prefix):
            if not str(uri).startswith("gs://"):
                raise invalid(f"Invalid Cloud Storage URI: {uri!r}. It must start with gs://.")
            if not self._storage.has_bucket(uri):
                raise invalid(
                    f"The Cloud Storage bucket does not exist or is not accessible: {uri} (emulated)"
                )
        if not uris:
            raise invalid("Input configuration must have at least one gcs_source.uris.")
        size = sum(self._storage.size(each) or 0 for uri in uris for each in self._storage.expand(uri))
        if size > MAX_BYTES:
            raise invalid(
                f"The input of {size} bytes is larger than the limit of {MAX_BYTES} bytes. (emulated)"
            )

    def _end(self, job: VertexJob) -> None:
        draws = Draws(self._faults, self._seed, f"{job.display_name}/{job.number}")
        fate = JobFate.CANCELLED if job.cancelled_at is not None else draws.job_fate()
        error = self._input_error(job)
        if error is not None or fate is JobFate.FAILED:
            job.error = error or {
                "code": 13,
                "message": "Internal error occurred (emulated fault 'job_failed').",
            }
            job.fate = JobFate.FAILED
            return
        self._write(job, draws, 1.0 if fate is JobFate.SUCCEEDED else job.stopped or draws.share())
        job.fate = fate
        if fate is JobFate.CANCELLED:
            job.error = {"code": 1, "message": "The batch prediction job was cancelled."}

    def _input_error(self, job: VertexJob) -> dict[str, Any] | None:
        uris = [each for uri in job.input_uris for each in self._storage.expand(uri)]
        for uri in uris:
            if self._storage.size(uri) is None:
                return {"code": 5, "message": f"The Cloud Storage file does not exist: {uri}"}
        rows = sum(piece.count(b"\n") for piece in self._input(job))
        if rows > MAX_REQUESTS:
            words = f"The input has {rows} requests; the limit for a batch is {MAX_REQUESTS}. (emulated)"
            return {"code": 3, "message": words}
        return None

    def _input(self, job: VertexJob) -> Iterator[bytes]:
        for uri in job.input_uris:
            for each in self._storage.expand(uri):
                yield from self._storage.read(each)

    def _write(self, job: VertexJob, draws: Draws, share: float) -> None:
        # Two jobs of one moment must not share a folder.
        stamp = job.created_at + timedelta(microseconds=job.number - FIRST_ID)
        folder = f"{job.output_prefix}/prediction-model-{timestamp(stamp)}"
        seen_at = job.ready_at.isoformat(timespec="microseconds")
        simulation = Simulation(
            self._responder, job.model, draws, seen_at, share, echoes_key=self._echoes_key
        )
        counters = _RowTally()
        rows = counters.counting(output_rows(self._input(job), simulation))
        first = next(rows, b"")
        # What a running job exports beside its output: it must not be taken for the result.
        self._storage.write(f"{folder}/incremental_predictions.jsonl", [first])
        self._storage.write(
            f"{folder}/predictions.jsonl", pieces(itertools.chain([first] if first else [], rows))
        )
        asked = sum(piece.count(b"\n") for piece in self._input(job))
        job.folder = folder
        job.counts = (counters.rows - counters.failed, counters.failed, max(asked - counters.rows, 0))


class _RowTally:
    """Counts the rows of an output as they pass."""

    def __init__(self) -> None:
        self.rows = self.failed = 0

    def counting(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        for row in rows:
            self.rows += 1
            self.failed += b'"status":"",' not in row
            yield row


def _project_number(project: str) -> int:
    """Vertex names its resources by the project's number, whichever it was asked by."""
    return int(project) if project.isdecimal() else 100_000_000_000 + crc32(project.encode())


def _page(query: dict[str, str]) -> tuple[int, int]:
    token, size = query.get("pageToken", "0"), query.get("pageSize", "0")
    if not token.isdecimal() or not size.isdecimal():
        raise invalid("Invalid page token or page size.")
    return int(token), min(int(size) or PAGE, MOST_ON_PAGE)
