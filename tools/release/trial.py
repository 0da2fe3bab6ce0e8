"""A trial of a wheel: an empty virtual environment, the core alone, and every block of the quickstart."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.release.contents import ROOT
from tools.release.metadata import PYTHONS

__all__ = ["TrialError", "blocks", "interpreters", "try_wheel"]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")

QUICK = {"GEMCHAIN_GRACE": "0", "GEMCHAIN_POLL": "0.05", "GEMCHAIN_RETRY_DELAY": "0.01"}
"""Settings that make simulated batches quick."""

OF_EXTRAS = ("firebase", "google", "grpcio", "hypothesis", "pytest")
"""Beginnings of the names of packages that only extras need."""


class TrialError(Exception):
    """A command of the trial failed; its output is the message."""


def interpreters() -> dict[str, Path | None]:
    """The Pythons of this machine that gemchain promises to run on, by version; None where one is missing.

    They are looked for on the path, among those of pyenv, and among those of uv. None is downloaded.
    """
    return {version: next(_candidates(version), None) for version in PYTHONS}


def _candidates(version: str) -> Iterator[Path]:
    homes = [
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local" / "share" / "uv" / "python"),
    ]
    found = [shutil.which(f"python{version}"), shutil.which("python3")]
    paths = [Path(each) for each in found if each]
    for home in homes:
        paths += [path / "bin" / "python3" for path in sorted(home.glob(f"*{version}.*"), reverse=True)]
    for path in paths:
        if path.exists() and _version(path) == version:
            yield path


def _version(python: Path) -> str:
    """The version of an interpreter; empty when it does not run, as a shim of pyenv without its Python."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def blocks(document: Path) -> list[tuple[str, str]]:
    """The blocks of a document that a reader runs, in their order: `python` or `sh`, and the text."""
    found = BLOCK.findall(document.read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language in {"python", "sh"}]


def try_wheel(python: Path, wheel: Path, folder: Path) -> str:
    """Install a wheel into an empty environment, and run the quickstart with it.

    Args:
        python: The interpreter.
        wheel: The wheel; its requirements come from the package index.
        folder: A folder that does not exist; environment and files go there.

    Returns:
        What was installed and run, on one line.

    Raises:
        TrialError: A command failed, or the installed package is not the wheel's.
    """
    venv, work = folder / "venv", folder / "work"
    work.mkdir(parents=True)
    environment = _environment(venv)
    _run([str(python), "-I", "-m", "venv", str(venv)], folder, environment)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", str(wheel)], folder, environment)
    _run([*pip, "check"], folder, environment)
    packages = _run([*pip, "list", "--format=freeze"], folder, environment).split()
    if extra := [each for each in packages if each.startswith(OF_EXTRAS)]:
        raise TrialError(f"the core alone installs {', '.join(extra)}")
    where = _run(["python", "-c", "import gemchain; print(gemchain.__file__)"], work, environment).strip()
    if not Path(where).is_relative_to(venv):
        raise TrialError(f"gemchain is imported from {where}, and not from the wheel")
    run = blocks(ROOT / "docs" / "quickstart.md")
    for language, text in run:
        _run_block(language, text, work, environment)
    return f"{len(packages)} packages installed, {len(run)} blocks of the quickstart run"


def _environment(venv: Path) -> dict[str, str]:
    """This process's variables, without those that would let it find another gemchain or another state."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GEMCHAIN_", "PYTHON", "VIRTUAL"))
    }
    return (
        kept | QUICK | {"PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    )


def _run_block(language: str, text: str, work: Path, environment: dict[str, str]) -> None:
    if language == "sh":
        _run(["sh", "-eu", "-c", text], work, environment)
        return
    name = FILE.match(text)
    if name is None:
        raise TrialError(f"a block of the quickstart does not begin with the name of its file:\n{text}")
    (work / name[1]).write_text(text, encoding="utf-8")
    _run(["python", name[1]], work, environment)


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command, which the environment's own path finds; give what it printed."""
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TrialError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
