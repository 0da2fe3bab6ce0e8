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
        is_long: It may be shortened to its first row; a line then tells how many rows are left out.
        gives_way: It is shortened before a long section loses its first row; a line then counts.
    """

    rows: Sequence[Row]
    is_long: bool = False
    gives_way: bool = False


def print_rows(console: Console, sections: Sequence[Section], *, full: bool) -> None:
    """Print all sections; without `full` no more than a screen of them."""
    for row in _all(sections) if full else _fitted(sections, console.width):
        for line in _lines(row, console.width, None if full else LINES):
            console.print(line, soft_wrap=True, highlight=False)


def _all(sections: Sequence[Section]) -> Iterator[Row]:
    for section in sections:
        yield from section.rows


def _fitted(sections: Sequence[Section], width: int) -> Iterator[Row]:
    """The rows of each section that fit.

    The first row of a long section always stays. Then sections that give way get what room is left; then the
    long sections take turns until the screen is full.
    """
    shown = [min(len(each.rows), 1) if each.is_long else len(each.rows) for each in sections]
    for place, section in enumerate(sections):
        if section.gives_way:
            shown[place] = 0
            shown[place] = _most(section, HEIGHT - _used(sections, shown, width), width)
    open_sections = [place for place, each in enumerate(sections) if each.is_long]
    while open_sections:
        for place in list(open_sections):
            more = [number + (at == place) for at, number in enumerate(shown)]
            if more[place] > len(sections[place].rows) or _used(sections, more, width) > HEIGHT:
                open_sections.remove(place)
            else:
                shown = more
    for number, section in zip(shown, sections, strict=True):
        yield from section.rows[:number]
        yield from _left_out(section, number)


def _most(section: Section, room: int, width: int) -> int:
    """How many rows of a section fit, beside the line that counts what is left out.

    What a command is for does not stand without it.
    """
    rows = section.rows
    if _height(rows, width) <= room + 1:
        return len(rows)
    most = 0
    for number in range(1, len(rows)):
        if _height(rows[:number], width) > room:
            break
        if rows[number - 1].is_command or not rows[number].is_command:
            most = number
    return most


def _used(sections: Sequence[Section], shown: Sequence[int], width: int) -> int:
    """Lines of the screen that so many rows of each section take."""
    rows = [row for number, each in zip(shown, sections, strict=True) for row in each.rows[:number]]
    notes = [row for number, each in zip(shown, sections, strict=True) for row in _left_out(each, number)]
    return _height([*rows, *notes], width)


def _left_out(section: Section, shown: int) -> Iterator[Row]:
    """The line that tells how many rows are not shown; it has the section's name when none are."""
    left = section.rows[shown:]
    if not left:
        return
    number = sum(each.is_command for each in left) or len(left)
    name = section.rows[0].name if shown == 0 else ""
    more = "and " if shown else ""
    yield Row(name, f"{more}{number:,} more; --full shows all", "dim")


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
