"""Inputs: a file, or a stream that is copied once so that its rows can be read several times."""

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gemchain.data.csv_rows import read_csv
from gemchain.data.json_list import read_json
from gemchain.data.jsonl import read_jsonl
from gemchain.data.layouts import JSONL, READ, Layout, known_layout, layout_of
from gemchain.data.row import Row
from gemchain.data.streams import STANDARD, is_stream
from gemchain.errors import InvalidInputError

__all__ = ["Input", "opened_input"]

OPTION = "--input"

LONGEST_LINE = 1 << 16
"""Bytes of the first line that are looked at."""

_READERS: Mapping[str, Callable[[IO[bytes], str], Iterator[Row]]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "json": read_json,
}


@dataclass(frozen=True, slots=True)
class Input:
    """Rows that can be read any number of times.

    Attributes:
        path: The file that holds them.
        layout: How it spells them.
        name: Its name, for messages.
        stream: Whether they came from a stream, so that another run may get others under the same name.
    """

    path: Path
    layout: Layout
    name: str
    stream: bool = False

    def rows(self) -> Iterator[Row]:
        """The rows, one at a time in memory. Lines without anything are skipped.

        Raises:
            InvalidInputError: It cannot be read, or is not rows; the message names file, line and column.
        """
        try:
            with _opened(self.path, gzipped=self.layout.gzip) as file:
                yield from _READERS[self.layout.format](file, self.name)
        except FileNotFoundError as error:
            raise InvalidInputError(f"there is no input file {str(self.path)!r}") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InvalidInputError(f"{self.name} is no complete gzip file: {error}") from error
        except OSError as error:
            raise InvalidInputError(f"cannot read {str(self.path)!r}: {error.strerror}") from error

    def identity(self) -> str:
        """What tells this input from others: the path of a file, or the digest of what a stream held."""
        if not self.stream:
            return str(self.path.resolve())
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        return f"{self.name}:{digest}"

    def first_line(self) -> str:
        """The first line of a text; empty when it cannot be read."""
        try:
            with _opened(self.path, gzipped=self.layout.gzip) as file:
                return file.readline(LONGEST_LINE).decode("utf-8-sig", "replace")
        except (OSError, EOFError, zlib.error):
            return ""


def _opened(path: Path, *, gzipped: bool) -> IO[bytes]:
    return gzip.open(path, "rb") if gzipped else path.open("rb")  # type: ignore[return-value]


@contextmanager
def opened_input(path: Path, standard_input: IO[bytes], given: Layout | None = None) -> Iterator[Input]:
    """An input for the time of the block.

    A stream (`-`, a device, a pipe) is read to its end, into a temporary file that goes with the block. Its
    format is that of its ending, else `given`, else JSONL.

    Args:
        path: The file, or `-`.
        standard_input: What `-` stands for.
        given: What `--format` says.

    Raises:
        InvalidInputError: The ending is unknown, or the stream cannot be read.
    """
    if str(path) == STANDARD:
        with _copied(standard_input, "standard input") as copy:
            yield Input(copy, given or JSONL, "standard input", stream=True)
    elif is_stream(path):
        layout = known_layout(path) or given or JSONL
        with _opened_stream(path) as file, _copied(file, path.name) as copy:
            yield Input(copy, layout, path.name, stream=True)
    elif not path.exists() or path.is_dir():
        yield Input(path, JSONL, path.name)  # reading it says what is wrong
    else:
        yield Input(path, layout_of(path, OPTION, READ, given), path.name)


def _opened_stream(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInputError(f"cannot read {str(path)!r}: {error.strerror}") from error


@contextmanager
def _copied(stream: IO[bytes], name: str) -> Iterator[Path]:
    number, text = tempfile.mkstemp(prefix="gemchain-input-")
    copy = Path(text)
    try:
        try:
            with os.fdopen(number, "wb") as file:
                shutil.copyfileobj(stream, file)
        except OSError as error:
            raise InvalidInputError(
                f"{name} cannot be copied to {str(copy.parent)!r}: {error.strerror}"
            ) from error
        yield copy
    finally:
        copy.unlink(missing_ok=True)
