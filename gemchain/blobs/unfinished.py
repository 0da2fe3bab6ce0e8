"""Files that are still being written, and the removal of those that were never finished."""

import contextlib
import errno
import os
import random
import time
import uuid
from collections.abc import Iterator

from gemchain.errors import BlobError, ConfigurationError

try:
    import fcntl
except ImportError as error:  # Windows, which also renames no open file and syncs no folder
    raise ConfigurationError(
        "a state folder needs Linux or macOS: on Windows, run gemchain in WSL 2, or keep the state in "
        "Firestore and Cloud Storage (settings 'store' and 'blobs')"
    ) from error

__all__ = ["Unfinished", "refusals", "remove_stale", "sync_folder"]

STALE_SECONDS = 3600.0
"""Age from which a file that is not locked counts as left behind."""
BUFFER_BYTES = 1 << 18
COARSE_TICK_NS = 2_000_000_000
"""The slowest tick of a file system's times (FAT has it)."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CANNOT_SYNC_FOLDERS = {errno.EINVAL, errno.ENOTSUP}


@contextlib.contextmanager
def refusals(path: str) -> Iterator[None]:
    """Translate what the file system refuses to do with `path`.

    Raises:
        BlobError: Says so, and what to do about it.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise BlobError(
                f"the disk is full: {path!r} was not written; make room on it and run the same again"
            ) from error
        raise BlobError(f"the file system refuses {path!r}: {error.strerror or error}") from error


class Unfinished:
    """Takes the bytes of an object, under a name of its own and a lock that says it is being written."""

    def __init__(self, folder: str, target: str) -> None:
        self.path = os.path.join(folder, uuid.uuid4().hex)
        self._target = target
        with refusals(target):
            self._file = open(self.path, "xb", buffering=BUFFER_BYTES)  # noqa: SIM115 - discard closes it
            # A file system without locks (some network disks) keeps what a killed process leaves.
            with contextlib.suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, data: bytes, /) -> int:
        """Append `data`; a full disk is a `BlobError`."""
        with refusals(self._target):
            return self._file.write(data)

    def seal(self, *, later_than: int) -> os.stat_result:
        """Make the bytes durable, under a time of modification that is later than `later_than` (ns)."""
        with refusals(self._target):
            self._file.flush()
            number = self._file.fileno()
            # The odd nanoseconds tell two processes apart that replace an object at the same moment.
            moment = max(time.time_ns() + random.randrange(1000), later_than + 1)
            os.utime(number, ns=(moment, moment))
            if os.fstat(number).st_mtime_ns <= later_than:
                os.utime(number, ns=(moment + COARSE_TICK_NS,) * 2)
            _sync(number)
            return os.fstat(number)

    def discard(self) -> None:
        """Let go of the file, and remove it unless it was renamed to its place."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        with contextlib.suppress(OSError):  # a full disk, met again by the last flush
            self._file.close()


def _sync(number: int) -> None:
    """Make an open file durable. On macOS only `F_FULLFSYNC` empties the disk's own cache."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with contextlib.suppress(OSError):  # a file system that cannot, such as a network disk
            fcntl.fcntl(number, full)
            return
    os.fsync(number)


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable, where the file system can."""
    number = os.open(folder, os.O_RDONLY)
    try:
        _sync(number)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
    finally:
        os.close(number)


def remove_stale(folder: str) -> None:
    """Remove what killed processes left in `folder`; whatever is being written stays.

    A file goes when it is old and its lock is free: the lock of a dead process is, that of a slow
    one is not. The age covers the moment between the making of a file and its lock.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < time.time() - STALE_SECONDS:
                    _remove_unlocked(entry.path)


def _remove_unlocked(path: str) -> None:
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(number)
