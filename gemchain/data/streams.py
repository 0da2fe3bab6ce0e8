"""Standard input and output, devices and pipes: what is written to as it is, and never replaced."""

import io
import os
import re
import stat
from pathlib import Path
from typing import IO

from gemchain.errors import InvalidInputError

__all__ = ["STANDARD", "bytes_of", "is_standard_output", "is_stream", "opened_for_writing"]

STANDARD = "-"
"""Standard input, or standard output."""

_NUMBERS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"/(?:dev|proc/(?:self|thread-self))/fd/(\d+)")
_STDOUT = 1


def is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe or a socket, or a name of one that this process has open."""
    if _number(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_standard_output(path: Path) -> bool:
    """Whether writing to a stream writes to what is this process's standard output."""
    if str(path) == STANDARD:
        return True
    try:
        return is_stream(path) and os.path.samestat(path.stat(), os.fstat(_STDOUT))
    except (OSError, io.UnsupportedOperation):
        return False


def bytes_of(stream: object, name: str, *, used: bool) -> IO[bytes]:
    """The bytes of `sys.stdin` or `sys.stdout`, which may be missing or know texts alone.

    Args:
        stream: The one or the other.
        name: Its name, for the message.
        used: Whether it will be read or written.

    Raises:
        InvalidInputError: It will be used, and has no bytes.
    """
    found: IO[bytes] | None = getattr(stream, "buffer", None)
    if found is None and used:
        raise InvalidInputError(f"there is no {name} here; name a file instead of '-'")
    return io.BytesIO() if found is None else found


def opened_for_writing(path: Path) -> IO[bytes]:
    """A stream, opened for writing. Nothing is truncated, replaced or created.

    A name of what this process has open (`/dev/stdout`, `/dev/fd/3`) leads to that very opening, so that
    results come behind what is in a file already when a shell's `>>` opened it.

    Raises:
        OSError: It cannot be opened.
    """
    number = _number(path)
    opened = os.open(path, os.O_WRONLY) if number is None else os.dup(number)
    return os.fdopen(opened, "wb")


def _number(path: Path) -> int | None:
    """The number of the open file that a path names. It is not resolved: it may lead to a regular file."""
    absolute = os.path.abspath(path)  # noqa: PTH100 -- resolve() would follow links
    numbered = _NUMBERED.fullmatch(absolute)
    return int(numbered.group(1)) if numbered else _NUMBERS.get(absolute)
