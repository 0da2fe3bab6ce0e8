"""Choosing where to look for the documents of a query.

The answer is always a superset of what matches; `search` filters it again. What matters is that a
query with an equality touches only the documents that are equal, and that a limit stops the scan.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gemchain.emulators.firestore.filters import Both, Contains, Either, Filter, OneOf, Range
from gemchain.emulators.firestore.indexes import Bounds, Scope
from gemchain.emulators.firestore.ordering import TOP
from gemchain.emulators.firestore.paths import NAME, FieldPath
from gemchain.emulators.firestore.queries import Order, Query
from gemchain.emulators.firestore.records import Record
from gemchain.emulators.firestore.sorted_keys import Entry

__all__ = ["Plan", "plan"]


class Plan(NamedTuple):
    """Where to look.

    Attributes:
        records: Candidates, without duplicates.
        ordered: Whether they come in the order of the query.
    """

    records: Iterable[Record]
    ordered: bool


def plan(query: Query, scope: Scope) -> Plan:
    """Pick the cheapest way into a scope."""
    parts = _conjuncts(query.where)
    equality = next((part for part in parts if isinstance(part, OneOf) and part.path != NAME), None)
    if equality is not None and len(equality.keys) == 1 and _by_name(query.orders):
        return Plan(_one_value(query, scope, equality), ordered=True)
    for part in sorted(parts, key=lambda part: not isinstance(part, OneOf)):
        records = _bucket(part, scope)
        if records is not None:
            return Plan(records, ordered=False)
    return _ordered_scan(query, scope, parts)


def _conjuncts(where: Filter) -> list[Filter]:
    if not isinstance(where, Both):
        return [where]
    return [inner for part in where.filters for inner in _conjuncts(part)]


def _by_name(orders: tuple[Order, ...]) -> bool:
    return len(orders) == 1


def _one_value(query: Query, scope: Scope, part: OneOf) -> Iterator[Record]:
    (value,) = part.keys
    reverse = query.orders[0].descending
    low, high = _from_start(query, reverse=reverse)
    return scope.index(part.path).scan(((value, *low), (value, *high)), reverse=reverse)


def _from_start(query: Query, *, reverse: bool) -> Bounds:
    """The part of an index, in the query's own order, that the start cursor leaves."""
    keys: Entry = query.start.keys if query.start is not None else ()
    return ((), (*keys, TOP)) if reverse else (keys, (TOP,))


def _bucket(part: Filter, scope: Scope) -> Iterable[Record] | None:
    if isinstance(part, OneOf):
        return _values(scope, part)
    if isinstance(part, Contains):
        index = scope.index(part.path, contains=True)
        return dict.fromkeys(record for key in part.keys for record in index.equal(key))
    if isinstance(part, Either):
        return _union([_bucket_of_all(inner, scope) for inner in part.filters])
    return None


def _bucket_of_all(part: Filter, scope: Scope) -> Iterable[Record] | None:
    buckets = (_bucket(inner, scope) for inner in _conjuncts(part))
    return next((bucket for bucket in buckets if bucket is not None), None)


def _union(buckets: list[Iterable[Record] | None]) -> Iterable[Record] | None:
    found: dict[Record, None] = {}
    for bucket in buckets:
        if bucket is None:
            return None
        found.update(dict.fromkeys(bucket))
    return found


def _values(scope: Scope, part: OneOf) -> Iterator[Record]:
    index = scope.index(part.path)
    for key in part.keys:
        if part.path == NAME:
            yield from index.scan((((), key), ((), key, TOP)))
        else:
            yield from index.equal(key)


def _ordered_scan(query: Query, scope: Scope, parts: list[Filter]) -> Plan:
    """Walk the index of the first order; documents without that field cannot match anyway."""
    first, reverse = query.orders[0], query.orders[0].descending
    ranges = [part for part in parts if isinstance(part, Range) and part.path == first.path]
    prefix: Entry = ((),) if first.path == NAME else ()
    low, high = _narrow(first.path, ranges, prefix)
    ordered = len(query.orders) == 1 or (len(query.orders) == 2 and query.orders[1] == Order(NAME, reverse))  # noqa: PLR2004
    if ordered:
        begin, end = _from_start(query, reverse=reverse)
        low, high = max(low, (*prefix, *begin)), min(high, (*prefix, *end))
    return Plan(scope.index(first.path).scan((low, high), reverse=reverse), ordered)


def _narrow(path: FieldPath, ranges: list[Range], prefix: Entry) -> Bounds:
    """The entries that ranges on the scanned field leave, within the type they name."""
    low, high = prefix, (*prefix, TOP)
    for part in ranges:
        if part.is_lower:
            low = max(low, (*prefix, part.bound))
        else:
            high = min(high, (*prefix, part.bound, TOP))
        if path != NAME:
            kind = part.bound[0]
            low, high = max(low, ((kind,),)), min(high, ((kind, TOP), TOP))
    return low, high
