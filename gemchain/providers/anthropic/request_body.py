"""The body of a call that makes a batch, `{"requests": […]}`, put together from an input file on the disk.

Memory does not grow with the size.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from gemchain.errors import ProviderRejectedError
from gemchain.ports import Blobs
from gemchain.providers.hosted import Deadline

__all__ = ["RequestBody", "request_body"]

HEAD, TAIL = b'{"requests":[\n', b"]}"
PIECE = 1 << 18


class RequestBody:
    """The body, in a file that is removed with it.

    Attributes:
        size: Bytes of it.
    """

    def __init__(self, file: IO[bytes], size: int, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces. Stops with an error when the time is over: the service has a part then.

        Raises:
            ProviderUnavailableError: The time is over.
        """
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            self._deadline.check()
            yield piece


@contextmanager
def request_body(blobs: Blobs, uri: str, deadline: Deadline) -> Iterator[RequestBody]:
    """The body for an input file, each of whose lines is one request and ends with a line feed.

    Raises:
        BlobError: The file cannot be read.
        ProviderRejectedError: It is empty.
    """
    with tempfile.TemporaryFile() as file:
        file.write(HEAD)
        for piece in blobs.stream(uri):
            file.write(piece.replace(b"\n", b",\n"))  # JSON has no line feed inside a text
        if file.tell() == len(HEAD):
            raise ProviderRejectedError(f"the input {uri!r} is empty")
        file.seek(-len(b",\n"), 1)
        file.truncate()
        file.write(TAIL)
        yield RequestBody(file, file.tell(), deadline)
