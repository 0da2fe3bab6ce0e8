"""Log lines while a board is drawn: they go above it, and not into it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["above_the_board"]


@contextmanager
def above_the_board(stream: Any) -> Iterator[None]:
    """A block in which log handlers that wrote to a stream write to what `sys.stderr` is now.

    Args:
        stream: What `sys.stderr` was before the board took it over.
    """
    loggers = (logging.getLogger(), logging.getLogger("gemchain"))
    handlers = [
        each
        for logger in loggers
        for each in logger.handlers
        if isinstance(each, logging.StreamHandler) and each.stream is stream
    ]
    for each in handlers:
        each.setStream(sys.stderr)
    try:
        yield
    finally:
        for each in handlers:
            each.setStream(stream)
