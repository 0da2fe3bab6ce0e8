"""Files, batches and single answers in memory: what each call does.

Nothing runs between two calls. Each call first ends the batches whose time has come.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

from gemchain.emulators.openai import refusals
from gemchain.emulators.openai.batch_rows import Answer, Answering
from gemchain.emulators.openai.chat import Chat
from gemchain.emulators.openai.embeddings import Embeddings
from gemchain.emulators.openai.endpoint import Endpoint
from gemchain.emulators.openai.faults import CallFaults, parse
from gemchain.emulators.openai.file_store import FileStore
from gemchain.emulators.openai.records import StoredBatch, StoredFile, listed
from gemchain.emulators.openai.responses import Responses
from gemchain.emulators.openai.validation import failed, no_room, validated
from gemchain.simulated.dialect import Responder
from gemchain.simulated.faults import Draws, Faults, JobFate

__all__ = ["ENDPOINTS", "OpenAIService"]

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/embeddings": Embeddings(),
}

RESULTS_KEPT = timedelta(days=30)

BEGINS = 20
"""A batch is validated, and stops when it is cancelled, within a twentieth of its turnaround."""

BATCHES_ON_PAGE = 20

EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}

WORDS = {
    JobFate.SUCCEEDED: "completed",
    JobFate.EXPIRED: "expired",
    JobFate.CANCELLED: "cancelled",
    JobFate.PARTIAL: "cancelled",
    JobFate.FAILED: "failed",
}


class OpenAIService:
    """One project's files and batches.

    Args:
        now: The present.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a batch takes.
        seed: Seed of everything that is drawn.
        known: The models that exist; None serves any name.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        responder: Responder | None,
        turnaround: float,
        seed: int,
        known: tuple[str, ...] | None,
    ) -> None:
        self._now = now
        self._responder = responder
        self._turnaround = timedelta(seconds=turnaround)
        self._seed = seed
        self.known = known
        self._numbers = itertools.count(1)
        self._files = FileStore(self._numbers)
        self._batches: dict[str, StoredBatch] = {}
        self._lock = threading.RLock()
        self._random = Random(seed)
        self._faults = Faults()
        self.calls = CallFaults()
        self.instead: list[bytes] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        with self._lock:
            self._faults, self.calls = parse(text)

    def happens(self, name: str) -> bool:
        """Whether the fault of this name strikes now."""
        with self._lock:
            return self.calls.happens(name, self._random)

    def fail_by_chance(self) -> None:
        """What may strike any call.

        Raises:
            Refusal: It does.
        """
        if self.happens("throttled"):
            raise refusals.throttled(self.calls.retry_after)
        if self.happens("unavailable"):
            raise refusals.overloaded()

    def keep_file(self, filename: str, purpose: str, data: bytes, lives: int | None) -> dict[str, Any]:
        """A new file that lives for so many seconds."""
        with self._call():
            span = None if lives is None else timedelta(seconds=lives)
            return self._files.keep(filename, purpose, data, self._now(), span).resource()

    def file(self, file_id: str) -> StoredFile:
        """A file."""
        with self._call():
            return self._files.found(file_id, self._now())

    def delete_file(self, file_id: str) -> dict[str, Any]:
        """Remove a file."""
        with self._call():
            return self._files.delete(file_id, self._now())

    def list_files(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of files, the newest first unless the query says `asc`."""
        with self._call():
            return self._files.page(query, self._now(), self._lag)

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A new batch, whether or not there is one with such metadata.

        Raises:
            Refusal: It is refused; or it was created, and the answer is lost.
        """
        with self._call():
            for name, known in (("endpoint", list(ENDPOINTS)), ("completion_window", ["24h"])):
                if asked.get(name) not in known:
                    raise refusals.invalid(f"Invalid {name!r}: known are {known}.", name)
            file = self._files.found(str(asked.get("input_file_id")), self._now())
            if file.purpose != "batch":
                raise refusals.invalid("The purpose of the input file is not 'batch'.", "input_file_id")
            batch = self._made(asked["endpoint"], file, dict(asked.get("metadata") or {}))
            self._batches[batch.id] = batch
            if self.happens("create_lost"):
                raise refusals.lost()
            return batch.resource(self._now())

    def get(self, batch_id: str) -> dict[str, Any]:
        """One batch."""
        with self._call():
            return self._found(batch_id).resource(self._now())

    def list_batches(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of batches, the newest first."""
        with self._call():
            until = self._now() - self._lag
            shown = [each for each in reversed(self._batches.values()) if each.created_at <= until]
            return listed((each.resource(self._now()) for each in shown), query, BATCHES_ON_PAGE)

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """Stop a batch; it delivers what it has finished."""
        with self._call():
            batch = self._found(batch_id)
            if batch.ended is not None:
                words = f"Cannot cancel a batch with status '{batch.ended}'."
                raise refusals.ApiRefusal(409, "invalid_request_error", words)
            if batch.cancelling_at is None:
                batch.cancelling_at = self._now()
            return batch.resource(self._now())

    def answer(self, path: str, request: dict[str, Any]) -> Answer:
        """Answer one request at once.

        Raises:
            Refusal: The model does not exist.
        """
        with self._call():
            self.model(str(request.get("model", "")))
            draws = Draws(self._faults, self._seed, f"call {next(self._numbers)}")
            answering = Answering(ENDPOINTS[path], self._responder, draws, int(self._now().timestamp()))
        return answering.answer(request, draws.style("one"))  # a responder may take its time

    def model(self, name: str) -> str:
        """The model of this name.

        Raises:
            Refusal: There is none.
        """
        if not self._serves(name):
            raise refusals.missing(f"The model '{name}' does not exist.", "model")
        return name

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first. For tests."""
        with self._call():
            return list(self._batches.values())

    def files(self) -> list[StoredFile]:
        """All files, the oldest first. For tests."""
        with self._call():
            return self._files.all()

    def _serves(self, model: str) -> bool:
        return bool(model) and (self.known is None or model in self.known)

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._lock:
            for batch in self._batches.values():
                if batch.ended is None:
                    self._advance(batch)
            yield

    @property
    def _lag(self) -> timedelta:
        return timedelta(seconds=self.calls.list_lag)

    def _found(self, batch_id: str) -> StoredBatch:
        if batch_id not in self._batches:
            raise refusals.missing(f"No batch found with id '{batch_id}'.")
        return self._batches[batch_id]

    def _made(self, endpoint: str, file: StoredFile, metadata: dict[str, str]) -> StoredBatch:
        now, looked = self._now(), validated(file.data, endpoint, self._serves)
        errors = looked.errors or self._too_many(looked.model, looked.tokens)
        return StoredBatch(
            id=f"batch_{next(self._numbers):032d}",
            endpoint=endpoint,
            model=looked.model,
            input_file_id=file.id,
            metadata=metadata,
            created_at=now,
            begins_at=now + self._turnaround / BEGINS,
            ready_at=now + self._turnaround,
            lines=looked.lines,
            tokens=looked.tokens,
            errors=errors,
        )

    def _too_many(self, model: str, tokens: int) -> list[dict[str, Any]]:
        """The error of a batch for which there is no room."""
        limit = self.calls.enqueued_tokens
        held = (each for each in self._batches.values() if each.ended is None and not each.errors)
        taken = sum(each.tokens for each in held if each.model == model)
        return [no_room(model, limit)] if limit and taken + tokens > limit else []

    def _advance(self, batch: StoredBatch) -> None:
        """End a batch whose time has come."""
        now = self._now()
        if batch.errors:
            if now >= batch.begins_at:
                self._end(batch, JobFate.FAILED, batch.begins_at)
        elif batch.cancelling_at is not None:
            stops_at = batch.cancelling_at + self._turnaround / BEGINS
            if now >= min(stops_at, batch.ready_at):
                self._end(batch, JobFate.CANCELLED, min(stops_at, batch.ready_at))
        elif now >= batch.ready_at:
            self._end(batch, self._draws(batch).job_fate(), batch.ready_at)

    def _draws(self, batch: StoredBatch) -> Draws:
        return Draws(self._faults, self._seed, batch.id)

    def _end(self, batch: StoredBatch, fate: JobFate, ended_at: datetime) -> None:
        batch.ended, batch.ended_at = WORDS[fate], ended_at
        if fate is JobFate.FAILED:
            batch.errors = batch.errors or [failed()]
            return
        draws = self._draws(batch)
        answering = Answering(
            ENDPOINTS[batch.endpoint],
            self._responder,
            draws,
            int(ended_at.timestamp()),
            1.0 if fate is JobFate.SUCCEEDED else self._share(batch, draws),
            EXPIRED if fate is JobFate.EXPIRED else None,
        )
        found = answering.files(batch.lines)
        batch.counts = found.completed, found.failed
        batch.output_file_id = self._result(batch, "output", found.output)
        batch.error_file_id = self._result(batch, "error", found.errors)

    def _result(self, batch: StoredBatch, kind: str, data: bytes) -> str | None:
        assert batch.ended_at is not None
        if not data:
            return None
        name = f"{batch.id}_{kind}.jsonl"
        return self._files.keep(name, "batch_output", data, batch.ended_at, RESULTS_KEPT).id

    def _share(self, batch: StoredBatch, draws: Draws) -> float:
        """The share of rows that was finished when a batch was stopped."""
        if batch.cancelling_at is None or not self._turnaround:
            return draws.share()
        return (batch.cancelling_at - batch.created_at) / self._turnaround
