"""Reading JSONL: one JSON object in each line. Empty lines are skipped."""

from collections.abc import Iterator
from typing import IO, Any

import orjson

from gemchain.data.row import Row
from gemchain.errors import InvalidInputError

__all__ = ["check_object", "parse", "read_jsonl"]

SHOWN = 60
"""Characters of a broken line that are shown."""

_BOM = b"\xef\xbb\xbf"


def read_jsonl(file: IO[bytes], name: str) -> Iterator[Row]:
    """The rows of a file.

    Args:
        file: Opened for reading.
        name: Its name, for messages.

    Raises:
        InvalidInputError: A line is not a row; the message names file, line and column.
    """
    number = 0
    for line, text in enumerate(file, 1):
        content = text.removeprefix(_BOM) if line == 1 else text
        if content.isspace() or not content:
            continue
        number += 1
        value = parse(content.rstrip(), name, line)
        yield Row(number, line, check_object(value, f"{name}, line {line}", "every line must be"), name)


def parse(content: bytes, name: str, line: int, column: int = 1) -> Any:
    """The value of JSON text that begins at a line and a column.

    Raises:
        InvalidInputError: It is not JSON; the message names file, line and column of the first error.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        below, place, what = _first_error(content, error)
        shown = content.decode("utf-8", "replace").strip()
        cut = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
        where = f"line {line + below}, column {place if below else column - 1 + place}"
        raise InvalidInputError(f"{name}, {where} is not JSON: {what}: {cut}") from error


def _first_error(content: bytes, error: orjson.JSONDecodeError) -> tuple[int, int, str]:
    """Lines before the error, its column, and what is wrong."""
    try:
        content.decode()
    except UnicodeDecodeError as wrong:
        before = content[: wrong.start].decode()
        below = before.count("\n")
        return below, len(before) - before.rfind("\n"), "a character is not UTF-8"
    return error.lineno - 1, error.colno, error.msg


def check_object(value: Any, where: str, what: str) -> dict[str, Any]:
    """The value, which must be an object.

    Raises:
        InvalidInputError: It is something else.
    """
    if isinstance(value, dict):
        return value
    kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), f"{value!r}")
    raise InvalidInputError(f"{where} is {kind}; {what} a JSON object with the fields of one row")
