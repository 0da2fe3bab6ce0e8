"""Outputs: a file that appears whole or not at all, or a stream.

Crash story. Rows go to a hidden file beside the output. When all are there it is made durable and renamed. A
process that dies before the rename leaves the older output as it was, and the hidden file.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gemchain.data.columns import Column
from gemchain.data.layouts import JSONL, WRITTEN, Layout, known_layout, layout_of
from gemchain.data.parquet import check_installed
from gemchain.data.streams import STANDARD, is_standard_output, is_stream, opened_for_writing
from gemchain.data.writers import Write, write_rows
from gemchain.errors import BlobError, InvalidInputError

__all__ = ["Output", "output_of"]

OPTION = "--output"


@dataclass(frozen=True, slots=True)
class Output:
    """Where rows go.

    Attributes:
        path: The file, the device or the pipe; `-` for standard output.
        layout: How it spells rows.
        stream: What to write to instead of replacing the file: True for `-`, devices and pipes.
        standard: Whether the rows go to standard output, where nothing else may be printed then.
    """

    path: Path
    layout: Layout
    stream: bool = False
    standard: bool = False

    @property
    def name(self) -> str:
        """Its name, for messages."""
        return "standard output" if str(self.path) == STANDARD else str(self.path)

    @property
    def target(self) -> Path:
        """The file that is replaced: where the path is a link, what it leads to."""
        return Path(os.path.realpath(self.path))

    @property
    def has_content(self) -> bool:
        """Whether there is a file with something in it, which would be replaced."""
        try:
            return not self.stream and self.path.stat().st_size > 0
        except OSError:
            return False

    def check_writable(self) -> None:
        """Check before the work whether the rows can be written.

        Raises:
            InvalidInputError: They cannot.
        """
        named = f"{OPTION} {str(self.path)!r}"
        if self.stream:
            if not self.standard and not os.access(self.path, os.W_OK):
                raise InvalidInputError(f"{named} cannot be written: permission denied")
            return
        if self.path.is_dir():
            raise InvalidInputError(f"{named} is a folder; name a file")
        if not self.target.parent.is_dir():
            raise InvalidInputError(f"{named}: there is no folder {str(self.path.parent)!r}")
        probe = _temporary(self.target)
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InvalidInputError(f"{named} cannot be written: {error.strerror}") from error

    @contextmanager
    def writing(
        self,
        columns: Sequence[Column],
        standard_output: IO[bytes],
        before_replacing: Callable[[Path], None] | None = None,
    ) -> Iterator[Write]:
        """Write rows; a file appears whole when the block ends without an error.

        Args:
            columns: See `write_rows`.
            standard_output: What `-` stands for.
            before_replacing: Called with the complete file just before it gets its name.

        Raises:
            BlobError: The disk is full or the folder is gone. An older file of that name is unchanged.
            BrokenPipeError: The reader of a stream has gone.
        """
        try:
            with (
                self._opened(standard_output, before_replacing) as file,
                write_rows(file, self.layout, columns) as write,
            ):
                yield write
        except BrokenPipeError:
            raise
        except OSError as error:
            raise BlobError(f"results cannot be written to {str(self.path)!r}: {error.strerror}") from error

    @contextmanager
    def _opened(
        self, standard_output: IO[bytes], before_replacing: Callable[[Path], None] | None
    ) -> Iterator[IO[bytes]]:
        if not self.stream:
            with _replacing(self.target, before_replacing) as file:
                yield file
        elif self.standard:
            yield standard_output
            standard_output.flush()
        else:
            with opened_for_writing(self.path) as file:
                yield file


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.unfinished")


@contextmanager
def _replacing(path: Path, before: Callable[[Path], None] | None) -> Iterator[IO[bytes]]:
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            before(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def output_of(path: Path, given: Layout | None = None) -> Output:
    """The output that a path names. The format of a stream is that of its ending, else `given`, else JSONL.

    Args:
        path: The file, or `-`.
        given: What `--format` says.

    Raises:
        InvalidInputError: The ending is unknown.
        MissingExtraError: The format needs a package that is not installed.
    """
    if str(path) == STANDARD:
        output = Output(path, given or JSONL, stream=True, standard=True)
    elif is_stream(path):
        layout = known_layout(path) or given or JSONL
        output = Output(path, layout, stream=True, standard=is_standard_output(path))
    elif path.is_dir():
        output = Output(path, JSONL)  # `check_writable` says so
    else:
        output = Output(path, layout_of(path, OPTION, WRITTEN, given))
    if output.layout.format == "parquet":
        check_installed()
    return output
