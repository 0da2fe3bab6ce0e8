"""Where tables are printed."""

import os

from rich.console import Console

__all__ = ["paper"]

WIDE = 160
"""Columns where there is no terminal, and nothing says how many: a file or a pipe has room."""


def paper() -> Console:
    """Standard output, as wide as the terminal, and wide where there is none."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console
