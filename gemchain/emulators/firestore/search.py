"""Running a query: candidates, filter, order, cursors, offset, limit."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from gemchain.emulators.firestore.indexes import Scope
from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.planner import plan
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.records import Record, Version

__all__ = ["Match", "Matches", "search"]


class Match(NamedTuple):
    """A document of a result, in the version that was read."""

    record: Record
    version: Version

    @property
    def document(self) -> Message:
        """The stored document; do not change it."""
        return self.version.document


class Matches(NamedTuple):
    """A result.

    Attributes:
        found: The documents, in order.
        skipped: How many the offset left out.
    """

    found: list[Match]
    skipped: int


def search(query: Query, scope: Scope, changed: Collection[Record] = (), at_us: int = 0) -> Matches:
    """Run a query over a scope.

    Args:
        query: What to look for.
        scope: Where, as things stand now.
        changed: Records that have changed since `at_us`: they are read as they stood then.
        at_us: The read time; without changed records, now is then.
    """
    candidates = plan(query, scope)
    if changed:
        rows: Iterable[Match] = _as_of(query, candidates.records, changed, at_us)
    else:
        rows = (Match(record, record.head) for record in candidates.records)
    matching: Iterable[Match] = (row for row in rows if query.selects(row.record) and _matches(query, row))
    if changed or not candidates.ordered:
        matching = _sorted(query, list(matching))
    return _window(query, matching)


def _matches(query: Query, row: Match) -> bool:
    return query.where.matches(row.record.key, row.document)


def _as_of(query: Query, now: Iterable[Record], changed: Collection[Record], at_us: int) -> Iterator[Match]:
    for record in now:
        if record not in changed:
            yield Match(record, record.head)
    for record in changed:
        version = record.at(at_us)
        if version.document is not None and query.selects(record):
            yield Match(record, version)


def _sorted(query: Query, rows: list[Match]) -> list[Match]:
    """Sort by one field after another, the last first: Python's sort keeps what it finds equal."""
    positions = {row.record: query.position(row.record.key, row.document) for row in rows}
    for at in reversed(range(len(query.orders))):
        rows.sort(key=lambda row: positions[row.record][at], reverse=query.orders[at].descending)
    return rows


def _window(query: Query, rows: Iterable[Match]) -> Matches:
    """Cut a sorted stream to what lies between the cursors, past the offset and within the limit."""
    found: list[Match] = []
    skipped = 0
    cursors = query.start is not None or query.end is not None
    for row in rows:
        if query.limit is not None and len(found) >= query.limit:
            break
        if cursors:
            position = query.position(row.record.key, row.document)
            if not query.starts(position):
                continue
            if query.ended(position):
                break
        if skipped < query.offset:
            skipped += 1
        else:
            found.append(row)
    return Matches(found, skipped)
