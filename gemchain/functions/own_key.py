"""The key that a state makes for itself, to sign the functions of a session when no key is set.

A file in the state's folder that its owner alone may read. A process that dies while it makes the file leaves
none, or the whole one; processes that make it at the same time end up with one key.
"""

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from gemchain.errors import ConfigurationError

__all__ = ["NAME", "OwnKey"]

NAME = "signing.key"
"""The file inside the state."""

_KEY = re.compile(r"[\w-]{43}", re.ASCII)
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class OwnKey:
    """The key of one state.

    Args:
        path: Its file, whether it is there or not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """The key; None when the state has none.

        Raises:
            ConfigurationError: The file is not what was made here, or others could have read or written it.
        """
        try:
            number = os.open(self.path, _OPEN)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(f"cannot be read ({error.strerror})") from error
        try:
            self._check(os.fstat(number))
            text = os.read(number, 1_000).decode(errors="replace")
        finally:
            os.close(number)
        if not _KEY.fullmatch(text):
            raise self._refusal("is not the file that gemchain made; restore it from a copy of the state")
        return text

    def make(self) -> str:
        """The key, made now if the state has none.

        Raises:
            ConfigurationError: As for `read`; or the file cannot be made.
        """
        known = self.read()
        if known is not None:
            return known
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write(secrets.token_urlsafe(32))
        except OSError as error:
            raise self._refusal(f"cannot be made ({error.strerror})") from error
        made = self.read()
        assert made is not None
        return made

    def _write(self, key: str) -> None:
        """Put the whole file in place at once; one that is there by then stays."""
        unfinished = self.path.with_name(f"{NAME}.{secrets.token_hex(8)}")
        number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        try:
            with os.fdopen(number, "w") as file:
                file.write(key)
                file.flush()
                os.fsync(number)
            with suppress(FileExistsError):
                self.path.hardlink_to(unfinished)
        finally:
            unfinished.unlink()
        _sync(self.path.parent)

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("is no file")
        if os.name != "posix":
            return
        if found.st_uid != os.geteuid():
            raise self._refusal(f"belongs to another user (number {found.st_uid}); a state has one user")
        if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise self._refusal("is open to other users. If none has changed it, close it with chmod 600")

    def _refusal(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the state's own key {str(self.path)!r} {why}. A GEMCHAIN_SIGNING_KEY that is set is used "
            "in its place"
        )


def _sync(folder: Path) -> None:
    """Make the name durable, where the system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
