"""Consoles for plain output: control characters are escaped, and files and pipes get wide tables."""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from gemchain.base.logs import printable

__all__ = ["PlainConsole", "wide_console"]

WIDE = 160
"""Columns of a file or a pipe, unless COLUMNS says otherwise."""


class PlainConsole(Console):
    """A console that shows control characters of answers, errors and names, and never executes them."""

    def render(self, *args: Any, **kwargs: Any) -> Iterable[Segment]:
        """Pieces of what is printed. The console's own control codes are kept."""
        for text, style, control in super().render(*args, **kwargs):
            yield Segment(text if control else printable(text), style, control)


def wide_console() -> Console:
    """Standard output, as wide as the terminal, or `WIDE` columns where there is none."""
    console = PlainConsole()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console
