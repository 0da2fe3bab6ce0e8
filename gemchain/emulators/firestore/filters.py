"""The filters of a query, as small objects that say whether a document matches.

Semantics: https://docs.cloud.google.com/firestore/docs/query-data/queries. Every filter on a field
demands that the field is there; null matches nothing but `== null` and `in`; a range only matches values
of the type it names.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.ordering import NULL, SortKey, sort_key
from gemchain.emulators.firestore.paths import NAME, FieldPath, NameKey
from gemchain.emulators.firestore.values import lookup

__all__ = ["Both", "Contains", "Differs", "Either", "Filter", "OneOf", "Range", "Requires", "field_key"]


class Filter(Protocol):
    """What a query asks of each document."""

    def matches(self, key: NameKey, document: Message) -> bool:
        """Whether the document with this name key matches."""


def field_key(path: FieldPath, key: NameKey, document: Message) -> SortKey | None:
    """The sort key of a field, None where the document lacks it; `__name__` is the name key."""
    if path == NAME:
        return key
    value = lookup(document.fields, path)
    return None if value is None else sort_key(value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """`==`, `in`, IS_NULL and IS_NAN."""

    path: FieldPath
    keys: frozenset[SortKey]

    def matches(self, key: NameKey, document: Message) -> bool:
        """The field equals one of the keys."""
        return field_key(self.path, key, document) in self.keys


@dataclass(frozen=True, slots=True)
class Differs:
    """`!=`, `not-in`, IS_NOT_NULL and IS_NOT_NAN."""

    path: FieldPath
    keys: frozenset[SortKey]

    def matches(self, key: NameKey, document: Message) -> bool:
        """The field is there, not null, and equals none of the keys; nothing is unlike null in a list."""
        found = field_key(self.path, key, document)
        return found is not None and found != NULL and found not in self.keys


Comparison: TypeAlias = Callable[[SortKey, SortKey], bool]


@dataclass(frozen=True, slots=True)
class Range:
    """`<`, `<=`, `>` and `>=`."""

    path: FieldPath
    compare: Comparison
    bound: SortKey

    def matches(self, key: NameKey, document: Message) -> bool:
        """The field has the type of the bound and compares as asked."""
        found = field_key(self.path, key, document)
        if found is None or (self.path != NAME and found[0] != self.bound[0]):
            return False
        return self.compare(found, self.bound)

    @property
    def is_lower(self) -> bool:
        """Whether it bounds the field from below."""
        return self.compare in {operator.gt, operator.ge}


@dataclass(frozen=True, slots=True)
class Contains:
    """`array-contains` and `array-contains-any`."""

    path: FieldPath
    keys: frozenset[SortKey]

    def matches(self, _: NameKey, document: Message) -> bool:
        """The field is an array with an element that equals one of the keys."""
        value = lookup(document.fields, self.path)
        return value is not None and any(sort_key(item) in self.keys for item in value.array_value.values)


@dataclass(frozen=True, slots=True)
class Requires:
    """The fields a query orders by, or aggregates: documents without them are not in its index."""

    paths: tuple[FieldPath, ...]

    def matches(self, _: NameKey, document: Message) -> bool:
        """Every field is there."""
        return all(path == NAME or lookup(document.fields, path) is not None for path in self.paths)


@dataclass(frozen=True, slots=True)
class Both:
    """AND."""

    filters: tuple[Filter, ...]

    def matches(self, key: NameKey, document: Message) -> bool:
        """All filters match."""
        return all(part.matches(key, document) for part in self.filters)


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    filters: tuple[Filter, ...]

    def matches(self, key: NameKey, document: Message) -> bool:
        """At least one filter matches."""
        return any(part.matches(key, document) for part in self.filters)
