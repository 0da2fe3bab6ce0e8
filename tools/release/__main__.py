"""Making a release's packages: `python -m tools.release [--release]`.

It builds wheel and sdist into `dist/`, checks what is in them and what they say, and tries the wheel on every
Python that the machine has. `--release` also wants all Pythons, and a changelog section with the version's
number.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.release.contents import ROOT, problems
from tools.release.metadata import changes
from tools.release.trial import TrialError, interpreters, try_wheel

__all__ = ["main"]

DIST = ROOT / "dist"
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
AT_ONCE = 2
"""Trials that run at the same time."""


def main(*options: str) -> int:
    """Build, check and try; the exit code says whether all is well."""
    is_release, began = "--release" in options, time.monotonic()
    version = _version()
    wheel, sdist = _build(version)
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes; {sdist.name}: {sdist.stat().st_size:,} bytes")
    wrong = [*problems(wheel, version), *_sdist_problems(sdist, version), *_twine(wheel, sdist)]
    wrong += _changelog(version, is_release=is_release)
    wrong += _trials(wheel, is_release=is_release)
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"problems: {len(wrong)}; {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _version() -> str:
    """The version that the package names; `pyproject.toml` must name the same."""
    named = VERSION.findall((ROOT / "gemchain" / "__init__.py").read_text())
    declared = re.findall(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if named != declared[:1]:
        raise SystemExit(f"gemchain/__init__.py names version {named}, pyproject.toml {declared}")
    return str(named[0])


def _build(version: str) -> tuple[Path, Path]:
    """The wheel, built from the sdist as an installer would, and the sdist."""
    shutil.rmtree(DIST, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the build failed:\n{done.stdout}{done.stderr}")
    return DIST / f"gemchain-{version}-py3-none-any.whl", DIST / f"gemchain-{version}.tar.gz"


def _sdist_problems(sdist: Path, version: str) -> list[str]:
    """The sdist has the package and the papers, and nothing else."""
    known = {"gemchain", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    with tarfile.open(sdist) as archive:
        inside = {Path(name).relative_to(f"gemchain-{version}").parts[0] for name in archive.getnames()}
    missing = [f"{sdist.name}: {name} is missing" for name in sorted(known - inside)]
    return missing + [f"{sdist.name}: {name} does not belong in it" for name in sorted(inside - known)]


def _twine(*packages: Path) -> list[str]:
    """Whether the package index would take them, and show their README."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, packages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"twine check:\n{done.stdout}{done.stderr}"] if done.returncode else []


def _changelog(version: str, *, is_release: bool) -> list[str]:
    try:
        name, text = changes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except ValueError as error:
        return [str(error)]
    print(f"CHANGELOG.md: section [{name}] with {len(re.findall(r'^- ', text, re.MULTILINE))} entries")
    if name == version:
        return []
    note = f"CHANGELOG.md: before a release, [Unreleased] becomes [{version}] - YYYY-MM-DD"
    if is_release:
        return [note]
    print(note)
    return []


def _trials(wheel: Path, *, is_release: bool) -> list[str]:
    """Try the wheel on every Python; print a line for each."""
    found = interpreters()
    missing = [version for version, python in found.items() if python is None]
    for version in missing:
        print(f"Python {version}: not on this machine (looked on the path, in pyenv and uv), not tried")
    wrong = [f"Python {version} is needed for a release" for version in missing if is_release]
    if len(missing) == len(found):
        return ["no Python to try the wheel on"]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        tried = {
            version: pool.submit(try_wheel, python, wheel, Path(folder) / version)
            for version, python in found.items()
            if python is not None
        }
        for version, trial in tried.items():
            try:
                print(f"Python {version}: {trial.result()} ({found[version]})")
            except TrialError as error:
                wrong.append(f"Python {version}: {error}")
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
