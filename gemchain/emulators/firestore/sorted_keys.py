"""A sorted collection of tuples that stays quick at hundreds of thousands of entries."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeAlias

__all__ = ["Entry", "SortedKeys"]

Entry: TypeAlias = tuple[Any, ...]

_CHUNK = 512


class SortedKeys:
    """Distinct tuples in order, kept in chunks so that no change moves more than one chunk.

    Adding and removing cost two binary searches; a range costs two more and then its length.
    """

    __slots__ = ("_chunks", "_lasts")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        ordered = sorted(entries)
        self._chunks = [ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def add(self, entry: Entry) -> None:
        """Insert an entry that is not there yet."""
        if not self._chunks:
            self._chunks, self._lasts = [[entry]], [entry]
            return
        at = min(bisect_left(self._lasts, entry), len(self._chunks) - 1)
        chunk = self._chunks[at]
        insort(chunk, entry)
        if len(chunk) > 2 * _CHUNK:
            self._split(at)
        else:
            self._lasts[at] = chunk[-1]

    def remove(self, entry: Entry) -> None:
        """Delete an entry that is there.

        Raises:
            KeyError: It is not.
        """
        at = bisect_left(self._lasts, entry)
        chunk = self._chunks[at] if at < len(self._chunks) else []
        inner = bisect_left(chunk, entry)
        if inner == len(chunk) or chunk[inner] != entry:
            raise KeyError(entry)
        del chunk[inner]
        if chunk:
            self._lasts[at] = chunk[-1]
        else:
            del self._chunks[at], self._lasts[at]

    def between(self, low: Entry, high: Entry, *, reverse: bool = False) -> Iterator[Entry]:
        """Entries with `low <= entry < high`, in order or backwards."""
        first, first_inner = self._position(low)
        last, last_inner = self._position(high)
        return (
            self._backward(first, first_inner, last, last_inner)
            if reverse
            else (self._forward(first, first_inner, last, last_inner))
        )

    def _position(self, entry: Entry) -> tuple[int, int]:
        at = bisect_left(self._lasts, entry)
        return at, bisect_left(self._chunks[at], entry) if at < len(self._chunks) else 0

    def _forward(self, first: int, first_inner: int, last: int, last_inner: int) -> Iterator[Entry]:
        if first > last:
            return iter(())
        if first == last:
            return islice(self._chunks[first], first_inner, last_inner) if last_inner else iter(())
        tail = self._chunks[last][:last_inner] if last < len(self._chunks) else []
        middle = chain.from_iterable(self._chunks[at] for at in range(first + 1, last))
        return chain(islice(self._chunks[first], first_inner, None), middle, tail)

    def _backward(self, first: int, first_inner: int, last: int, last_inner: int) -> Iterator[Entry]:
        if first > last:
            return iter(())
        if first == last:
            return reversed(self._chunks[first][first_inner:last_inner]) if last_inner else iter(())
        tail = self._chunks[last][:last_inner] if last < len(self._chunks) else []
        middle = chain.from_iterable(reversed(self._chunks[at]) for at in range(last - 1, first, -1))
        return chain(reversed(tail), middle, reversed(self._chunks[first][first_inner:]))

    def _split(self, at: int) -> None:
        chunk = self._chunks[at]
        self._chunks[at : at + 1] = [chunk[:_CHUNK], chunk[_CHUNK:]]
        self._lasts[at : at + 1] = [chunk[_CHUNK - 1], chunk[-1]]
