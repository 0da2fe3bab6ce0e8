"""Locks on files that end with the process that holds them, however it ends."""

import contextlib
import os
from pathlib import Path

from gemchain.errors import ConfigurationError

try:
    import fcntl
except ImportError as error:  # Windows
    raise ConfigurationError("local models need Linux or macOS: on Windows, run gemchain in WSL 2") from error

__all__ = ["FileLock"]


class FileLock:
    """One open file that can be locked. Several holders share it, or one has it alone.

    The lock belongs to this object, not to the process: two objects in one process are two holders. Child
    processes do not inherit it, except those that fork without starting another program.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        """Wait until nobody has it alone, and hold it with others."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def seize(self) -> None:
        """Wait until nobody else holds it, and have it alone."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def try_to_seize(self) -> bool:
        """Have it alone if nobody else holds it; tells whether it is so."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def content(self) -> bytes:
        """What the file holds."""
        return os.pread(self.descriptor, 1 << 16, 0)

    def clear(self) -> None:
        """Empty the file."""
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Release it for good; nothing happens when it was closed before."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
