"""Batches in memory: what each call does.

Nothing runs between two calls. Each call first ends the batches whose time has come.
https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from gemchain.emulators.anthropic.errors import AnthropicRefusal, error_type
from gemchain.emulators.batch_answers import Answered, BatchOptions, CallService, timestamp
from gemchain.simulated.anthropic import AnthropicDialect
from gemchain.simulated.faults import Draws, JobFate

__all__ = ["AnthropicService", "StoredBatch"]

PAGE, MOST_ON_PAGE = 20, 1000
MOST_REQUESTS = 100_000
LIFE = timedelta(hours=24)
SHELF_LIFE = timedelta(days=29)
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


@dataclass(slots=True)
class StoredBatch:
    """A batch as the service keeps it.

    Attributes:
        results: Its results by the type of each, once over.
        lines: Its results as they are read, once over.
    """

    id: str
    requests: dict[str, dict[str, Any]]
    created_at: datetime
    ready_at: datetime
    cancelled_at: datetime | None = None
    ended: bool = False
    archived_at: datetime | None = None
    results: Counter[str] | None = None
    lines: bytes = b""
    answered: frozenset[str] = frozenset()


class AnthropicService(CallService):
    """One workspace.

    Args:
        options: How it answers.
    """

    def __init__(self, options: BatchOptions) -> None:
        super().__init__(options, AnthropicDialect())
        self._numbers = itertools.count(1)
        self._batches: dict[str, StoredBatch] = {}

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """A new batch, whether or not there is one with the same requests."""
        with self._call():
            self._refuse_at_random()
            now = self.options.now()
            identity = f"msgbatch_{next(self._numbers):016d}"
            batch = StoredBatch(identity, _requests(body), now, now + self.options.turnaround)
            self._batches[identity] = batch
            if self.strikes("create_lost"):
                raise AnthropicRefusal(500, "Internal server error")
            return self._resource(batch)

    def get(self, identity: str) -> dict[str, Any]:
        """One batch."""
        with self._call():
            self._refuse_at_random()
            return self._resource(self._found(identity))

    def list_batches(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of batches, the newest first."""
        with self._call():
            self._refuse_at_random()
            shown_until = self.options.now() - timedelta(seconds=self.calls.list_lag)
            found = [each for each in reversed(self._batches.values()) if each.created_at <= shown_until]
            names = [each.id for each in found]
            start = names.index(query["after_id"]) + 1 if query.get("after_id") in names else 0
            size = min(int(query.get("limit") or PAGE), MOST_ON_PAGE)
            page = found[start : start + size]
            return {
                "data": [self._resource(each) for each in page],
                "has_more": start + size < len(found),
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
            }

    def cancel(self, identity: str) -> dict[str, Any]:
        """Stop a batch; what is finished is delivered."""
        with self._call():
            batch = self._found(identity)
            if batch.ended:
                raise AnthropicRefusal(400, f"Batch {identity} cannot be canceled because it has ended.")
            if batch.cancelled_at is None:
                batch.cancelled_at = now = self.options.now()
                batch.ready_at = min(batch.ready_at, now + self.options.turnaround / 10)
            return self._resource(batch)

    def results(self, identity: str) -> bytes:
        """The results of a batch that has ended."""
        with self._call():
            self._refuse_at_random()
            batch = self._found(identity)
            if not batch.ended or batch.archived_at is not None:
                raise AnthropicRefusal(404, f"Batch {identity} has no available results.")
            return batch.lines

    def delete(self, identity: str) -> dict[str, Any]:
        """Remove a batch that has ended."""
        with self._call():
            if not self._found(identity).ended:
                raise AnthropicRefusal(400, f"Batch {identity} is still processing and cannot be deleted.")
            del self._batches[identity]
            return {"id": identity, "type": "message_batch_deleted"}

    def message(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a single request."""
        with self._call():
            self._refuse_at_random()
        found = self.single(str(request.get("model") or ""), request)
        if found.body is None:
            raise AnthropicRefusal(found.error["code"], found.error["message"])
        return found.body

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first. For tests."""
        with self._call():
            return list(self._batches.values())

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self.call():
            for batch in self._batches.values():
                if not batch.ended and self.options.now() >= batch.ready_at:
                    self._end(batch)
                if self.options.now() >= batch.created_at + SHELF_LIFE:
                    batch.archived_at = batch.created_at + SHELF_LIFE
            yield

    def _refuse_at_random(self) -> None:
        if self.strikes("throttled"):
            raise AnthropicRefusal(429, "This request would exceed your rate limit.", {"Retry-After": "7"})
        if self.strikes("unavailable"):
            raise AnthropicRefusal(529, "Overloaded")

    def _found(self, identity: str) -> StoredBatch:
        if identity not in self._batches:
            raise AnthropicRefusal(404, f"Message Batch {identity} not found.")
        return self._batches[identity]

    def _end(self, batch: StoredBatch) -> None:
        draws = self.draws(batch.id)
        share, left = self._stopped(batch, draws)
        finished = self.finished(batch.requests, draws, share)
        asked = [(key, params) for key, params in batch.requests.items() if key in finished]
        model = next((str(params.get("model") or "") for _, params in asked), "")
        found = self.answered(asked, model, draws, batch.ready_at)
        untried = batch.requests.keys() - finished
        batch.lines = b"".join([*map(_line, found), *(_untried(key, left) for key in sorted(untried))])
        errored = {each.key for each in found if each.error}
        batch.answered = frozenset(each.key for each in found if each.body is not None)
        batch.results = Counter(succeeded=len(finished) - len(errored), errored=len(errored))
        batch.results[left] += len(untried)
        batch.ended = True

    def _stopped(self, batch: StoredBatch, draws: Draws) -> tuple[float, str]:
        """The share of requests that is answered, and what the others are called."""
        if batch.cancelled_at is not None:
            return (batch.cancelled_at - batch.created_at) / self.options.turnaround, "canceled"
        match draws.job_fate():
            case JobFate.SUCCEEDED:
                return 1.0, "expired"
            case JobFate.FAILED:
                return 0.0, "expired"
            case JobFate.CANCELLED:
                return draws.share(), "canceled"
        return draws.share(), "expired"

    def _resource(self, batch: StoredBatch) -> dict[str, Any]:
        state = "ended" if batch.ended else "canceling" if batch.cancelled_at else "in_progress"
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts |= batch.results if batch.results is not None else {"processing": len(batch.requests)}
        kept = batch.ended and batch.archived_at is None
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": state,
            "request_counts": counts,
            "created_at": timestamp(batch.created_at),
            "expires_at": timestamp(batch.created_at + LIFE),
            "ended_at": timestamp(batch.ready_at) if batch.ended else None,
            "cancel_initiated_at": timestamp(batch.cancelled_at) if batch.cancelled_at else None,
            "archived_at": timestamp(batch.archived_at) if batch.archived_at else None,
            "results_url": f"/v1/messages/batches/{batch.id}/results" if kept else None,
        }


def _requests(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    given = body.get("requests")
    if not isinstance(given, list) or not given:
        raise AnthropicRefusal(400, "requests: List should have at least 1 item after validation")
    if len(given) > MOST_REQUESTS:
        raise AnthropicRefusal(400, f"requests: List should have at most {MOST_REQUESTS} items")
    found: dict[str, dict[str, Any]] = {}
    for place, each in enumerate(given):
        custom_id = each.get("custom_id") if isinstance(each, dict) else None
        if not isinstance(custom_id, str) or not _CUSTOM_ID.match(custom_id):
            raise AnthropicRefusal(400, f"requests.{place}.custom_id: String should match the pattern")
        if custom_id in found:
            raise AnthropicRefusal(400, f"requests: custom_id {custom_id} is not unique")
        if not isinstance(each.get("params"), dict) or not each["params"].get("model"):
            raise AnthropicRefusal(400, f"requests.{place}.params.model: Field required")
        found[custom_id] = each["params"]
    return found


def _line(answered: Answered) -> bytes:
    if answered.broken:
        return answered.broken
    result: dict[str, Any] = {"type": "succeeded", "message": answered.body}
    if answered.error:
        told = {"type": error_type(answered.error["code"]), "message": answered.error["message"]}
        result = {"type": "errored", "error": {"type": "error", "error": told}}
    return orjson.dumps({"custom_id": answered.key, "result": result}, option=orjson.OPT_APPEND_NEWLINE)


def _untried(custom_id: str, kind: str) -> bytes:
    row = {"custom_id": custom_id, "result": {"type": kind}}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
