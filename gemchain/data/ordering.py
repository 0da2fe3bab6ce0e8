"""Sorting more lines than fit into memory: sorted pieces in temporary files, merged when they are read."""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

__all__ = ["Sorter"]

PIECE_BYTES = 32 << 20
"""Bytes of lines that are held in memory."""

_HEAD = struct.Struct(">qqI")
_Item = tuple[int, int, bytes]


class Sorter:
    """Lines under numbers, given back in the order of the numbers.

    Lines of one number come in the reverse of the order in which they were added, which suits a store that
    lists the newest first. The temporary files go with the block.

    Args:
        piece_bytes: `PIECE_BYTES` when None.
    """

    def __init__(self, piece_bytes: int | None = None) -> None:
        self._piece_bytes = piece_bytes or PIECE_BYTES
        self._files = ExitStack()
        self._pieces: list[IO[bytes]] = []
        self._items: list[_Item] = []
        self._size = self._added = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, number: int, line: bytes) -> None:
        """Add a line.

        Raises:
            OSError: The disk of the temporary files is full.
        """
        self._added += 1
        self._items.append((number, -self._added, line))
        self._size += len(line)
        if self._size >= self._piece_bytes:
            self._write()

    def _write(self) -> None:
        file = self._files.enter_context(tempfile.TemporaryFile(prefix="gemchain-sort-"))  # noqa: SIM115
        for number, added, line in sorted(self._items):
            file.write(_HEAD.pack(number, added, len(line)) + line)
        self._pieces.append(file)
        self._items, self._size = [], 0

    def __iter__(self) -> Iterator[bytes]:
        pieces = [_read(file) for file in self._pieces]
        for _, _, line in heapq.merge(*pieces, sorted(self._items)):
            yield line


def _read(file: IO[bytes]) -> Iterator[_Item]:
    file.seek(0)
    while head := file.read(_HEAD.size):
        number, added, size = _HEAD.unpack(head)
        yield number, added, file.read(size)
