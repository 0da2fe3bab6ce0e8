"""Files and batches as the service keeps and shows them.

https://developers.openai.com/api/reference/resources/batches
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gemchain.emulators.openai.batch_rows import Line

__all__ = ["StoredBatch", "StoredFile", "listed", "seconds"]


def seconds(moment: datetime | None) -> int | None:
    """A time as the API writes it."""
    return None if moment is None else int(moment.timestamp())


@dataclass(slots=True)
class StoredFile:
    """A file as the service keeps it."""

    id: str
    filename: str
    purpose: str
    data: bytes
    created_at: datetime
    expires_at: datetime | None = None

    def is_gone(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and now > self.expires_at

    def resource(self) -> dict[str, Any]:
        """What is told of it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": seconds(self.created_at),
            "expires_at": seconds(self.expires_at),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass(slots=True)
class StoredBatch:
    """A batch as the service keeps it.

    Attributes:
        tokens: What it counts for while it is enqueued.
        errors: Why it is not valid.
        ended: The word for its end; None before.
    """

    id: str
    endpoint: str
    model: str
    input_file_id: str
    metadata: dict[str, str]
    created_at: datetime
    begins_at: datetime
    ready_at: datetime
    lines: list[Line]
    tokens: int
    errors: list[dict[str, Any]] = field(default_factory=list)
    cancelling_at: datetime | None = None
    ended: str | None = None
    ended_at: datetime | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: tuple[int, int] = (0, 0)

    def resource(self, now: datetime) -> dict[str, Any]:
        """What is told of it."""
        errors = {"object": "list", "data": self.errors} if self.ended == "failed" else None
        shown: dict[str, Any] = {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": errors,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self._status(now),
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": seconds(self.created_at),
            "cancelling_at": seconds(self.cancelling_at),
            "metadata": self.metadata or None,
            "request_counts": {
                "total": len(self.lines),
                "completed": self.counts[0],
                "failed": self.counts[1],
            },
        }
        if self.ended is not None:
            shown[f"{self.ended}_at"] = seconds(self.ended_at)
        return shown

    def _status(self, now: datetime) -> str:
        if self.ended is not None:
            return self.ended
        if self.cancelling_at is not None:
            return "cancelling"
        return "validating" if now < self.begins_at else "in_progress"


def listed(found: Iterable[dict[str, Any]], query: dict[str, str], most: int) -> dict[str, Any]:
    """A page of resources, after the one that the query names.

    Args:
        found: All of them, in order.
        query: `after` and `limit`.
        most: Resources on a page when the query does not say.
    """
    rows = list(found)
    after = query.get("after")
    start = next((place for place, each in enumerate(rows, 1) if each["id"] == after), 0) if after else 0
    limit = int(query.get("limit") or most)
    page = rows[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(rows),
    }
