"""Lines that fit a screen: named rows are wrapped, commands are never cut, long sections are shortened."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

__all__ = ["HEIGHT", "NAME", "Row", "Section", "print_rows"]

HEIGHT = 23
"""Lines of a screen of 24 that a command may print; the shell's prompt takes the last one."""

NAME = 9
"""Columns of a row's name."""

LINES = 2
"""Lines that one row takes at most, unless everything is shown."""


class Row(NamedTuple):
    """A name, and what is said under it.

    Attributes:
        detail: A further line about it.
        is_command: To be copied, so it is never cut or wrapped.
    """

    name: str
    text: str
    style: str = "default"
    detail: str = ""
    is_command: bool = False


class Section(NamedTuple):
    """Rows that belong together.

    Attributes:
        is_long: It may be shortened; a line then tells how many rows are left out.
    """

    rows: Sequence[Row]
    is_long: bool = False


def print_rows(console: Console, sections: Sequence[Section], *, full: bool) -> None:
    """Print all sections; without `full` no more than a screen of them."""
    for row in _all(sections) if full else _fitted(sections, console.width):
        for line in _lines(row, console.width, None if full else LINES):
            console.print(line, soft_wrap=True, highlight=False)


def _all(sections: Sequence[Section]) -> Iterator[Row]:
    for section in sections:
        yield from section.rows


def _fitted(sections: Sequence[Section], width: int) -> Iterator[Row]:
    """The rows of each section that fit: the sections take turns until the screen is full."""
    shown = [0 if each.is_long else len(each.rows) for each in sections]
    open_sections = [place for place, each in enumerate(sections) if each.is_long and each.rows]
    # One line for each, in case that it is shortened.
    room = HEIGHT - len(open_sections) - _height(_all([each for each in sections if not each.is_long]), width)
    while open_sections:
        for place in list(open_sections):
            rows = sections[place].rows
            height = _height([rows[shown[place]]], width)
            if height > room:
                open_sections.remove(place)
                continue
            room -= height
            shown[place] += 1
            if shown[place] == len(rows):
                open_sections.remove(place)
                room += 1
    for number, section in zip(shown, sections, strict=True):
        yield from section.rows[:number]
        left = len(section.rows) - number
        if left:
            yield Row("", f"and {left:,} more; --full shows all", "dim")


def _height(rows: Iterable[Row], width: int) -> int:
    """Lines of the screen: the terminal wraps what is wider."""
    lines = [line for row in rows for line in _lines(row, width, LINES)]
    return sum(max(-(-len(line.plain) // width), 1) for line in lines)


def _wrapped(text: str, width: int, most: int | None) -> list[str]:
    room = max(width - NAME, NAME)
    line = " ".join(text.split())
    return textwrap.wrap(line, room, max_lines=most, placeholder=" …", break_on_hyphens=False) or [""]


def _lines(row: Row, width: int, most: int | None) -> Iterator[Text]:
    """The lines of a row, its name before the first."""
    parts = [row.text] if row.is_command else _wrapped(row.text, width, most)
    for place, part in enumerate(parts):
        name = row.name if place == 0 else ""
        yield Text(f"{name:<{NAME}}", style="dim").append(part, style=f"not dim {row.style}")
    if row.detail:
        for part in _wrapped(row.detail, width, most and 1):
            yield Text(f"{'':<{NAME}}{part}", style="dim")
