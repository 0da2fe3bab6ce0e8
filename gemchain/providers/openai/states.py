"""What the states of a batch mean.

https://developers.openai.com/api/docs/guides/batch
"""

from typing import TYPE_CHECKING

from gemchain.records import Failure

if TYPE_CHECKING:
    from openai.types import Batch as OpenAIBatch
    from openai.types import BatchError

__all__ = ["detail_of", "failure_of", "is_over", "lacks_room", "whole"]

OVER = frozenset({"completed", "failed", "expired", "cancelled"})
"""States in which nothing changes any more; a word that is not known yet counts as running."""

TOO_MANY_TOKENS = "token_limit_exceeded"
"""The code of a batch that would pass the limit of tokens which a model's batches may hold at one time."""

NO_ROOM = frozenset({TOO_MANY_TOKENS, "billing_hard_limit_reached"})
"""Codes by which no request of the batch was looked at: the same batch may be taken later."""

MOST_TOLD = 5
"""Errors of a file that are told, of possibly one for each line."""

_WHY = {
    "failed": "the batch failed before any request was sent",
    "expired": "the batch expired after 24 hours; the rows that it finished are kept",
    "cancelled": "the batch was cancelled; the rows that it finished are kept",
}


def whole(job: "OpenAIBatch") -> "OpenAIBatch":
    """The batch, if it was read whole: the SDK checks nothing.

    Raises:
        TypeError: It lacks what every batch has.
    """
    if not (isinstance(job.id, str) and isinstance(job.status, str) and isinstance(job.created_at, int)):
        raise TypeError(f"it is no batch: {job!r:.200}")
    return job


def is_over(job: "OpenAIBatch") -> bool:
    """Whether it has ended, in whichever way."""
    return job.status in OVER


def detail_of(job: "OpenAIBatch") -> str:
    """The service's own word, and how many requests are done."""
    counts = job.request_counts
    if is_over(job) or counts is None or not counts.total:
        return str(job.status)
    return f"{job.status}, {counts.completed + counts.failed} of {counts.total}"


def failure_of(job: "OpenAIBatch") -> Failure | None:
    """Why a batch that is over did not complete; None when it did.

    An error that names a line is about what was sent, and comes again whenever it is sent again.
    """
    if job.status == "completed":
        return None
    errors = _errors(job)
    words = "; ".join(_told(each) for each in errors[:MOST_TOLD])
    more = f"; and {len(errors) - MOST_TOLD} more errors" if len(errors) > MOST_TOLD else ""
    message = ": ".join(filter(None, [_WHY.get(job.status, job.status), words + more]))
    if lacks_room(job):
        return Failure("rate", message, retryable=True)
    final = bool(errors) and all(each.line is not None for each in errors)
    return Failure("job", message, retryable=not final)


def lacks_room(job: "OpenAIBatch") -> bool:
    """Whether the batch failed since the account has no room for it now."""
    return job.status == "failed" and any(each.code in NO_ROOM for each in _errors(job))


def _errors(job: "OpenAIBatch") -> "list[BatchError]":
    return list(job.errors.data or ()) if job.errors else []


def _told(error: "BatchError") -> str:
    place = f"line {error.line}: " if error.line is not None else ""
    return place + ": ".join(filter(None, [error.code, error.message]))
