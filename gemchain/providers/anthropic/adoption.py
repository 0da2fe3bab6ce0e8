"""Which batch of the service is that of a batch of ours, when nobody wrote its id down.

A batch of the service has no name and no metadata, and its custom_ids can be read only once it has ended:
https://platform.claude.com/docs/en/api/retrieving-message-batch-results

So one that is still running and that may be ours is neither adopted nor ruled out: the answer is "ask later",
and nothing is created meanwhile. See `docs/decisions/0027-batches-without-a-name.md`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gemchain.errors import ProviderUnavailableError
from gemchain.providers.anthropic.rows import batch_named
from gemchain.providers.hosted import LISTING_LAG
from gemchain.records import Batch

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.pagination import SyncPage
    from anthropic.types.messages import MessageBatch

__all__ = ["PAGE", "Ownership", "checked", "has_ended", "requests_in", "understood"]

PAGE = 100
SKEW = timedelta(minutes=5)
"""How much the clock of the service and that of the store may differ."""

LAG = timedelta(seconds=LISTING_LAG)


def understood(found: Any) -> bool:
    """Whether an answer is a batch. The library hands out whatever came, also the page of a proxy."""
    from anthropic.types.messages import MessageBatch, MessageBatchRequestCounts

    return (
        isinstance(found, MessageBatch)
        and isinstance(found.id, str)
        and bool(found.id)
        and isinstance(found.created_at, datetime)
        and isinstance(found.processing_status, str)
        and isinstance(found.request_counts, MessageBatchRequestCounts)
        and all(type(number) is int for number in vars(found.request_counts).values())
    )


def checked(found: "MessageBatch") -> "MessageBatch":
    """The batch, if it is one.

    Raises:
        ProviderUnavailableError: It is something else.
    """
    if not understood(found):
        raise ProviderUnavailableError(f"Anthropic sent no batch but {str(found)[:100]!r}")
    return found


def has_ended(found: "MessageBatch") -> bool:
    """Whether a batch of the service is over, whatever words for its state are to come."""
    return found.processing_status == "ended" or found.ended_at is not None


def requests_in(found: "MessageBatch") -> int:
    """How many requests it has. The sum holds at any time; while it runs, all of them are `processing`."""
    return sum(number for number in found.request_counts.to_dict().values() if type(number) is int)


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
        for found in self._listed():
            if found.created_at < first:
                return
            if last is None or found.created_at <= last:
                yield found

    def _listed(self) -> Iterator["MessageBatch"]:
        """All batches, the newest first.

        Raises:
            ProviderUnavailableError: The service sent no list. An empty one would say that there is none.
        """
        page = _page(partial(self._client().messages.batches.list, limit=PAGE))
        while True:
            yield from map(checked, page.data)
            if not page.has_more:
                return
            page = _page(page.get_next_page)

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


def _page(call: Callable[[], "SyncPage[MessageBatch]"]) -> "SyncPage[MessageBatch]":
    """A page of the list, if it is one.

    Raises:
        ProviderUnavailableError: It is something else.
    """
    try:
        page = call()
        is_page = isinstance(page.data, list) and isinstance(page.has_more, bool)
    except AttributeError as error:  # the library's own, at an answer that is no object
        raise ProviderUnavailableError("Anthropic sent no list of batches") from error
    if not is_page:
        raise ProviderUnavailableError(f"Anthropic sent no list of batches but {str(page)[:100]!r}")
    return page
