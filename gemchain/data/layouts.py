"""The formats of row files: which ending means which, and what `--format` says where there is no ending."""

from pathlib import Path
from typing import NamedTuple

from gemchain.errors import InvalidInputError

__all__ = ["JSONL", "READ", "WRITTEN", "Formats", "Layout", "formats_of", "known_layout", "layout_of"]

_FORMATS = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "json": "json", "parquet": "parquet"}
"""The format that each ending means."""

_COMPRESSED = ".gz"

READ = frozenset({"jsonl", "csv", "json"})
"""Formats that rows are read from."""

WRITTEN = frozenset({"jsonl", "csv", "json", "parquet"})
"""Formats that results are written in."""


class Layout(NamedTuple):
    """How a file spells its rows.

    Attributes:
        format: `jsonl`, `csv`, `json` (one list of objects) or `parquet`.
        gzip: Whether all of it is compressed by gzip.
    """

    format: str = "jsonl"
    gzip: bool = False


JSONL = Layout()


class Formats(NamedTuple):
    """What `--format` says: layouts of an input and an output whose names do not tell."""

    input: Layout | None = None
    output: Layout | None = None


def formats_of(text: str | None) -> Formats:
    """Read `--format`: one format for input and output, or `INPUT:OUTPUT`.

    Raises:
        InvalidInputError: A format is unknown, or cannot be read or written.
    """
    if text is None:
        return Formats()
    first, colon, second = text.partition(":")
    output = _named(second if colon else first, WRITTEN)
    return Formats(_named(first, READ if colon else WRITTEN), output)


def _named(text: str, allowed: frozenset[str]) -> Layout:
    found = known_layout(Path(f"rows.{text}"))
    if found is None or found.format not in allowed:
        raise InvalidInputError(f"--format takes {_list(allowed)}, or INPUT:OUTPUT, not {text!r}")
    return found


def known_layout(path: Path) -> Layout | None:
    """The layout that a file's ending means; None when the ending is none of a row file."""
    name = path.name.lower()
    gzip = name.endswith(_COMPRESSED)
    found = _FORMATS.get(Path(name.removesuffix(_COMPRESSED)).suffix.removeprefix("."))
    if found is None or (gzip and found == "parquet"):
        return None
    return Layout(found, gzip)


def layout_of(path: Path, option: str, allowed: frozenset[str], given: Layout | None) -> Layout:
    """The layout of a file: its ending decides; `given` is for a file with another ending.

    Args:
        path: The file.
        option: The option that names it, for messages.
        allowed: Formats that are possible here.
        given: What `--format` says.

    Raises:
        InvalidInputError: The ending is unknown and nothing was given, or the format is not possible here.
    """
    found = known_layout(path) or given
    if found is None:
        raise InvalidInputError(f"{option} {str(path)!r}: {_what_is_unknown(path)}; {_advice(allowed)}")
    if found.format not in allowed:
        raise InvalidInputError(
            f"{option} {str(path)!r}: {found.format} is not read here; {_advice(allowed)}"
        )
    return found


def _what_is_unknown(path: Path) -> str:
    ending = "".join(path.suffixes[-2:])
    return f"the ending {ending!r} is unknown" if ending else "it has no ending that tells its format"


def _advice(allowed: frozenset[str]) -> str:
    return f"end it in {_list(allowed, '.')} (or .jsonl.gz and the like), or say --format"


def _list(allowed: frozenset[str], before: str = "") -> str:
    names = [f"{before}{each}" for each in ("jsonl", "csv", "json", "parquet") if each in allowed]
    return f"{', '.join(names[:-1])} or {names[-1]}"
