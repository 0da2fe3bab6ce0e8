"""Local files in requests: uploaded once for each content, or sent along inside the request.

Crash story. An object is named after its content and written before the prompt that refers to it is
recorded. A process that dies in between leaves an object that the next submit of the same file finds.
"""

import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

from gemchain.errors import RequestError
from gemchain.ports import Blobs, FileContent

__all__ = ["FOLDER", "INLINE_MAX", "Uploads", "inline", "mime_type"]

FOLDER = "media"
INLINE_MAX = 14_000_000
"""Bytes of a file that still fit a request of 20 MB, which base64 makes a third larger."""

SMALL = 8_000_000
"""Bytes up to which a file is read once, and hashed and uploaded from memory."""

REMEMBERED = 100_000
"""Files that one process remembers to have uploaded."""

# Python's own table depends on its version and the machine.
# https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-5-flash
_TYPES = {
    ".aac": "audio/aac",
    ".aiff": "audio/aiff",
    ".avi": "video/avi",
    ".csv": "text/csv",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4a": "audio/m4a",
    ".md": "text/markdown",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".wmv": "video/wmv",
    ".xml": "text/xml",
}


class _Version(NamedTuple):
    """A file as it stood: another version of it has another time or size."""

    path: str
    changed: int
    size: int


def mime_type(path: Path, by_hand: str = "") -> str:
    """The kind of content, by the file's suffix.

    Args:
        path: The file.
        by_hand: How a user passes a part without a local file, for the error.

    Raises:
        RequestError: The suffix tells nothing.
    """
    suffix = path.suffix.lower()
    known = _TYPES.get(suffix) or mimetypes.guess_type(path.name)[0]
    if known is None:
        raise RequestError(
            f"nothing is known of the suffix {suffix!r} of file {str(path)!r}; rename the file"
            + (f", or {by_hand}" if by_hand else "")
        )
    return known


def inline(path: Path, *, instead: str, by_hand: str = "") -> FileContent:
    """A file's bytes, to be sent inside the request.

    Args:
        path: A file of at most `INLINE_MAX` bytes.
        instead: What to do with a larger one, for the error.
        by_hand: As for `mime_type`.

    Raises:
        RequestError: The file is missing, too large, or of an unknown kind.
    """
    kind, size = mime_type(path, by_hand), _version(path).size
    if size > INLINE_MAX:
        raise RequestError(
            f"file {str(path)!r} has {size:,} bytes, and a request has room for {INLINE_MAX:,}; {instead}"
        )
    return FileContent(kind, data=_read(path))


class Uploads:
    """The files that were uploaded to the file storage, each content once.

    Args:
        blobs: Where they go, into the folder `media`.
        by_hand: As for `mime_type`.
    """

    def __init__(self, blobs: Blobs, by_hand: str = "") -> None:
        self._blobs = blobs
        self._by_hand = by_hand
        self._known: dict[_Version, FileContent] = {}

    def content(self, path: Path) -> FileContent:
        """Where a file is in the file storage. It is uploaded unless it is there already.

        Raises:
            RequestError: The file is missing, of an unknown kind, or changed meanwhile.
            BlobError: It could not be uploaded.
        """
        version = _version(path)
        known = self._known.get(version)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = FileContent(mime_type(path, self._by_hand), uri=self._uploaded(path, version))
            self._known[version] = known
        return known

    def _uploaded(self, path: Path, version: _Version) -> str:
        data = _read(path) if version.size <= SMALL else None
        digest = _digest(path) if data is None else hashlib.sha256(data).hexdigest()
        name = f"{FOLDER}/{digest}{path.suffix.lower()}"
        uri = self._blobs.uri(name)
        if self._blobs.stat(uri) is not None:
            return uri
        if data is not None:
            return self._blobs.put(name, data, if_absent=True).uri
        (info,) = self._blobs.upload_many([(path, name)])
        if _version(path) != version:
            self._blobs.delete(uri)  # its name would promise another content than it has
            raise RequestError(f"file {str(path)!r} changed while it was uploaded; submit again")
        return info.uri


def _version(path: Path) -> _Version:
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not path.is_file():
        raise RequestError(f"{str(path)!r} is no file; a part is one file, so list the files of a folder")
    if not found.st_size:
        raise RequestError(f"file {str(path)!r} is empty")
    return _Version(str(path.absolute()), found.st_mtime_ns, found.st_size)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> RequestError:
    hint = f"a relative path starts at {str(Path.cwd())!r}"
    if path.parts and path.parts[0].lower() in ("gs:", "http:", "https:", "s3:"):
        hint = "a Path is a file of this machine, and an address goes into a part of the provider's own form"
    return RequestError(f"file {str(path)!r} cannot be read: {error.strerror}; {hint}")
