"""The formats by name, for what was stored: a response keeps the name of its format."""

from gemchain.errors import DamagedError
from gemchain.formats.gemini.format import GEMINI
from gemchain.formats.plain.format import PLAIN
from gemchain.ports import Format

__all__ = ["DEFAULT", "format_named"]

DEFAULT: Format = GEMINI
"""That of a response which was stored without the name of its format, as it was before there were several."""

FORMATS: dict[str, Format] = {each.name: each for each in (GEMINI, PLAIN)}


def format_named(name: str | None) -> Format:
    """The format of that name; the default for None.

    Raises:
        DamagedError: There is none.
    """
    if name is None:
        return DEFAULT
    if name not in FORMATS:
        raise DamagedError(f"there is no wire format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
