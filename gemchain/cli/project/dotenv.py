"""Reading a codebase's `.env` files, in the order in which firebase-tools reads them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = ["DEFAULT", "Places", "places", "read"]

PREFIX = "gemchain"


def read(source: Path, project: str | None = None, *, emulated: bool = False) -> dict[str, str]:
    """The values of `.env`, then `.env.PROJECT`, then, in the emulators, `.env.local`; later files win."""
    names = [".env", *([f".env.{project}"] if project else []), *([".env.local"] if emulated else [])]
    return dict(pair for name in names for pair in _pairs(source / name))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            yield name.strip().removeprefix("export ").strip(), value.strip().strip("\"'")


class Places(NamedTuple):
    """Where gemchain keeps its data: the prefix of its collections' names, and its folder in the bucket."""

    collections: str = PREFIX
    folder: str = PREFIX


DEFAULT = Places()


def places(values: dict[str, str]) -> Places:
    """The places from GEMCHAIN_STORE (`firestore://PROJECT/(default)?prefix=…`) and GEMCHAIN_PREFIX."""
    query = parse_qs(urlsplit(values.get("GEMCHAIN_STORE", "")).query)
    return Places(
        query.get("prefix", [PREFIX])[-1], values.get("GEMCHAIN_PREFIX", PREFIX).strip("/") or PREFIX
    )
