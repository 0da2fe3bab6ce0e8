"""Long texts are kept in blobs: a document holds one mebibyte, and every reader pays for all of it.

A blob is named after its content and written before the commit that refers to it. A commit that
fails leaves a blob without a reference; the next try writes the same one.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gemchain.errors import BlobError, BlobNotFoundError, DamagedError, StoreUnavailableError
from gemchain.ports import Blobs
from gemchain.records.damage import Unreadable
from gemchain.stores.firestore.documents.documents import SPILLABLE

__all__ = ["REQUEST_BYTES", "TEXT_BYTES", "Spill"]

REQUEST_BYTES = 256 << 10
"""Requests up to this size stay in the document; the claim reads them with it."""

TEXT_BYTES = 64 << 10
"""The same for every other text. All of them together stay below a document's limit."""

_PARALLEL = 8
_NAME = re.compile(r"[^/\\\x00-\x1f\ud800-\udfff]{1,900}")

A = TypeVar("A")
B = TypeVar("B")


class Spill:
    """Takes long texts out of documents and puts them back.

    Args:
        blobs: Where they lie.
        folder: Name that all of them begin with.
    """

    def __init__(self, blobs: Blobs, folder: str) -> None:
        self._blobs = blobs
        self._folder = folder

    def out(self, record_id: str, content: dict[str, Any], *, pending: dict[str, bytes]) -> dict[str, Any]:
        """The content without its long texts, which are added to `pending`: upload them before the commit."""
        spilled = {}
        for name in SPILLABLE:
            text = content.get(name)
            room = REQUEST_BYTES if name == "request" else TEXT_BYTES
            if text is None or len(text) * 4 <= room:  # no character takes more than four bytes
                continue
            data = text.encode()
            if len(data) > room:
                spilled[name] = f"spill/{self._folder}/{record_id}-{name}-{_digest(data)}"
                pending[spilled[name]] = data
        if not spilled:
            return content
        kept = {name: value for name, value in content.items() if name not in spilled}
        return kept | {"spilled": spilled}

    def put_whole(self, record_id: str, data: bytes, pending: dict[str, bytes]) -> str:
        """The name under which data of any size will lie; it is added to `pending`."""
        at = f"spill/{self._folder}/{record_id}-{_digest(data)}"
        pending[at] = data
        return at

    def whole(self, at: Any) -> bytes:
        """What `put_whole` put there.

        Raises:
            DamagedError: It is gone, was changed, or lies elsewhere.
            StoreUnavailableError: The blobs failed; try again.
        """
        if not isinstance(at, str) or not self._is_ours(at):
            raise DamagedError(f"no data of ours lies at {at!r:.200}")
        try:
            data = self._blobs.read(self._blobs.uri(at))
        except BlobNotFoundError as error:
            raise DamagedError(f"its data is gone: {error}") from error
        except BlobError as error:
            raise StoreUnavailableError(f"reading {at!r} failed: {error}") from error
        if not at.endswith(f"-{_digest(data)}"):
            raise DamagedError(f"the data at {at!r} was changed")
        return data

    def upload(self, pending: Mapping[str, bytes]) -> None:
        """Write the texts.

        Raises:
            StoreUnavailableError: The blobs failed; try again.
        """
        if pending:
            _each(lambda item: self._blobs.put(*item, if_absent=True), pending.items(), "writing")

    def back(self, contents: Sequence[dict[str, Any]]) -> None:
        """Put the texts back into contents that were read.

        What a document refers to may have been written by anybody. So a text is taken only from where `out`
        puts texts of that name, and only if it is what the name of its blob says; in place of any other
        stands an `Unreadable`.

        Raises:
            StoreUnavailableError: The blobs failed; try again.
        """
        wanted = [(each, name, at) for each in contents for name, at in _spilled(each)]
        if wanted:
            texts = _each(lambda item: self._text(item[1], item[2]), wanted, "reading")
            for (content, name, _), text in zip(wanted, texts, strict=True):
                content[name] = text

    def _text(self, name: str, at: Any) -> str | Unreadable:
        if not isinstance(at, str) or not self._is_ours(at) or f"-{name}-" not in at:
            return Unreadable(f"no text of this kind lies at {at!r:.200}")
        try:
            data = self._blobs.read(self._blobs.uri(at))
        except BlobNotFoundError as error:
            return Unreadable(f"its text is gone: {error}")
        if not at.endswith(f"-{_digest(data)}"):
            return Unreadable(f"the text at {at!r} was changed")
        return data.decode(errors="replace")

    def _is_ours(self, at: str) -> bool:
        beginning = f"spill/{self._folder}/"
        return at.startswith(beginning) and _NAME.fullmatch(at, len(beginning)) is not None

    def remove(self, names: Collection[str]) -> None:
        """Remove texts; those that are gone already do not matter, and what `out` puts elsewhere stays.

        Raises:
            StoreUnavailableError: The blobs failed; try again.
        """
        ours = [name for name in names if isinstance(name, str) and self._is_ours(name)]
        _each(lambda name: self._blobs.delete(self._blobs.uri(name)), ours, "removing")


def _spilled(content: dict[str, Any]) -> list[tuple[str, Any]]:
    found = content.pop("spilled", None)
    return [(name, at) for name, at in found.items() if name in SPILLABLE] if isinstance(found, dict) else []


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def _each(call: Callable[[A], B], items: Collection[A], doing: str) -> list[B]:
    try:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(call, items))
    except BlobError as error:
        raise StoreUnavailableError(f"{doing} the long texts of records failed: {error}") from error
