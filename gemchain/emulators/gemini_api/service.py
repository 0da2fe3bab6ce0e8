"""Files and batches in memory: what each call does.

Nothing runs between two calls. Each call first ends the batches whose time has come.
https://ai.google.dev/gemini-api/docs/batch-api
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from gemchain.emulators.refusals import Refusal, invalid, not_found, precondition
from gemchain.formats.gemini.fields import field_of
from gemchain.simulated.dialect import Responder
from gemchain.simulated.dialects import GEMINI, GEMINI_EMBEDDINGS
from gemchain.simulated.faults import Draws, Faults, JobFate
from gemchain.simulated.output import Simulation, write_output

__all__ = ["GeminiApiService"]

PAGE = 10
MOST_ON_PAGE = 100
SHELF_LIFE = timedelta(hours=48)
"""How long files are kept. https://ai.google.dev/gemini-api/docs/files"""

_WORDS = {
    JobFate.SUCCEEDED: "SUCCEEDED",
    JobFate.EXPIRED: "EXPIRED",
    JobFate.CANCELLED: "CANCELLED",
    JobFate.PARTIAL: "FAILED",
    JobFate.FAILED: "FAILED",
}


@dataclass(slots=True)
class StoredFile:
    """A file as the service keeps it."""

    name: str
    data: bytes
    created_at: datetime


@dataclass(slots=True)
class StoredBatch:
    """A batch as the service keeps it."""

    name: str
    display_name: str
    model: str
    input_file: str
    created_at: datetime
    ready_at: datetime
    fate: JobFate | None = None
    is_cancelled: bool = False
    responses_file: str | None = None
    embeds: bool = False


class GeminiApiService:
    """One API key's files and batches.

    Args:
        now: The present.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a batch takes.
        seed: Seed of everything that is drawn.
        serves: Whether a model exists.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        responder: Responder | None,
        turnaround: float,
        seed: int,
        serves: Callable[[str], bool],
    ) -> None:
        self._now = now
        self._responder = responder
        self._turnaround = timedelta(seconds=turnaround)
        self._seed = seed
        self._serves = serves
        self._numbers = itertools.count(1)
        self.latency = 0.0
        self.upload_numbers = itertools.count(1)
        self.uploads: dict[str, bytearray] = {}
        self._files: dict[str, StoredFile] = {}
        self._batches: dict[str, StoredBatch] = {}
        self._lock = threading.RLock()
        self._faults = Faults(shuffle=0)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on. Rows keep their order unless `shuffle` says otherwise."""
        with self._lock:
            self._faults = Faults.parse(f"shuffle=0,{text}")

    def keep_file(self, data: bytes) -> dict[str, Any]:
        """A new file."""
        with self._call():
            file = StoredFile(f"files/f{next(self._numbers):012d}", data, self._now())
            self._files[file.name] = file
            return _file_resource(file)

    def file(self, name: str) -> dict[str, Any]:
        """What is known of a file."""
        with self._call():
            return _file_resource(self._found_file(name))

    def read_file(self, name: str) -> bytes:
        """The bytes of a file."""
        with self._call():
            return self._found_file(name).data

    def create(self, model: str, body: dict[str, Any], *, embeds: bool = False) -> dict[str, Any]:
        """A new batch, whether or not one of this display name exists.

        Args:
            model: The model that is asked.
            body: What was sent.
            embeds: Whether its requests are those of `embedContent`.
        """
        with self._call():
            asked = body.get("batch") or {}
            # google-genai spells the name for embeddings in snake_case, and the service takes both.
            file = field_of(asked.get("inputConfig") or {}, "fileName") or ""
            if not self._serves(model):
                raise not_found(f"models/{model} is not found for API version v1beta, or is not supported.")
            if not file:
                raise invalid("The batch needs an input file (emulated).")
            self._found_file(file)
            name, now = f"batches/b{next(self._numbers):012d}", self._now()
            batch = StoredBatch(
                name, asked.get("displayName", ""), model, file, now, now + self._turnaround, embeds=embeds
            )
            self._batches[name] = batch
            return self._resource(batch)

    def answer(self, model: str, request: dict[str, Any], *, embeds: bool = False) -> dict[str, Any]:
        """Answer one request at once.

        Args:
            model: The model that is asked.
            request: What was sent.
            embeds: Whether it is one of `embedContent`.

        Raises:
            Refusal: No such model, or what the faults drew.
        """
        if not self._serves(model):
            raise not_found(f"models/{model} is not found for API version v1beta, or is not supported.")
        with self._lock:
            number, draws = next(self._numbers), Draws(self._faults, self._seed, "generate")
        seen_at = self._now().isoformat(timespec="microseconds")
        status, body = self._simulation(model, draws, seen_at, embeds=embeds).answer(request, str(number))
        if status:
            error = orjson.loads(status[status.index("{") :])["error"]
            raise Refusal(error["code"], error.get("status", ""), error["message"])
        return body

    def get(self, name: str) -> dict[str, Any]:
        """One batch."""
        with self._call():
            return self._resource(self._found(name))

    def list_batches(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of batches, the newest first."""
        with self._call():
            found = [self._resource(each) for each in reversed(self._batches.values())]
            start = int(query.get("pageToken") or 0)
            size = min(int(query.get("pageSize") or PAGE), MOST_ON_PAGE)
            page: dict[str, Any] = {"operations": found[start : start + size]}
            if start + size < len(found):
                page["nextPageToken"] = str(start + size)
            return page

    def cancel(self, name: str) -> dict[str, Any]:
        """Stop a batch; it delivers nothing."""
        with self._call():
            batch = self._found(name)
            if batch.fate is not None:
                raise precondition(f"{name} is over and cannot be cancelled (emulated).")
            batch.is_cancelled = True
            batch.ready_at = min(batch.ready_at, self._now())
            return {}

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first. For tests."""
        with self._call():
            return list(self._batches.values())

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._lock:
            for batch in self._batches.values():
                if batch.fate is None and self._now() >= batch.ready_at:
                    self._end(batch)
            yield

    def _found(self, name: str) -> StoredBatch:
        if name not in self._batches:
            raise not_found(f"The batch {name} does not exist.")
        return self._batches[name]

    def _found_file(self, name: str) -> StoredFile:
        file = self._files.get(name)
        if file is None or self._now() > file.created_at + SHELF_LIFE:
            raise not_found(f"File {name} does not exist, or you have no permission to access it.")
        return file

    def _end(self, batch: StoredBatch) -> None:
        draws = Draws(self._faults, self._seed, f"{batch.display_name}/{batch.name}")
        batch.fate = JobFate.CANCELLED if batch.is_cancelled else draws.job_fate()
        if batch.fate is not JobFate.SUCCEEDED:
            return
        seen_at = batch.ready_at.isoformat(timespec="microseconds")
        rows: list[bytes] = []
        simulation = self._simulation(batch.model, draws, seen_at, embeds=batch.embeds)
        write_output([self._files[batch.input_file].data], rows.append, simulation)
        name = f"files/batch-{batch.name.rpartition('/')[2]}"
        self._files[name] = StoredFile(name, b"".join(rows), batch.ready_at)
        batch.responses_file = name

    def _simulation(self, model: str, draws: Draws, seen_at: str, *, embeds: bool) -> Simulation:
        dialect = GEMINI_EMBEDDINGS if embeds else GEMINI
        responder = self._responder or dialect.builtin
        return Simulation(responder, model, draws, seen_at, bare=True, dialect=dialect)

    def _resource(self, batch: StoredBatch) -> dict[str, Any]:
        """The batch as a long-running operation."""
        state = _WORDS[batch.fate] if batch.fate else "PENDING" if self._is_young(batch) else "RUNNING"
        metadata: dict[str, Any] = {
            "@type": f"type.googleapis.com/google.ai.generativelanguage.v1main.{_type(batch)}",
            "name": batch.name,
            "displayName": batch.display_name,
            "model": f"models/{batch.model}",
            "state": f"BATCH_STATE_{state}",
            "createTime": _timestamp(batch.created_at),
            "updateTime": _timestamp(min(self._now(), batch.ready_at)),
            "inputConfig": {"fileName": batch.input_file},
        }
        if batch.fate is not None:
            metadata["endTime"] = _timestamp(batch.ready_at)
        operation: dict[str, Any] = {"name": batch.name, "metadata": metadata}
        if batch.responses_file is not None:
            metadata["output"] = {"responsesFile": batch.responses_file}
            operation |= {"done": True, "response": {"responsesFile": batch.responses_file}}
        elif batch.fate is not None:
            operation |= {"done": True, "error": {"code": 13, "message": f"The batch ended as {state}."}}
        return operation

    def _is_young(self, batch: StoredBatch) -> bool:
        return self._now() < batch.created_at + self._turnaround / 10


def _type(batch: StoredBatch) -> str:
    return "EmbedContentBatch" if batch.embeds else "GenerateContentBatch"


def _file_resource(file: StoredFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "sizeBytes": str(len(file.data)),
        "mimeType": "application/jsonl",
        "state": "ACTIVE",
        "createTime": _timestamp(file.created_at),
        "expirationTime": _timestamp(file.created_at + SHELF_LIFE),
        "uri": f"https://generativelanguage.googleapis.com/v1beta/{file.name}",
    }


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
