"""Ctrl-C during `gemchain.run()` ends a script with one line in place of a traceback.

A script that catches `KeyboardInterrupt` gets it as ever. Nothing else about uncaught exceptions changes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

__all__ = ["ending_in_one_line"]

LINE = "■ Interrupted. Run the program again: it continues where it stopped."


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """A block whose `KeyboardInterrupt`, if nobody catches it, is shown as one line."""
    try:
        yield
    except KeyboardInterrupt as error:
        _show_as_line(error)
        raise


def _show_as_line(interrupt: KeyboardInterrupt) -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if error is interrupt:
            sys.stderr.write(f"{LINE}\n")
        else:
            before(kind, error, traceback)

    sys.excepthook = hook
