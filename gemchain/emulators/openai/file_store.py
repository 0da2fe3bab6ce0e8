"""The files of a project, in memory.

https://developers.openai.com/api/reference/resources/files
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from gemchain.emulators.openai import refusals
from gemchain.emulators.openai.records import StoredFile, listed

__all__ = ["FileStore"]

ON_PAGE = 10_000


class FileStore:
    """Keeps files until they expire. The caller holds the lock, and says what time it is.

    Args:
        numbers: Makes ids.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._files: dict[str, StoredFile] = {}

    def keep(
        self, filename: str, purpose: str, data: bytes, now: datetime, lives: timedelta | None
    ) -> StoredFile:
        """A new file."""
        file_id = f"file-{next(self._numbers):024d}"
        file = StoredFile(file_id, filename, purpose, data, now, None if lives is None else now + lives)
        self._files[file_id] = file
        return file

    def found(self, file_id: str, now: datetime) -> StoredFile:
        """A file that has not expired.

        Raises:
            Refusal: There is none.
        """
        file = self._files.get(file_id)
        if file is None or file.is_gone(now):
            raise refusals.missing(f"No such File object: {file_id}", "id")
        return file

    def delete(self, file_id: str, now: datetime) -> dict[str, Any]:
        """Remove a file."""
        del self._files[self.found(file_id, now).id]
        return {"id": file_id, "object": "file", "deleted": True}

    def page(self, query: dict[str, str], now: datetime, lag: timedelta) -> dict[str, Any]:
        """A page of files that are not younger than `lag`, the newest first unless the query says `asc`."""
        purpose = query.get("purpose")
        found = [
            each.resource()
            for each in self._files.values()
            if not each.is_gone(now) and now >= each.created_at + lag and purpose in (None, each.purpose)
        ]
        return listed(found if query.get("order") == "asc" else found[::-1], query, ON_PAGE)

    def all(self) -> list[StoredFile]:
        """All files, the oldest first."""
        return list(self._files.values())
