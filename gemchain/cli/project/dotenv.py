"""What a codebase's `.env` files choose. firebase-tools reads the same files, in the same order."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = ["DEFAULT", "Places", "places", "read"]

PREFIX = "gemchain"


def read(source: Path, project: str | None = None, *, emulated: bool = False) -> dict[str, str]:
    """What `.env` says, then `.env.PROJECT`, then, in the emulators, `.env.local`; the last word counts."""
    names = [".env", *([f".env.{project}"] if project else []), *([".env.local"] if emulated else [])]
    return dict(pair for name in names for pair in _pairs(source / name))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            yield name.strip().removeprefix("export ").strip(), value.strip().strip("\"'")


class Places(NamedTuple):
    """Where gemchain's things are: what its collections' names begin with, and its folder in the bucket."""

    collections: str = PREFIX
    folder: str = PREFIX


DEFAULT = Places()


def places(values: dict[str, str]) -> Places:
    """By GEMCHAIN_STORE (`firestore://PROJECT/(default)?prefix=…`) and GEMCHAIN_PREFIX."""
    asked = parse_qs(urlsplit(values.get("GEMCHAIN_STORE", "")).query)
    return Places(
        asked.get("prefix", [PREFIX])[-1], values.get("GEMCHAIN_PREFIX", PREFIX).strip("/") or PREFIX
    )
