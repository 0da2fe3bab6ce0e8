"""Where a function raised: the file and the line in the text of a traceback."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import gemchain

__all__ = ["Place", "is_foreign", "raised_at", "source_of"]

_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_BEGIN = "Traceback (most recent call last):"
_OWN = str(Path(gemchain.__file__).parent)
_CAUSE = "The above exception was the direct cause of the following exception:"
_LIBRARIES = re.compile(
    r"[/\\](site-packages|dist-packages|lib[/\\]python3[^/\\]*)[/\\]|[/\\]gemchain[/\\]engine[/\\]"
)


class Place(NamedTuple):
    """A line of a file, and the function that it lies in."""

    file: str
    line: int
    function: str

    def within(self, width: int) -> str:
        """The same in so many columns if it can be: the end of the path and the line are never cut."""
        whole = str(self)
        if len(whole) <= width:
            return whole
        place, _, function = whole.rpartition(", in ")
        parts = Path(place).parts
        ends = ["…/" + "/".join(parts[begin:]) for begin in range(1, len(parts))]
        fits = [f"{end}, in {function}" for end in ends] + ends
        return next((each for each in fits if len(each) <= width), parts[-1])

    def __str__(self) -> str:
        """`chains.py:23, in right()`; the file as it is named from the current folder."""
        path = Path(self.file)
        here = Path.cwd()
        name = path.relative_to(here) if path.is_relative_to(here) else path
        return f"{name}:{self.line}, in {self.function}{'' if self.function.startswith('<') else '()'}"


def raised_at(traceback: str | None) -> Place | None:
    """The last line of the user's own code in a traceback or in that of its cause; else of any code."""
    if not traceback:
        return None
    blocks = [list(_frames(each)) for each in reversed(traceback.split(_CAUSE))]
    for frames in blocks:
        own = [each for each in frames if not is_foreign(each.file)]
        if own:
            return own[-1]
    return blocks[0][-1] if blocks[0] else None


def source_of(traceback: str, place: Place) -> list[str]:
    """The lines of source that the traceback shows for a place."""
    frame = f'  File "{place.file}", line {place.line}, in {place.function}\n'
    after = traceback.rpartition(frame)[2].splitlines()
    return list(takewhile(lambda line: line.startswith("    "), after))


def _frames(text: str) -> Iterator[Place]:
    """The frames of the last exception in a text."""
    last = text[max(text.rfind(_BEGIN), 0) :]
    for each in _FRAME.finditer(last):
        yield Place(each["file"], int(each["line"]), each["function"])


def is_foreign(file: str) -> bool:
    """Whether a file is gemchain's own, or a library's, and not the user's."""
    return file.startswith((_OWN, "<")) or _LIBRARIES.search(file) is not None
