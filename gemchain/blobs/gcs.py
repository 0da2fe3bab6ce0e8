"""Objects in a bucket of Cloud Storage: the `Blobs` port for more than one machine.

An object is there when its upload is finished, and never in part: the service sees to that. A
killed process leaves at most an upload session, which is never listed and which the service drops
after a week. Retries are the library's own; every call here can be repeated.

`STORAGE_EMULATOR_HOST` (as `http://HOST:PORT`) leads to an emulator instead, without credentials.
The Firebase one ignores generations and preconditions and finishes a resumable upload with its
first chunk: so objects are sent to an emulator whole, and nothing above relies on preconditions.
"""

import builtins
import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gemchain.blobs.gcs_upload import CONTENT_TYPE, Upload
from gemchain.blobs.names import check_name, check_prefix
from gemchain.errors import BlobError, BlobNotFoundError, ConfigurationError, MissingExtraError
from gemchain.ports import BlobInfo, BlobWriter

try:
    from google.api_core.exceptions import PreconditionFailed, RequestRangeNotSatisfiable
    from google.cloud import storage
    from google.cloud.storage import transfer_manager
    from google.cloud.storage.retry import DEFAULT_RETRY

    from gemchain.blobs.gcs_errors import no_bucket, refusals, translated
except ImportError as error:
    raise MissingExtraError("Cloud Storage", "gemini") from error

__all__ = ["GcsBlobs"]

SCHEME = "gs://"
QUANTUM = 256 * 1024
"""A chunk is a multiple of it: https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload"""
CHUNK_BYTES = 8 << 20
EMULATOR_WHOLE_BYTES = 100 << 20
"""The library's own chunk; the Firebase emulator takes 130 MB in one request."""
READ_GROWTH = 8
"""A stream asks for so many times the chunk at once, in the end: a request costs tens of milliseconds."""
CONNECTIONS = 8


class GcsBlobs:
    """Objects of one bucket, named below a prefix.

    What lies beside the prefix is not there, as far as these files go: addresses come from records too, and
    the bucket may hold other owners' objects.

    Args:
        bucket: Name of the bucket, which exists.
        prefix: Put before every name, with a slash between.
        chunk_bytes: Bytes in one request of an upload; a multiple of 256 KiB.
        whole_bytes: Objects up to this size are held in memory and sent in one request. By default
            `chunk_bytes`, and 100 MiB on an emulator.
        retry_seconds: How long a call is repeated that may work later.

    Raises:
        BlobError: There are no credentials.
        ConfigurationError: The bucket, the prefix or a size cannot be.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        chunk_bytes: int = CHUNK_BYTES,
        whole_bytes: int | None = None,
        retry_seconds: float = 120.0,
    ) -> None:
        if chunk_bytes < QUANTUM or chunk_bytes % QUANTUM:
            raise ConfigurationError(f"chunk_bytes is a multiple of {QUANTUM}, not {chunk_bytes}")
        self._root = f"{SCHEME}{_bucket_name(bucket)}/"
        self._folder = _folder(prefix)
        self._home = self._root + self._folder
        self._chunk_bytes = chunk_bytes
        self._whole_bytes = whole_bytes or (EMULATOR_WHOLE_BYTES if _emulated() else chunk_bytes)
        self._retry = DEFAULT_RETRY.with_timeout(retry_seconds)
        with refusals(self._root):
            client = storage.Client(project=None)
        # For traces that were not asked for it would look at the bucket, in threads of its own.
        client._bucket_metadata_cache = None  # noqa: SLF001
        self._bucket = client.bucket(bucket)
        self._bucket_seen = False

    @classmethod
    def from_address(cls, address: str) -> "GcsBlobs":
        """The storage at `gs://bucket/prefix`.

        Raises:
            BlobError: There are no credentials.
            ConfigurationError: It is no such address.
        """
        if not address.startswith(SCHEME):
            raise ConfigurationError(
                f"{address!r} is no address of Cloud Storage such as 'gs://bucket/prefix'"
            )
        bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        return cls(bucket, prefix)

    def uri(self, name: str) -> str:
        """The address of a name; see `Blobs.uri`."""
        return self._home + check_name(name)

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[BlobWriter]:
        """Write an object as a stream; see `Blobs.writer`. Holds `whole_bytes` or a few chunks in memory."""
        uri = self.uri(name)
        upload = Upload(
            self._blob(uri),
            functools.partial(self._asking, uri, writing=True),
            chunk_bytes=self._chunk_bytes,
            whole_bytes=self._whole_bytes,
            retry=self._retry,
        )
        try:
            yield upload
            upload.finish()
        finally:
            upload.discard()

    def put(self, name: str, data: bytes, *, if_absent: bool = False) -> BlobInfo:
        """Write a small object whole; see `Blobs.put`. Emulators may not honour `if_absent`."""
        uri = self.uri(name)
        blob = self._blob(uri)
        info = None
        while info is None:
            try:
                with self._asking(uri, writing=True):
                    blob.upload_from_string(
                        data, CONTENT_TYPE, if_generation_match=0 if if_absent else None, retry=self._retry
                    )
                    info = BlobInfo(uri, blob.generation, blob.size)
            except PreconditionFailed:
                info = self.stat(uri)  # None when it was deleted meanwhile: then there is room again
        return info

    def upload_many(self, pairs: Sequence[tuple[Path, str]]) -> builtins.list[BlobInfo]:
        """Copy files to objects, in eight threads; see `Blobs.upload_many`."""
        blobs: builtins.list[tuple[str, Any]] = []
        errors: builtins.list[BlobError] = []
        for source, name in pairs:
            try:
                blobs.append((str(source), self._blob(self.uri(name))))
            except BlobError as error:
                errors.append(error)
        ends = transfer_manager.upload_many(
            blobs,
            upload_kwargs={"retry": self._retry},
            worker_type=transfer_manager.THREAD,
            max_workers=CONNECTIONS,
        )
        errors += [self._failed_copy(*pair, end) for pair, end in zip(blobs, ends, strict=True) if end]
        if errors:
            raise errors[0]
        return [BlobInfo(self._root + blob.name, blob.generation, blob.size) for _, blob in blobs]

    def stat(self, uri: str) -> BlobInfo | None:
        """What is there now; see `Blobs.stat`."""
        blob = self._blob(uri)
        try:
            with self._asking(uri):
                blob.reload(retry=self._retry)
        except BlobNotFoundError:
            return None
        return BlobInfo(uri, blob.generation, blob.size)

    def read(
        self, uri: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """The bytes of a range; see `Blobs.read`."""
        blob = self._blob(uri, generation)
        with self._asking(uri):
            if end is not None and end <= start:
                blob.reload(retry=self._retry)
                return b""
            try:
                data: bytes = blob.download_as_bytes(
                    start=start or None,
                    end=None if end is None else end - 1,
                    raw_download=True,  # as stored: an object marked as gzip would change its length
                    retry=self._retry,
                )
            except RequestRangeNotSatisfiable:
                return b""
        return data

    def stream(
        self, uri: str, *, generation: int | None = None, start: int = 0, chunk: int = 1 << 20
    ) -> Iterator[bytes]:
        """The bytes from `start` on, of one generation; see `Blobs.stream`.

        Requests grow up to eight chunks, so a reader that stops early has asked for little too much.
        """
        if generation is None:
            info = self.stat(uri)
            if info is None:
                raise BlobNotFoundError(f"{uri!r} is not there")
            generation = info.generation
        size = chunk
        while True:
            data = self.read(uri, generation=generation, start=start, end=start + size)
            yield from (data[at : at + chunk] for at in range(0, len(data), chunk))
            if len(data) < size:
                return
            start += size
            size = min(2 * size, READ_GROWTH * chunk)

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects by name; see `Blobs.list`."""
        beginning = self._below(prefix) if prefix.startswith(SCHEME) else self._folder + check_prefix(prefix)
        with self._asking(self._root + beginning, writing=True):
            for blob in self._bucket.list_blobs(prefix=beginning, retry=self._retry):
                if not blob.name.endswith("/"):  # the console marks folders so
                    yield BlobInfo(self._root + blob.name, blob.generation, blob.size)

    def delete(self, uri: str) -> None:
        """Remove an object; see `Blobs.delete`."""
        blob = self._blob(uri)
        with contextlib.suppress(BlobNotFoundError), self._asking(uri):
            blob.delete(retry=self._retry)

    def _blob(self, uri: str, generation: int | None = None) -> Any:
        """The SDK's object at an address."""
        name = self._below(uri)
        if name == self._folder:
            raise BlobNotFoundError(f"{uri!r} names no file")
        return self._bucket.blob(name, generation=generation)

    @contextlib.contextmanager
    def _asking(self, uri: str, *, writing: bool = False) -> Iterator[None]:
        """Translate errors; what is not found while `writing` can only be the bucket."""
        try:
            with refusals(uri):
                yield
        except BlobNotFoundError as error:
            if writing:
                raise no_bucket(self._bucket.name) from error
            self._require_bucket()
            raise

    def _require_bucket(self) -> None:
        """Tell an object that is not there from a bucket that is not: the service answers 404 to both."""
        if not self._bucket_seen:
            with self._asking(self._root, writing=True):
                next(iter(self._bucket.list_blobs(max_results=1, retry=self._retry)), None)
            self._bucket_seen = True

    def _below(self, uri: str) -> str:
        """The name in the bucket; whatever lies elsewhere is not there."""
        if not uri.startswith(self._home):
            raise BlobNotFoundError(
                f"{uri!r} is not in the bucket of these files, or not in their folder: {self._home!r}"
            )
        return uri.removeprefix(self._root)

    def _failed_copy(self, source: str, blob: Any, end: Exception) -> BlobError:
        if isinstance(end, OSError) and end.filename:
            error = BlobError(f"{source!r} cannot be read: {end.strerror}")
        else:
            error = translated(end, self._root + blob.name)
        if isinstance(error, BlobNotFoundError):
            error = no_bucket(self._bucket.name)
        error.__cause__ = end
        return error


def _bucket_name(bucket: str) -> str:
    if not bucket or not set(bucket.lower()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_."):
        raise ConfigurationError(f"{bucket!r} is no name of a bucket; an address is 'gs://bucket/prefix'")
    return bucket


def _folder(prefix: str) -> str:
    try:
        return f"{check_name(prefix.rstrip('/'))}/" if prefix.rstrip("/") else ""
    except BlobError as error:
        raise ConfigurationError(f"{prefix!r} cannot come before names in a bucket: {error}") from error


def _emulated() -> bool:
    host = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if host and "://" not in host:
        raise ConfigurationError(f"STORAGE_EMULATOR_HOST is an address such as 'http://{host}', not {host!r}")
    return bool(host)
