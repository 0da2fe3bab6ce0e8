"""Cloud Storage as the service sees it: any bucket, by address.

`STORAGE_EMULATOR_HOST` leads to an emulator of it.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from gemchain.errors import ConfigurationError, MissingExtraError

__all__ = ["CloudStorage", "Storage"]

CHUNK = 4 << 20


class Storage(Protocol):
    """Where the service reads its input and writes its output, by address."""

    def size(self, uri: str) -> int | None:
        """Bytes of an object; None when there is none."""

    def expand(self, uri: str) -> list[str]:
        """The objects that an address with a wildcard stands for."""

    def has_bucket(self, uri: str) -> bool:
        """Whether the bucket of an address exists."""

    def read(self, uri: str) -> Iterator[bytes]:
        """The object's bytes, in pieces."""

    def write(self, uri: str, pieces: Iterable[bytes]) -> None:
        """Make an object; it appears whole."""


class CloudStorage:
    """Storage through google-cloud-storage.

    Raises:
        MissingExtraError: The library is not installed.
        ConfigurationError: There is neither an emulator nor a login.
    """

    def __init__(self) -> None:
        try:
            from google.api_core.exceptions import NotFound
            from google.auth.exceptions import DefaultCredentialsError
            from google.cloud import storage
        except ImportError as error:
            raise MissingExtraError("the Vertex stand-in", "gemini") from error
        self._storage = storage
        self._missing = NotFound
        try:
            self._client = storage.Client(project="emulated")
        except DefaultCredentialsError as error:
            raise ConfigurationError(
                "the stand-in reads and writes Cloud Storage: set STORAGE_EMULATOR_HOST to the address of an "
                "emulator of it, such as the one that `gemchain dev` starts"
            ) from error

    def size(self, uri: str) -> int | None:
        """Bytes of an object; None when there is none."""
        bucket, name = _split(uri)
        blob = self._client.bucket(bucket).get_blob(name) if name else None
        return None if blob is None else blob.size

    def expand(self, uri: str) -> list[str]:
        """The objects that an address with a wildcard stands for; only the last part may have one."""
        if "*" not in uri:
            return [uri]
        bucket, pattern = _split(uri)
        head, _, tail = pattern.partition("*")
        names = (blob.name for blob in self._client.list_blobs(bucket, prefix=head))
        return [
            f"gs://{bucket}/{name}" for name in names if name.endswith(tail) and "/" not in name[len(head) :]
        ]

    def has_bucket(self, uri: str) -> bool:
        """Whether the bucket of an address exists."""
        # By its objects: the Firebase emulator knows no buckets apart from what is in them.
        try:
            next(iter(self._client.list_blobs(_split(uri)[0], max_results=1)), None)
        except self._missing:
            return False
        return True

    def read(self, uri: str) -> Iterator[bytes]:
        """The object's bytes, in pieces."""
        bucket, name = _split(uri)
        # Never behind the end, where the Firebase emulator goes on answering instead of refusing.
        blob = self._client.bucket(bucket).get_blob(name)
        for start in range(0, blob.size if blob else 0, CHUNK):
            yield blob.download_as_bytes(start=start, end=min(start + CHUNK, blob.size) - 1)

    def write(self, uri: str, pieces: Iterable[bytes]) -> None:
        """Make an object; it appears whole."""
        # Emulators of Cloud Storage stumble over uploads in chunks, so the file goes through the disk in one.
        import tempfile

        bucket, name = _split(uri)
        with tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(piece)
            size = file.tell()
            file.seek(0)
            blob = self._client.bucket(bucket).blob(name, chunk_size=None)
            blob.upload_from_file(file, size=size, content_type="application/octet-stream")


def _split(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name
