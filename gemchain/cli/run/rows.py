"""Reading the rows of the input one at a time: CSV if the file name ends so, else JSONL."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gemchain.errors import InvalidInputError

__all__ = ["Row", "read_rows"]

LONGEST_FIELD = 1 << 30
"""Characters in one field of a CSV file; Python's own limit of 131,072 is too small for some prompts."""

SHOWN = 60
"""Characters of a broken line that are shown."""


class Row(NamedTuple):
    """One row of the input.

    Attributes:
        number: Its position among the rows, from 1.
        line: The line of the file that it starts in (JSONL) or ends in (CSV), for messages.
    """

    number: int
    line: int
    fields: dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one at a time in memory. Empty lines are skipped.

    Raises:
        InvalidInputError: The file cannot be read, or a line is not a row; the message names the line.
    """
    read = _csv_rows if path.suffix.lower() == ".csv" else _jsonl_rows
    try:
        yield from read(path)
    except FileNotFoundError as error:
        raise InvalidInputError(f"there is no input file {str(path)!r}") from error
    except OSError as error:
        raise InvalidInputError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _jsonl_rows(path: Path) -> Iterator[Row]:
    number = 0
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            content = text.removeprefix(b"\xef\xbb\xbf") if line == 1 else text
            if content.isspace() or not content:
                continue
            number += 1
            yield Row(number, line, _object(path, line, content))


def _object(path: Path, line: int, content: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        shown = content.decode("utf-8", "replace").strip()
        cut = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
        raise InvalidInputError(f"{path.name}, line {line} is not JSON: {error.msg}: {cut}") from error
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), f"{value!r}")
        raise InvalidInputError(
            f"{path.name}, line {line} is {kind}; every line must be a JSON object with the fields of one row"
        )
    return value


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                return
            _check_header(path, header)
            yield from _records(path, reader, header)
        except csv.Error as error:
            raise InvalidInputError(f"{path.name}, line {reader.line_num} is not CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{path.name} is not UTF-8 after line {reader.line_num}: {error}"
            ) from error


def _check_header(path: Path, header: list[str]) -> None:
    wrong = [name for name in header if not name.strip().isidentifier()]
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    if wrong or twice or not header:
        what = "is empty" if not header else f"has {wrong[0]!r}" if wrong else f"has {twice[0]!r} twice"
        raise InvalidInputError(
            f"{path.name}, line 1 {what}: a CSV file must begin with a header that names the function's "
            "parameters"
        )


def _records(path: Path, reader: Any, header: list[str]) -> Iterator[Row]:
    names = [name.strip() for name in header]
    number = 0
    for values in reader:
        if not values:
            continue
        number += 1
        if len(values) != len(names):
            raise InvalidInputError(
                f"{path.name}, line {reader.line_num} has {len(values)} fields; the header names {len(names)}"
            )
        yield Row(number, reader.line_num, dict(zip(names, values, strict=True)))
