"""Where a function raised: the file and the line in the text of a traceback."""

import re
from pathlib import Path
from typing import NamedTuple

import gemchain

__all__ = ["Place", "raised_at"]

_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_BEGIN = "Traceback (most recent call last):"
_OWN = str(Path(gemchain.__file__).parent)
_LIBRARIES = re.compile(
    r"[/\\](site-packages|dist-packages|lib[/\\]python3[^/\\]*)[/\\]|[/\\]gemchain[/\\]engine[/\\]"
)


class Place(NamedTuple):
    """A line of a file, and the function that it lies in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """`chains.py:23, in right()`; the file as it is named from the current folder."""
        path = Path(self.file)
        here = Path.cwd()
        name = path.relative_to(here) if path.is_relative_to(here) else path
        return f"{name}:{self.line}, in {self.function}{'' if self.function.startswith('<') else '()'}"


def raised_at(traceback: str | None) -> Place | None:
    """The last line of the user's own code in a traceback; of any code if there is none of the user's."""
    if not traceback:
        return None
    last = traceback[max(traceback.rfind(_BEGIN), 0) :]
    frames = [Place(each["file"], int(each["line"]), each["function"]) for each in _FRAME.finditer(last)]
    own = [each for each in frames if not _is_foreign(each.file)]
    found = own or frames
    return found[-1] if found else None


def _is_foreign(file: str) -> bool:
    return file.startswith((_OWN, "<")) or _LIBRARIES.search(file) is not None
