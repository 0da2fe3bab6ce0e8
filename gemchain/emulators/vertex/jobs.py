"""A batch prediction job: what was asked, where it stands at a moment, and its resource as JSON."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gemchain.simulated.faults import JobFate

__all__ = ["QUEUED_SHARE", "VertexJob", "timestamp"]

QUEUED_SHARE, PENDING_SHARE = 0.1, 0.2
"""Share of a job's time after which it leaves the queue, and after which it runs."""

ENDED = {
    JobFate.SUCCEEDED: "JOB_STATE_SUCCEEDED",
    JobFate.EXPIRED: "JOB_STATE_EXPIRED",
    JobFate.CANCELLED: "JOB_STATE_CANCELLED",
    JobFate.PARTIAL: "JOB_STATE_PARTIALLY_SUCCEEDED",
    JobFate.FAILED: "JOB_STATE_FAILED",
}


@dataclass(slots=True)
class VertexJob:
    """A job as the service keeps it.

    Attributes:
        number: Its id, and the order of creation.
        asked: The BatchPredictionJob of the create call, in camelCase.
        ready_at: When it is over.
        cancelled_at: When its end was asked for.
        stopped: Share of its rows that were finished by then.
        fate: How it ended; None while it has not.
        error: The google.rpc.Status of a job that failed or was cancelled.
        folder: Where its output lies.
        counts: Rows that succeeded, failed, and never came.
    """

    name: str
    number: int
    asked: dict[str, Any]
    created_at: datetime
    ready_at: datetime
    cancelled_at: datetime | None = None
    stopped: float | None = None
    fate: JobFate | None = None
    error: dict[str, Any] | None = None
    folder: str | None = None
    counts: tuple[int, int, int] = field(default=(0, 0, 0))

    @property
    def display_name(self) -> str:
        """The name that the caller gave."""
        return str(self.asked["displayName"])

    @property
    def input_uris(self) -> list[str]:
        """Addresses of the input, wildcards not yet expanded."""
        return list(self.asked["inputConfig"]["gcsSource"]["uris"])

    @property
    def output_prefix(self) -> str:
        """Where the output was asked for."""
        return str(self.asked["outputConfig"]["gcsDestination"]["outputUriPrefix"]).rstrip("/")

    @property
    def model(self) -> str:
        """The model's name without its path."""
        return str(self.asked["model"]).rpartition("/")[2]

    def is_due(self, now: datetime) -> bool:
        """Whether the job should have ended by now, and has not."""
        return self.fate is None and now >= self.ready_at

    def state(self, now: datetime) -> str:
        """The word for where it stands."""
        if self.fate is not None:
            return ENDED[self.fate]
        if self.cancelled_at is not None:
            return "JOB_STATE_CANCELLING"
        passed = (now - self.created_at) / max(self.ready_at - self.created_at, timedelta(microseconds=1))
        if passed < QUEUED_SHARE:
            return "JOB_STATE_QUEUED"
        return "JOB_STATE_PENDING" if passed < PENDING_SHARE else "JOB_STATE_RUNNING"

    def resource(self, now: datetime) -> dict[str, Any]:
        """The job's JSON. Numbers of 64 bits are texts, as protocol buffers print them."""
        state = self.state(now)
        found: dict[str, Any] = {
            **self.asked,
            "name": self.name,
            "state": state,
            "createTime": timestamp(self.created_at),
            "updateTime": timestamp(min(now, self.ready_at)),
        }
        if state not in ("JOB_STATE_QUEUED", "JOB_STATE_PENDING"):
            found["startTime"] = timestamp(
                self.created_at + (self.ready_at - self.created_at) * PENDING_SHARE
            )
        if self.fate is not None:
            found["endTime"] = timestamp(self.ready_at)
            names = ("successfulCount", "failedCount", "incompleteCount")
            found["completionStats"] = {
                name: str(count) for name, count in zip(names, self.counts, strict=True)
            }
        if self.folder is not None:
            found["outputInfo"] = {"gcsOutputDirectory": self.folder}
        if self.error is not None:
            found["error"] = self.error
        return found


def timestamp(moment: datetime) -> str:
    """A time as Google prints it, `2026-07-06T13:04:46.670249Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
