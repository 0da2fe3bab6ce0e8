"""What the simulated service keeps of a job."""

from dataclasses import dataclass

from gemchain.records import Failure
from gemchain.simulated.faults import JobFate

__all__ = ["JOBS", "WORDS", "JobRecord", "failure_of"]

JOBS = "simulated/jobs"
"""Where the records are, by display name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What the service keeps of a job. Times are in ISO format.

    Attributes:
        draw: Seeds what the job draws: display name and number among the jobs of that name.
        ready_at: When it is over.
        stopped: Share of its rows that were finished when it was cancelled; None when it was not.
        state: The word for its state, once over.
        output_uri: Its output, once over.
    """

    name: str
    display_name: str
    draw: str
    batch_id: str
    model: str
    input_uri: str
    created_at: str
    ready_at: str
    stopped: float | None = None
    state: str | None = None
    output_uri: str | None = None


WORDS = {
    JobFate.SUCCEEDED: "JOB_STATE_SUCCEEDED",
    JobFate.EXPIRED: "JOB_STATE_EXPIRED",
    JobFate.CANCELLED: "JOB_STATE_CANCELLED",
    JobFate.PARTIAL: "JOB_STATE_PARTIALLY_SUCCEEDED",
    JobFate.FAILED: "JOB_STATE_FAILED",
}
_REASONS = {
    "JOB_STATE_EXPIRED": "the simulated job expired; the rows it finished are kept",
    "JOB_STATE_CANCELLED": "the simulated job was cancelled; the rows it finished are kept",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "the simulated job succeeded partially; the rows it finished are kept",
    "JOB_STATE_FAILED": "the simulated job failed: internal error (simulated fault 'job_failed')",
}


def failure_of(state: str) -> Failure | None:
    """Why a job in this state delivered only a part, or nothing; None when it delivered all."""
    words = _REASONS.get(state)
    return Failure("job", words, retryable=True) if words else None
