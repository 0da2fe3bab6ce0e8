"""Failures grouped by fingerprint: reason, class of the error, message without details, function."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from gemchain.cli.output.fingerprints import normalised
from gemchain.cli.output.raised import Place, raised_at
from gemchain.ports import Store
from gemchain.records import Chain, Failure, Prompt
from gemchain.records.states import ChainState, PromptState

__all__ = ["MOST_READ", "Group", "by_fingerprint", "failed_chains", "parked_prompts"]

MOST_READ = 10_000
"""Parked or failed records that are read for their reasons."""

PAGE = 500

_UNKNOWN = Failure("unknown", "no reason was kept")
_RAISED = frozenset({"callback", "raised"})


class Group(NamedTuple):
    """Failures with one fingerprint.

    Attributes:
        error: The class of the exception; empty when nothing raised.
        message: The first line of the example's message.
        function: The function that raised, or that would have come next.
        place: Where it raised.
        since: The first that is known.
        example: The id of one of them.
    """

    reason: str
    error: str
    message: str
    function: str
    place: Place | None
    number: int
    since: datetime | None
    example: str


def parked_prompts(store: Store) -> list[Prompt]:
    """Up to `MOST_READ` PARKED prompts."""
    return store.list_prompts(state=PromptState.PARKED, limit=MOST_READ)


def failed_chains(store: Store) -> list[Chain]:
    """Up to `MOST_READ` FAILED chains, the newest first where the store can."""
    found: list[Chain] = []
    while len(found) < MOST_READ:
        after = found[-1].id if found else None
        page = store.list_chains(state=ChainState.FAILED, limit=PAGE, after=after)
        found += page
        if len(page) < PAGE:
            break
    return found


def by_fingerprint(records: Iterable[Prompt | Chain]) -> list[Group]:
    """One group for each fingerprint, the largest first."""
    groups: dict[tuple[str, str, str, str], list[tuple[Prompt | Chain, Failure]]] = defaultdict(list)
    for record in records:
        failure = (record.progress.failure if isinstance(record, Prompt) else record.failure) or _UNKNOWN
        groups[_fingerprint(record, failure)].append((record, failure))
    found = [_group(key, members) for key, members in groups.items()]
    return sorted(found, key=lambda each: -each.number)


def _fingerprint(record: Prompt | Chain, failure: Failure) -> tuple[str, str, str, str]:
    return failure.reason, _error(failure), normalised(failure.message), _function(record, failure)


def _error(failure: Failure) -> str:
    """The class of the exception: messages of what raised begin with it."""
    name, colon, _ = failure.message.partition(":")
    return name if failure.reason in _RAISED and colon and name.isidentifier() else ""


def _function(record: Prompt | Chain, failure: Failure) -> str:
    place = raised_at(failure.traceback)
    if place is not None:
        return place.function
    name = (record.callback or "") if isinstance(record, Prompt) else record.function
    return name.rpartition(":")[2].partition("@")[0]


def _group(key: tuple[str, str, str, str], members: list[tuple[Prompt | Chain, Failure]]) -> Group:
    record, failure = members[0]
    return Group(
        reason=key[0],
        error=key[1],
        message=failure.message.partition("\n")[0],
        function=key[3],
        place=raised_at(failure.traceback),
        number=len(members),
        since=min(_times(members), default=None),
        example=record.id,
    )


def _times(members: list[tuple[Prompt | Chain, Failure]]) -> Iterator[datetime]:
    for record, _ in members:
        at = record.progress.answered_at if isinstance(record, Prompt) else record.ended_at
        if at is not None:
            yield at
