"""The order in which transactions that contend for a document go on.

Clients retry an aborted transaction at once and give up after five attempts, trusting the service to
serve those who lost. So wherever a transaction has just been aborted, the emulator stops racing and
forms a line: a transaction that comes to such a topic waits until the older ones there are done. A retry
that names the attempt it retries keeps that attempt's age, and claims what it touched from the start.
Waits only go from younger to older, so no wait is circular, and writes outside transactions never
wait.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from gemchain.emulators.firestore.queries import Query

__all__ = ["Line", "query_topic", "write_topics"]

WAIT_SECONDS = 1.0
"""The longest wait; after it, the first to commit wins again."""

CONTENDED_SECONDS = 5.0
"""How long after an abort a topic keeps its line."""


class Member(Protocol):
    """What the line needs to know of a transaction."""

    place: tuple[int, int]
    claims: frozenset[str]
    touched: set[str]

    def expired(self, now: float) -> bool:
        """Whether it no longer counts."""


class Line:
    """The read-write transactions of one database, and the topics they contend for."""

    def __init__(self, lock: threading.RLock, now: Callable[[], float]) -> None:
        self._moved = threading.Condition(lock)
        self._now = now
        self._members: list[Member] = []
        self._contended: dict[str, float] = {}

    def join(self, member: Member) -> None:
        """Count a transaction in."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """Count a transaction out, and let those behind it look again."""
        if member in self._members:
            self._members.remove(member)
            self._moved.notify_all()

    def contend(self, member: Member) -> None:
        """Form a line at everything that an aborted transaction touched."""
        now = self._now()
        self._contended = {topic: until for topic, until in self._contended.items() if until > now}
        self._contended.update(dict.fromkeys(member.touched, now + CONTENDED_SECONDS))

    def wait(self, member: Member, topics: set[str]) -> None:
        """Wait until no older transaction is in line at one of these topics; the lock is free meanwhile."""
        self._moved.wait_for(lambda: not self._must_wait(member, topics), WAIT_SECONDS)

    def _must_wait(self, member: Member, topics: set[str]) -> bool:
        now = self._now()
        contended = {topic for topic in topics if self._contended.get(topic, 0.0) > now}
        return any(
            other.place < member.place
            and not (other.claims.isdisjoint(topics) and other.touched.isdisjoint(contended))
            and not other.expired(now)
            for other in self._members
        )


def query_topic(query: Query) -> str:
    """The topic of a query: the collection, or the group of collections, it reads."""
    if query.all_descendants or not query.collection_id:
        return f"**/{query.collection_id}"
    return "/".join((*query.parent, query.collection_id))


def write_topics(name: str, root: str) -> set[str]:
    """The topics that a write to a document meets."""
    path = name[len(root) + 1 :].rpartition("/")[0]
    return {name, path, f"**/{path.rpartition('/')[2]}", "**/"}
