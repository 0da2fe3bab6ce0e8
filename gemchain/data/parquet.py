"""Parquet by pyarrow, which is an extra and is imported when a file is read or written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from gemchain.data.columns import Column, flat
from gemchain.errors import MissingExtraError

__all__ = ["check_installed", "column_of", "write_parquet"]

GROUP = 10_000
"""Rows that are held in memory before they are written, unless they are large."""

GROUP_CHARACTERS = 32 << 20
"""Characters of texts that are held in memory before they are written."""


def check_installed() -> None:
    """Refuse Parquet where pyarrow is missing.

    Raises:
        MissingExtraError: It is; the message has the command that installs it.
    """
    _pyarrow()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    return pa, pq


@contextmanager
def write_parquet(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Any]:
    """Write rows group by group; see `write_rows`."""
    pa, pq = _pyarrow()
    kinds = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64()}
    times = pa.timestamp("us", tz="UTC")
    schema = pa.schema([(column.name, kinds.get(column.kind, times)) for column in columns])
    group = _Group(columns)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(
                pa.Table.from_arrays([pa.array(each, kind) for each, kind in pairs()], schema=schema)
            )
            group.clear()

        def pairs() -> Iterator[tuple[list[Any], Any]]:
            return zip(group.cells, schema.types, strict=True)

        def write(row: Mapping[str, Any]) -> None:
            group.add(row)
            if group.is_full:
                flush()

        yield write
        if group.rows:
            flush()


class _Group:
    """Rows that wait to be written, column by column."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self.clear()

    def clear(self) -> None:
        self.cells: list[list[Any]] = [[] for _ in self._columns]
        self.rows = self._characters = 0

    def add(self, row: Mapping[str, Any]) -> None:
        for place, cell in enumerate(flat(row, self._columns)):
            is_time = self._columns[place].kind == "time" and cell is not None
            self.cells[place].append(datetime.fromisoformat(cell) if is_time else cell)
            self._characters += len(cell) if isinstance(cell, str) else 0
        self.rows += 1

    @property
    def is_full(self) -> bool:
        return self.rows >= GROUP or self._characters >= GROUP_CHARACTERS


def column_of(path: Path, name: str) -> Iterator[Any]:
    """The values of one column of a file, in order.

    Raises:
        MissingExtraError: pyarrow is missing.
        ValueError: It is no Parquet file, or has no such column.
        OSError: It cannot be read.
    """
    _, pq = _pyarrow()
    with pq.ParquetFile(path) as file:
        if name not in file.schema_arrow.names:
            raise ValueError(f"there is no column {name!r}")
        for batch in file.iter_batches(columns=[name]):
            yield from batch.column(0).to_pylist()
