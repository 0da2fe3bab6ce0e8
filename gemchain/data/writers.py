"""Writing rows as JSONL, JSON or CSV; Parquet is in `parquet.py`."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

import orjson

from gemchain.data.columns import Column, JsonText, flat, safe_cell
from gemchain.data.layouts import Layout

__all__ = ["Write", "write_rows"]

Write = Callable[[Mapping[str, Any]], None]
"""Writes one row. A value that is a `JsonText` is written as it is."""


@contextmanager
def write_rows(file: IO[bytes], layout: Layout, columns: Sequence[Column]) -> Iterator[Write]:
    """Write rows to an open file; it is complete when the block ends.

    Args:
        file: Opened for writing; it stays open.
        layout: How to spell the rows.
        columns: Those of CSV and Parquet. JSONL and JSON hold whole rows, with the fields that each has.

    Raises:
        MissingExtraError: The format needs a package that is not installed.
        OSError: The file cannot be written.
    """
    if not layout.gzip:
        with _WRITERS[layout.format](file, columns) as write:
            yield write
        return
    # Without a name and a time inside, equal rows make equal files.
    with (
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        _WRITERS[layout.format](packed, columns) as write,  # type: ignore[arg-type]
    ):
        yield write


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_fragment, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def _fragment(value: Any) -> Any:
    if isinstance(value, JsonText):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


@contextmanager
def _jsonl(file: IO[bytes], _: Sequence[Column]) -> Iterator[Write]:
    def write(row: Mapping[str, Any]) -> None:
        file.write(_json(row) + b"\n")

    yield write


@contextmanager
def _json_list(file: IO[bytes], _: Sequence[Column]) -> Iterator[Write]:
    before = b"[\n"

    def write(row: Mapping[str, Any]) -> None:
        nonlocal before
        file.write(before + _json(row))
        before = b",\n"

    yield write
    file.write(b"[]\n" if before == b"[\n" else b"\n]\n")


class _Lines:
    """Ends lines of a `csv.writer` by a line feed. By itself it would then leave a bare return unquoted."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text

    def write(self, line: str) -> int:
        """Write a whole line."""
        return self._text.write(line.removesuffix("\r\n") + "\n")


@contextmanager
def _csv(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(_Lines(text))
    writer.writerow([column.name for column in columns])

    def write(row: Mapping[str, Any]) -> None:
        writer.writerow([safe_cell(cell) for cell in flat(row, columns)])

    try:
        yield write
        text.flush()
    finally:
        text.detach()


def _parquet(file: IO[bytes], columns: Sequence[Column]) -> AbstractContextManager[Write]:
    from gemchain.data.parquet import write_parquet

    return write_parquet(file, columns)


_WRITERS: Mapping[str, Callable[[IO[bytes], Sequence[Column]], AbstractContextManager[Write]]] = {
    "jsonl": _jsonl,
    "json": _json_list,
    "csv": _csv,
    "parquet": _parquet,
}
