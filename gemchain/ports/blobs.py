"""The port for files."""

import builtins
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

__all__ = ["BlobInfo", "BlobWriter", "Blobs"]


class BlobInfo(NamedTuple):
    """An object as it stands: its address, the generation of its content, and its size in bytes."""

    uri: str
    generation: int
    size: int


class BlobWriter(Protocol):
    """Takes the bytes of an object that is being written."""

    def write(self, data: bytes, /) -> int:
        """Append `data`."""


class Blobs(Protocol):
    """Keeps files. Names are relative (`batches/b1/input.jsonl`), addresses absolute (`gs://…`, `file://…`).

    Every method may raise `BlobError`. Reading what is not there raises `BlobNotFoundError`. Whatever lies
    elsewhere than names lead is not there: addresses come from records, which others may have written.
    """

    def uri(self, name: str) -> str:
        """The address of a name.

        Raises:
            BlobError: The name is empty, absolute, or leads out of the root.
        """

    def writer(self, name: str) -> AbstractContextManager[BlobWriter]:
        """Write an object as a stream.

        The object appears whole when the block ends without an error, and not at all otherwise. An
        object of that name is replaced. Memory does not grow with the size.
        """

    def put(self, name: str, data: bytes, *, if_absent: bool = False) -> BlobInfo:
        """Write a small object whole.

        With `if_absent`, an existing object is left as it is and its info is returned, where the
        service honours that; correctness must not rest on it.
        """

    def upload_many(self, pairs: Sequence[tuple[Path, str]]) -> builtins.list[BlobInfo]:
        """Copy local files to objects of these names, several at once where that is quicker.

        Every object appears whole or not at all. All pairs are tried before an error is raised.

        Returns:
            One info for each pair, in their order.

        Raises:
            BlobError: A file could not be read or an object not written; the first of these errors.
        """

    def stat(self, uri: str) -> BlobInfo | None:
        """What is there now; None when nothing is."""

    def read(
        self, uri: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """The bytes from `start` up to, not including, `end` (None: to the object's end).

        A range that begins behind the end is empty. With `generation`, never another generation's bytes.
        """

    def stream(
        self, uri: str, *, generation: int | None = None, start: int = 0, chunk: int = 1 << 20
    ) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of about `chunk` bytes. Memory does not grow with the size."""

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects whose name starts with `prefix`, by name. Unfinished ones are not shown.

        `prefix` may also be the beginning of an address, such as the folder that a provider wrote to.
        """

    def delete(self, uri: str) -> None:
        """Remove an object; nothing happens when there is none."""
