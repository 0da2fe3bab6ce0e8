"""The upload of an object to Cloud Storage."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from gemchain.errors import BlobError

__all__ = ["CONTENT_TYPE", "Upload"]

CONTENT_TYPE = "application/octet-stream"


class Upload:
    """Takes the bytes of one object: few are held and sent whole, more go out in chunks.

    Args:
        blob: The SDK's object.
        asking: Makes a block in which errors of the SDK are translated.
        chunk_bytes: Bytes in one request, once it takes more than one.
        whole_bytes: Up to this size it takes one.
        retry: The SDK's retry.
    """

    def __init__(
        self,
        blob: Any,
        asking: Callable[[], AbstractContextManager[None]],
        *,
        chunk_bytes: int,
        whole_bytes: int,
        retry: Any,
    ) -> None:
        self._blob = blob
        self._asking = asking
        self._chunk_bytes = chunk_bytes
        self._held_bytes = whole_bytes
        self._retry = retry
        self._claimed = bytearray()
        self._stream: Any = None

    def write(self, data: bytes, /) -> int:
        """Append `data`."""
        self._claimed += data
        if len(self._claimed) > self._held_bytes:
            self._send()
        return len(data)

    def finish(self) -> None:
        """Make the object appear."""
        if self._stream is None:
            with self._asking():
                self._blob.upload_from_string(bytes(self._claimed), CONTENT_TYPE, retry=self._retry)
        else:
            self._send()
            with self._sending():
                self._stream.close()

    def discard(self) -> None:
        """Give up what is not finished. The service drops it within a week even if it is not told."""
        if self._stream is None or self._stream.closed:
            return
        with contextlib.suppress(Exception):
            self._stream.terminate()
        # Python closes a file that is forgotten, and closing this one would finish the upload.
        self._stream._buffer.close()  # noqa: SLF001

    def _send(self) -> None:
        with self._sending():
            if self._stream is None:
                self._stream = self._blob.open(
                    "wb", chunk_size=self._chunk_bytes, content_type=CONTENT_TYPE, retry=self._retry
                )
                self._held_bytes = self._chunk_bytes
            self._stream.write(bytes(self._claimed))
        self._claimed.clear()

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        try:
            with self._asking():
                yield
        except ValueError as error:  # the library's word for an upload that ended too early
            with contextlib.suppress(Exception):
                self._blob.delete()
            raise BlobError(
                f"the service took the first {self._chunk_bytes} bytes for all of {self._blob.name!r}, as "
                "the Storage emulator of Firebase does, which takes objects up to 100 MiB: "
                f"make batches smaller (GEMCHAIN_MAX_BATCH_BYTES) ({error})"
            ) from error
