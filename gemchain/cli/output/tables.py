"""Tables that fit the terminal: fixed columns are never cut, the others are shortened, or left out."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

__all__ = ["Column", "fitted_table"]

GAP = 2
"""Columns of the terminal between two columns of the table."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        least: The width that it keeps when others are shortened; None for a column that is never cut.
        keeps_end: Cut at the beginning instead of the end.
    """

    name: str
    least: int | None = None
    keeps_end: bool = False


def fitted_table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> Table:
    """A table of these rows that is not wider than the terminal.

    The widest columns are shortened first. When all have their least width, and it is still too wide, columns
    are left out from the right; those that are never cut stay.
    """
    widths = _widths(columns, rows, width)
    table = Table(box=None, pad_edge=False, expand=False)
    for column, size in zip(columns, widths, strict=True):
        if size:
            table.add_column(column.name[:size], no_wrap=True, min_width=size, max_width=size)
    shown = [place for place, size in enumerate(widths) if size]
    for row in rows:
        table.add_row(*(_cut(row[place], widths[place], columns[place]) for place in shown))
    return table


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> list[int]:
    """The width of each column; 0 for one that is left out."""
    widths = [
        max(cell_len(column.name), *(row[place].cell_len for row in rows))
        for place, column in enumerate(columns)
    ]
    while sum(each + GAP for each in widths if each) - GAP > width:
        flexible = [
            place
            for place, column in enumerate(columns)
            if column.least is not None and widths[place] > column.least
        ]
        if flexible:
            widths[max(flexible, key=lambda place: widths[place])] -= 1
            continue
        left = [place for place, column in enumerate(columns) if column.least is not None and widths[place]]
        if not left:
            break
        widths[left[-1]] = 0
    return widths


def _cut(cell: Text, size: int, column: Column) -> Text:
    if cell.cell_len <= size:
        return cell
    cut = cell.copy()
    if column.keeps_end:
        while cut.cell_len > size - 1:
            cut = cut[1:]
        return Text("…", style=cell.style).append_text(cut)
    cut.truncate(size, overflow="ellipsis")
    return cut
