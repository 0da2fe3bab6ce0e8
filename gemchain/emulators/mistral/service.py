"""Files and jobs in memory: what each call does.

Nothing runs between two calls. Each call first ends the jobs whose time has come.
https://docs.mistral.ai/studio-api/batch-processing
"""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

from gemchain.emulators.batch_answers import Answered, BatchOptions, CallService
from gemchain.emulators.mistral.dialect import MistralApiDialect
from gemchain.emulators.mistral.errors import MistralRefusal, error_body
from gemchain.simulated.faults import JobFate
from gemchain.simulated.output import lines_of

__all__ = ["MistralService", "StoredJob"]

PAGE = 100
MOST_REQUESTS = 100_000

_WORDS = {
    JobFate.SUCCEEDED: "SUCCESS",
    JobFate.EXPIRED: "TIMEOUT_EXCEEDED",
    JobFate.CANCELLED: "CANCELLED",
    JobFate.PARTIAL: "FAILED",
    JobFate.FAILED: "FAILED",
}


@dataclass(slots=True)
class StoredJob:
    """A job as the service keeps it."""

    id: str
    model: str
    metadata: dict[str, str]
    input_files: list[str]
    requests: dict[str, dict[str, Any]]
    created_at: datetime
    ready_at: datetime
    cancelled_at: datetime | None = None
    status: str = ""
    succeeded: int = 0
    failed: int = 0
    output_file: str | None = None
    error_file: str | None = None
    endpoint: str = "/v1/chat/completions"
    answered: frozenset[str] = frozenset()


class MistralService(CallService):
    """One workspace.

    Args:
        options: How it answers.
    """

    def __init__(self, options: BatchOptions) -> None:
        super().__init__(options, MistralApiDialect())
        self._ids = Random(options.seed)
        self._numbers = itertools.count(1)
        self._files: dict[str, bytes] = {}
        self._jobs: dict[str, StoredJob] = {}

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """A new file."""
        with self._call():
            self._refuse_at_random()
            identity = self._keep(data)
            return {
                "id": identity,
                "object": "file",
                "bytes": len(data),
                "created_at": int(self.options.now().timestamp()),
                "filename": name,
                "purpose": "batch",
                "sample_type": "batch_request",
                "source": "upload",
                "num_lines": data.count(b"\n"),
            }

    def content(self, identity: str) -> bytes:
        """The bytes of a file."""
        with self._call():
            self._refuse_at_random()
            if identity not in self._files:
                raise MistralRefusal(404, f"No file matches the given query: {identity}")
            return self._files[identity]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """A new job, whether or not there is one with the same metadata."""
        with self._call():
            self._refuse_at_random()
            files, now = body.get("input_files") or [], self.options.now()
            missing = [each for each in files if each not in self._files]
            if missing or not files:
                raise MistralRefusal(404, f"No file matches the given query: {missing}")
            requests = _requests(b"".join(self._files[each] for each in files))
            job = StoredJob(
                id=str(uuid.UUID(int=self._ids.getrandbits(128))),
                model=str(body.get("model") or ""),
                metadata=body.get("metadata") or {},
                input_files=files,
                requests=requests,
                created_at=now,
                ready_at=now + self.options.turnaround,
                endpoint=str(body.get("endpoint") or ""),
            )
            self._jobs[job.id] = job
            if self.strikes("create_lost"):
                raise MistralRefusal(500, "Internal server error")
            return self._resource(job)

    def get(self, identity: str) -> dict[str, Any]:
        """One job."""
        with self._call():
            self._refuse_at_random()
            return self._resource(self._found(identity))

    def list_jobs(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of jobs, the newest first."""
        with self._call():
            self._refuse_at_random()
            since = query.get("created_after")
            until = self.options.now() - timedelta(seconds=self.calls.list_lag)
            found = [each for each in reversed(self._jobs.values()) if each.created_at <= until]
            if since:
                found = [each for each in found if each.created_at > datetime.fromisoformat(since)]
            page, size = int(query.get("page") or 0), int(query.get("page_size") or PAGE)
            shown = found[page * size : (page + 1) * size]
            return {"object": "list", "total": len(found), "data": [self._resource(each) for each in shown]}

    def cancel(self, identity: str) -> dict[str, Any]:
        """Stop a job; what is finished is delivered."""
        with self._call():
            job = self._found(identity)
            if not job.status and job.cancelled_at is None:
                job.cancelled_at = now = self.options.now()
                job.ready_at = min(job.ready_at, now + self.options.turnaround / 10)
            return self._resource(job)

    def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a single request."""
        with self._call():
            self._refuse_at_random()
        found = self.single(str(request.get("model") or ""), request)
        if found.body is None:
            raise MistralRefusal(found.error["code"], found.error["message"])
        return found.body

    def jobs(self) -> list[StoredJob]:
        """All jobs, the oldest first. For tests."""
        with self._call():
            return list(self._jobs.values())

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self.call():
            for job in self._jobs.values():
                if not job.status and self.options.now() >= job.ready_at:
                    self._end(job)
            yield

    def _refuse_at_random(self) -> None:
        if self.strikes("throttled"):
            raise MistralRefusal(429, "Requests rate limit exceeded")
        if self.strikes("unavailable"):
            raise MistralRefusal(503, "Service unavailable.")

    def _found(self, identity: str) -> StoredJob:
        if identity not in self._jobs:
            raise MistralRefusal(404, f"No job matches the given query: {identity}")
        return self._jobs[identity]

    def _keep(self, data: bytes) -> str:
        identity = str(uuid.UUID(int=self._ids.getrandbits(128)))
        self._files[identity] = data
        return identity

    def _end(self, job: StoredJob) -> None:
        number = next(self._numbers)
        draws = self.draws(f"job-{number}")
        fate, share = draws.job_fate(), 1.0
        if job.cancelled_at is not None:
            fate, share = JobFate.CANCELLED, (job.cancelled_at - job.created_at) / self.options.turnaround
        elif fate is not JobFate.SUCCEEDED:
            share = draws.share()
        job.status = _WORDS[fate]
        if fate is JobFate.FAILED:
            return
        finished = self.finished(job.requests, draws, share)
        asked = [(key, body) for key, body in job.requests.items() if key in finished]
        found = self.answered(asked, job.model, draws, job.ready_at)
        good = [_line(each, number) for each in found if not each.error]
        bad = [_line(each, number) for each in found if each.error]
        job.succeeded, job.failed = len(good), len(bad)
        job.answered = frozenset(each.key for each in found if each.body is not None)
        job.output_file = self._keep(b"".join(good)) if good else None
        job.error_file = self._keep(b"".join(bad)) if bad else None

    def _resource(self, job: StoredJob) -> dict[str, Any]:
        over = bool(job.status)
        running = "RUNNING" if job.cancelled_at is None else "CANCELLATION_REQUESTED"
        young = self.options.now() < job.created_at + self.options.turnaround / 10
        status = job.status or ("QUEUED" if young and job.cancelled_at is None else running)
        errors = [{"message": "The job ended in an internal error (emulated).", "count": 1}]
        return {
            "id": job.id,
            "object": "batch",
            "input_files": job.input_files,
            "endpoint": job.endpoint,
            "model": job.model,
            "metadata": job.metadata,
            "status": status,
            "errors": errors if status == "FAILED" else [],
            "created_at": int(job.created_at.timestamp()),
            "started_at": None if young else int(job.created_at.timestamp()),
            "completed_at": int(job.ready_at.timestamp()) if over else None,
            "total_requests": len(job.requests),
            "completed_requests": job.succeeded + job.failed,
            "succeeded_requests": job.succeeded,
            "failed_requests": job.failed,
            "output_file": job.output_file,
            "error_file": job.error_file,
        }


def _requests(data: bytes) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for place, line in enumerate(lines_of([data])):
        try:
            read = orjson.loads(line)
        except ValueError as error:
            raise MistralRefusal(422, f"Line {place + 1} is not valid JSON.") from error
        body = read.get("body") if isinstance(read, dict) else None
        if not isinstance(body, dict):
            raise MistralRefusal(422, f"Line {place + 1} has no 'body'.")
        found[str(read.get("custom_id") or place)] = body
    if not found or len(found) > MOST_REQUESTS:
        raise MistralRefusal(422, f"A job has 1 to {MOST_REQUESTS} requests, not {len(found)}.")
    return found


def _line(answered: Answered, number: int) -> bytes:
    if answered.broken:
        return answered.broken
    row: dict[str, Any] = {"id": f"batch-{number}-{answered.key}", "custom_id": answered.key}
    if answered.error:
        code = answered.error["code"]
        row |= {
            "response": {"status_code": code, "body": error_body(code, answered.error["message"])},
            "error": None,
        }
    else:
        row |= {"response": {"status_code": 200, "body": answered.body}, "error": None}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
