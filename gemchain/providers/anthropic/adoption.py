"""Which batch of the service is that of a batch of ours, when nobody wrote its id down.

A batch of the service has no name and no metadata, and its custom_ids can be read only once it has ended
(https://docs.claude.com/en/api/retrieving-message-batch-results). So one that is still running and that may
be ours is neither adopted nor ruled out: the answer is "ask later", and nothing is created meanwhile. See
`docs/decisions/0027-batches-without-a-name.md`.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from gemchain.providers.anthropic.rows import batch_named
from gemchain.providers.hosted import LISTING_LAG
from gemchain.records import Batch

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types.messages import MessageBatch

__all__ = ["PAGE", "Ownership", "has_ended", "requests_in"]

PAGE = 100
SKEW = timedelta(minutes=5)
"""How much the clock of the service and that of the store may differ."""

LAG = timedelta(seconds=LISTING_LAG)


def has_ended(found: "MessageBatch") -> bool:
    """Whether a batch of the service is over, whatever words for its state are to come."""
    return found.processing_status == "ended" or found.ended_at is not None


def requests_in(found: "MessageBatch") -> int:
    """How many requests it has. The sum holds at any time; while it runs, all of them are `processing`."""
    counts = found.request_counts
    return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired


class Ownership:
    """What this process knows of whose the batches of the service are.

    It forgets all of it when it ends, and nothing depends on it: it only saves questions, and saves waiting
    for the end of a batch that is known to be another's.

    Args:
        client: Opens the client.
    """

    def __init__(self, client: Callable[[], "Anthropic"]) -> None:
        self._client = client
        self._batch_of: dict[str, str] = {}

    def learn(self, job: str, batch_id: str) -> None:
        """Note that a batch of the service was made for this batch."""
        self._batch_of[job] = batch_id

    def sort(self, batch: Batch) -> tuple[list["MessageBatch"], list["MessageBatch"]]:
        """Those that are this batch's, the oldest first, and those of which only their end will tell."""
        ours, undecided = [], []
        for found in reversed(list(self._possible(batch))):
            owner = self._owner(found, batch)
            if owner == batch.id:
                ours.append(found)
            elif owner is None:
                undecided.append(found)
        return ours, undecided

    def _possible(self, batch: Batch) -> Iterator["MessageBatch"]:
        """Those made at a time at which this batch may have asked for one, the newest first."""
        first = batch.created_at - SKEW
        last = batch.create_at + LAG + SKEW if batch.create_at else None
        for found in self._client().messages.batches.list(limit=PAGE):
            if found.created_at < first:
                return
            if last is None or found.created_at <= last:
                yield found

    def _owner(self, found: "MessageBatch", batch: Batch) -> str | None:
        """The batch of ours that it belongs to; empty for none, None when only its end will tell."""
        known = self._batch_of.get(found.id)
        if known is not None:
            return known
        if requests_in(found) != batch.requests:
            return ""
        if not has_ended(found):
            return None
        owner = self._read_owner(found)
        self.learn(found.id, owner)
        return owner

    def _read_owner(self, found: "MessageBatch") -> str:
        """The batch that its results name. One whose results are gone is nobody's: they cannot be had."""
        from anthropic import NotFoundError

        if not found.results_url:
            return ""
        results = self._client().messages.batches.with_streaming_response.results
        try:
            with results(found.id) as response:
                return next(filter(None, map(batch_named, map(str.encode, response.iter_lines()))), "")
        except NotFoundError:
            return ""
