"""Columns of results: their names and kinds, and cells of CSV that no spreadsheet runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

__all__ = ["Column", "JsonText", "flat", "safe_cell"]


class JsonText(str):
    """A value that is JSON text already."""

    __slots__ = ()


class Column(NamedTuple):
    """A column of a format that knows no objects: CSV, Parquet.

    Attributes:
        name: Its name.
        kind: `text`, `integer`, `number` or `time` (an ISO text with its zone).
        path: The field of a row that it holds, and the fields inside; `(name,)` when empty.
    """

    name: str
    kind: str = "text"
    path: tuple[str, ...] = ()


def flat(row: Mapping[str, Any], columns: Sequence[Column]) -> list[Any]:
    """The cells of a row, None where it has nothing.

    A text stays as it is. Another value in a column of texts becomes JSON text.
    """
    return [_cell(_at(row, column), column.kind) for column in columns]


def _at(row: Mapping[str, Any], column: Column) -> Any:
    value: Any = row
    for name in column.path or (column.name,):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(value: Any, kind: str) -> Any:
    if isinstance(value, JsonText):
        value = orjson.loads(str(value))
    if value is None or kind != "text" or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet runs: https://owasp.org/www-community/attacks/CSV_Injection"""

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def safe_cell(value: Any) -> Any:
    """A cell that a spreadsheet shows and does not run: `'` comes before a text that begins as a formula."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
