"""Files that are kept nowhere, under the addresses that they would have: for rehearsals."""

import builtins
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gemchain.blobs.names import check_name
from gemchain.errors import BlobNotFoundError
from gemchain.ports import BlobInfo, BlobWriter

__all__ = ["DiscardingBlobs"]


class DiscardingBlobs:
    """Takes every object and keeps none. The real files are not read, and no service is asked.

    Args:
        root: The address below which the real files lie, such as `gs://bucket/prefix`.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    def uri(self, name: str) -> str:
        """The address that a name has in the real files; see `Blobs.uri`."""
        return f"{self._root}/{check_name(name)}"

    @contextmanager
    def writer(self, name: str) -> Iterator[BlobWriter]:
        """Drop what is written; see `Blobs.writer`."""
        self.uri(name)
        yield _Nowhere()

    def put(self, name: str, data: bytes, *, if_absent: bool = False) -> BlobInfo:
        """Drop an object; see `Blobs.put`."""
        del if_absent
        return BlobInfo(self.uri(name), 1, len(data))

    def upload_many(self, pairs: Sequence[tuple[Path, str]]) -> builtins.list[BlobInfo]:
        """The files as they would be after an upload; see `Blobs.upload_many`."""
        return [BlobInfo(self.uri(name), 1, path.stat().st_size) for path, name in pairs]

    def stat(self, uri: str) -> BlobInfo | None:
        """None: there is nothing; see `Blobs.stat`."""
        del uri
        return None

    def read(
        self, uri: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """Raises: there is nothing; see `Blobs.read`."""
        del generation, start, end
        raise _absent(uri)

    def stream(
        self, uri: str, *, generation: int | None = None, start: int = 0, chunk: int = 1 << 20
    ) -> Iterator[bytes]:
        """Raises: there is nothing; see `Blobs.stream`."""
        del generation, start, chunk
        raise _absent(uri)

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Nothing; see `Blobs.list`."""
        del prefix
        return iter(())

    def delete(self, uri: str) -> None:
        """Nothing happens; see `Blobs.delete`."""


class _Nowhere(io.RawIOBase):
    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        return len(data)


def _absent(uri: str) -> BlobNotFoundError:
    return BlobNotFoundError(f"there is no object {uri!r}: a rehearsal keeps no files")
