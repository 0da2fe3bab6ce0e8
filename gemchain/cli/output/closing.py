"""The end of a command whose standard output cannot be written, such as on a full disk."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gemchain.cli.output.errors import STOPPED, print_error

__all__ = ["checking_output"]

_REFUSED = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF})


@contextmanager
def checking_output() -> Iterator[None]:
    """End with one line on stderr and exit code 3 when standard output takes nothing more."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _REFUSED or error.filename is not None:
            raise
        # Without this, Python would print another error when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print_error(f"standard output cannot be written: {error.strerror}")
        sys.exit(STOPPED)
