"""Choosing among several jobs of one batch."""

from collections.abc import Iterable

from gemchain.ports import Job, JobState

__all__ = ["first_going"]


def first_going(jobs: Iterable[Job]) -> Job | None:
    """Of a batch's jobs the first that has not failed, else the first; none behind it is looked at."""
    first = None
    for job in jobs:
        if job.state is not JobState.FAILED:
            return job
        first = first or job
    return first
