"""Queues: one for each owner, lane, provider and model."""

import re
from datetime import datetime
from typing import NamedTuple

__all__ = ["QueueStatus", "checked_owner", "queue_name", "queue_names", "queue_owner"]

_OWNER = re.compile(r"[\w.-]{1,100}")


def checked_owner(text: str) -> str:
    """The name of an owner: letters, digits, `_`, `-` and `.`, at most 100; or empty.

    Raises:
        ValueError: It is something else.
    """
    if text and not _OWNER.fullmatch(text):
        raise ValueError(f"an owner's name has letters, digits, '_', '-' and '.', at most 100, not {text!r}")
    return text


def queue_name(lane: str, provider: str, model: str, owner: str = "") -> str:
    """The queue of one provider and model in one lane.

    It is `lane/provider:model`, and `lane@owner/provider:model` where the prompts belong to an owner.
    """
    return f"{lane}@{owner}/{provider}:{model}" if owner else f"{lane}/{provider}:{model}"


def queue_names(queue: str) -> tuple[str, str, str]:
    """Lane, provider and model of a queue."""
    place, _, rest = queue.partition("/")
    provider, _, model = rest.partition(":")
    return place.partition("@")[0], provider, model


def queue_owner(queue: str) -> str:
    """Whose prompts wait in a queue; empty for those that every process may send."""
    return queue.partition("/")[0].partition("@")[2]


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
