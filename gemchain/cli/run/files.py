"""The input and the output of `gemchain run`: opened, and checked before anything starts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import IO, NamedTuple

from gemchain.data.inputs import Input, opened_input
from gemchain.data.layouts import Formats, formats_of, known_layout
from gemchain.data.outputs import Output, output_of
from gemchain.data.streams import STANDARD, bytes_of
from gemchain.errors import InvalidInputError

__all__ = ["Files", "check_output", "opened"]


class Files(NamedTuple):
    """What a run reads and writes.

    Attributes:
        output: None when nothing is written.
        standard_output: Where `-` leads to. `print` goes to stderr meanwhile, if results go there.
    """

    input: Input
    output: Output | None
    standard_output: IO[bytes]

    @property
    def written(self) -> Output:
        """The output of a run that writes one."""
        assert self.output is not None
        return self.output


@contextmanager
def opened(rows: Path, output: Path | None, text: str | None) -> Iterator[Files]:
    """The files for the time of the block.

    Args:
        rows: `--input`.
        output: `--output`; None when nothing is written.
        text: `--format`.

    Raises:
        InvalidInputError: An ending is unknown, or the format is.
        MissingExtraError: A format needs a package that is not installed.
    """
    formats = formats_of(text)
    _check_use(rows, output, formats)
    written = None if output is None else output_of(output, formats.output)
    standard_input = bytes_of(sys.stdin, "standard input", used=str(rows) == STANDARD)
    to_standard = written is not None and written.standard
    standard_output = bytes_of(sys.stdout, "standard output", used=to_standard)
    aside = redirect_stdout(sys.stderr) if to_standard else nullcontext()
    with opened_input(rows, standard_input, formats.input) as source, aside:
        yield Files(source, written, standard_output)


def _check_use(rows: Path, output: Path | None, formats: Formats) -> None:
    paths = [each for each in (rows, output) if each is not None]
    if formats != Formats() and all(map(known_layout, paths)):
        raise InvalidInputError(
            "--format is for standard input and output, pipes and files without a known ending; here the "
            f"endings of {' and '.join(repr(str(each)) for each in paths)} decide. Leave it out"
        )


def check_output(files: Files) -> None:
    """Check before the work whether the results can be written.

    Raises:
        InvalidInputError: They cannot be written, or would replace the input.
    """
    output = files.written
    output.check_writable()
    source = files.input.path
    if not output.stream and output.path.exists() and source.exists() and output.path.samefile(source):
        raise InvalidInputError(f"--output {str(output.path)!r} is the input; name another file")
