"""Queues: one for each lane, provider and model."""

from datetime import datetime
from typing import NamedTuple

__all__ = ["QueueStatus", "queue_name", "queue_names"]


def queue_name(lane: str, provider: str, model: str) -> str:
    """The queue of one provider and model in one lane, as `lane/provider:model`."""
    return f"{lane}/{provider}:{model}"


def queue_names(queue: str) -> tuple[str, str, str]:
    """Lane, provider and model of a queue."""
    lane, _, rest = queue.partition("/")
    provider, _, model = rest.partition(":")
    return lane, provider, model


class QueueStatus(NamedTuple):
    """What waits in one queue.

    Attributes:
        ready: Prompts that could be sent now.
        resting: Prompts that wait for their `not_before_at`.
        size: Bytes of all their requests.
        oldest_at: Since when the longest-waiting of them waits, or a little later.
        newest_at: When a prompt was last added from outside, and not by a callback.
        due_at: When the first resting prompt becomes ready.
    """

    queue: str
    ready: int
    resting: int = 0
    size: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    due_at: datetime | None = None
