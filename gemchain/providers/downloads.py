"""Results that a service keeps, copied into the file storage once.

Crash story. Each copy has a name of its own, and the first that is there counts. A process that dies half-way
leaves nothing, since an object appears whole or not at all. Two at once make two copies with the same rows;
the batch takes the files of one of them, under its version.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator

from gemchain.errors import ProviderUnavailableError
from gemchain.ports import Blobs
from gemchain.providers.output_files import is_output
from gemchain.records import OutputFile

__all__ = ["fetched"]


def fetched(blobs: Blobs, folder: str, chunks: Callable[[], Iterable[bytes]], sign: bytes) -> OutputFile:
    """The copy of a result in our own file storage; it is made unless it is there already.

    Args:
        blobs: Where it is kept.
        folder: Where copies of this result lie, and nothing else.
        chunks: Begins to read the result from the service.
        sign: What stands somewhere in each result that is not empty. What has it not is something else, such
            as the page of a proxy: to take it for a result would be to send all prompts again.

    Raises:
        BlobError: It could not be written.
        ProviderUnavailableError: The service sent something else, or the copy is gone again.
    """
    for info in blobs.list(f"{folder}/"):
        if is_output(info.uri):
            return OutputFile(*info)
    name = f"{folder}/{secrets.token_hex(4)}/predictions.jsonl"
    with blobs.writer(name) as out:
        for chunk in _signed(chunks(), sign):
            out.write(chunk)
    there = blobs.stat(blobs.uri(name))
    if there is None:
        raise ProviderUnavailableError(f"the result in {folder!r} was downloaded and is gone")
    return OutputFile(*there)


def _signed(chunks: Iterable[bytes], sign: bytes) -> Iterator[bytes]:
    """These chunks.

    Raises:
        ProviderUnavailableError: At their end: there were some, and no sign in them.
    """
    is_signed, tail = False, b""
    for chunk in chunks:
        tail = tail[-len(sign) :] + chunk
        is_signed = is_signed or sign in tail
        yield chunk
    if tail and not is_signed:
        raise ProviderUnavailableError(f"the service sent no result but {tail[:100]!r}")
