"""Single-field indexes over one collection or collection group, built when first asked for.

A `Scope` is what a query selects from: a collection, all collections of one id, or the whole
database. Its indexes hold `(value key, name key, record)` and follow every commit from then on.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from gemchain.emulators.firestore.messages import Message
from gemchain.emulators.firestore.ordering import TOP, SortKey, sort_key
from gemchain.emulators.firestore.paths import NAME, FieldPath, NameKey
from gemchain.emulators.firestore.records import Record
from gemchain.emulators.firestore.sorted_keys import Entry, SortedKeys
from gemchain.emulators.firestore.values import lookup

__all__ = ["Bounds", "FieldIndex", "Scope"]

Bounds: TypeAlias = tuple[Entry, Entry]
"""Lowest entry and first entry beyond: a half-open range of an index."""


class FieldIndex:
    """The documents of a scope by the value of one field; those without the field are not in it.

    Attributes:
        path: The field; `__name__` indexes every document under one and the same value.
        contains: Index the elements of an array instead of the value.
    """

    def __init__(self, path: FieldPath, *, contains: bool, records: Iterator[Record]) -> None:
        self.path = path
        self.contains = contains
        self._entries = SortedKeys(
            (key, record.key, record) for record in records for key in self._keys(record.head.document)
        )

    def change(self, record: Record, before: Message | None, after: Message | None) -> None:
        """Follow one document from `before` to `after`."""
        old, new = self._keys(before), self._keys(after)
        if old == new:
            return
        for key in old:
            self._entries.remove((key, record.key, record))
        for key in new:
            self._entries.add((key, record.key, record))

    def scan(self, bounds: Bounds, *, reverse: bool = False) -> Iterator[Record]:
        """Records within bounds, by value and then by name."""
        for _, _, record in self._entries.between(*bounds, reverse=reverse):
            yield record

    def equal(
        self, key: SortKey, low: NameKey = (), *, high: NameKey = TOP, reverse: bool = False
    ) -> Iterator[Record]:
        """Records whose value is `key`, with `low <= name < high`, by name."""
        return self.scan(((key, low), (key, high)), reverse=reverse)

    def _keys(self, document: Message | None) -> list[SortKey]:
        if document is None:
            return []
        if self.path == NAME:
            return [()]
        value = lookup(document.fields, self.path)
        if value is None:
            return []
        if not self.contains:
            return [sort_key(value)]
        return sorted({sort_key(item) for item in value.array_value.values})


class Scope:
    """The existing documents that one kind of query selects from."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = dict.fromkeys(records)
        self._indexes: dict[tuple[FieldPath, bool], FieldIndex] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def index(self, path: FieldPath, *, contains: bool = False) -> FieldIndex:
        """The index of a field, built now if this is the first query that wants it."""
        index = self._indexes.get((path, contains))
        if index is None:
            index = FieldIndex(path, contains=contains, records=iter(self._records))
            self._indexes[path, contains] = index
        return index

    def change(self, record: Record, before: Message | None, after: Message | None) -> None:
        """Follow one document from `before` to `after`."""
        if after is None:
            self._records.pop(record, None)
        elif before is None:
            self._records[record] = None
        for index in self._indexes.values():
            index.change(record, before, after)
