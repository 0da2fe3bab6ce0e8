"""Where tables are printed."""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from gemchain.base.logs import printable

__all__ = ["PlainConsole", "wide_console"]

WIDE = 160
"""Columns where there is no terminal, and nothing says how many: a file or a pipe has room."""


class PlainConsole(Console):
    """A console that no answer, error or name can steer: control characters are shown, not done."""

    def render(self, *args: Any, **kwargs: Any) -> Iterable[Segment]:
        """Pieces of what is printed; the console's own control codes stay."""
        for text, style, control in super().render(*args, **kwargs):
            yield Segment(text if control else printable(text), style, control)


def wide_console() -> Console:
    """Standard output, as wide as the terminal, and wide where there is none."""
    console = PlainConsole()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console
