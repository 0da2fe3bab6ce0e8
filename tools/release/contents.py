"""What a wheel may have in it, and what it must have."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tools.release.metadata import metadata_problems

__all__ = ["LARGEST", "ROOT", "problems"]

ROOT = Path(__file__).parents[2]

LARGEST = 1_200_000
"""Bytes of the wheel, at most. It has 930,000: when it is more, something is in it by mistake."""

KINDS = {".py", ".sql", ".toml", ".typed"}
"""Endings of files that an installed gemchain reads."""

TEMPLATES = "gemchain/cli/project/codebase/"
"""Folder of the files that `gemchain init` writes; each ends with `.txt`."""

FOR_DEVELOPERS = re.compile(r"(^|/)(tests?|fixtures|conftest\.py|test_[^/]*|[^/]*_test\.py|__pycache__)(/|$)")


def problems(wheel: Path, version: str) -> list[str]:
    """What is wrong with a wheel, a line each; empty when all is well.

    Args:
        wheel: The file.
        version: The version that it has to be.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = f"gemchain-{version}.dist-info/"
        found = [*_too_large(wheel), *_foreign(names, info), *_missing(names, info)]
        if f"{info}METADATA" in names:
            found += metadata_problems(archive.read(f"{info}METADATA").decode(), version)
        if f"{info}entry_points.txt" in names:
            entry = archive.read(f"{info}entry_points.txt").decode()
            found += (
                [] if "gemchain = gemchain.cli:main" in entry else ["the command gemchain is not declared"]
            )
    return found


def _too_large(wheel: Path) -> Iterator[str]:
    size = wheel.stat().st_size
    if size > LARGEST:
        yield f"the wheel has {size:,} bytes, more than {LARGEST:,}"


def _foreign(names: list[str], info: str) -> Iterator[str]:
    """Files that a user does not need."""
    for name in names:
        if name.startswith(info):
            continue
        is_template = name.startswith(TEMPLATES) and name.endswith(".txt")
        is_known = name.startswith("gemchain/") and (PurePosixPath(name).suffix in KINDS or is_template)
        if not is_known and name != "gemchain/py.typed":
            yield f"{name}: not a file that an installed gemchain reads"
        elif FOR_DEVELOPERS.search(name) and name != "gemchain/testing.py":
            yield f"{name}: only developers of gemchain need it"


def _missing(names: list[str], info: str) -> Iterator[str]:
    """Files of the package, and of every wheel, that are not in this one."""
    files = [each for each in (ROOT / "gemchain").rglob("*") if each.is_file() and each.suffix != ".pyc"]
    package = {each.relative_to(ROOT).as_posix() for each in files}
    needed = {
        f"{info}{each}" for each in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    for name in sorted((package | needed | {"gemchain/py.typed"}) - set(names)):
        yield f"{name}: missing"
