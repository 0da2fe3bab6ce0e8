"""`gemchain init`: a deployable codebase in a new Firebase project, or in one that is there already.

What is there is merged or kept, never overwritten: the list of changes is made first, shown with `--dry-run`,
and only then written.
"""

import difflib
import json
import secrets
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from gemchain.cli.wheel import wheel_name, write_wheel
from gemchain.errors import ConfigurationError

__all__ = ["Change", "init", "plan"]

SOURCE = "functions"
OTHER_SOURCE = "functions-gemchain"
"""Where the codebase goes when `functions` belongs to somebody else."""

PYTHONS = ("python311", "python312", "python313")
PORTS = {"functions": 5001, "firestore": 8080, "storage": 9199, "tasks": 9499, "eventarc": 9299}


class Change(NamedTuple):
    """One file: what it says now (None when it is not there), and what it shall say."""

    path: Path
    before: str | None
    after: str

    @property
    def verb(self) -> str:
        """What happens to it, in a word."""
        if self.before is None:
            return "write"
        return "leave" if self.before == self.after else "merge"


def init(folder: Path, *, dry_run: bool) -> None:
    """Write the codebase, or show what would be written.

    Raises:
        ConfigurationError: A file that has to be merged cannot be read.
    """
    source = _source(folder)
    changes, notes = plan(folder, source)
    console = Console(highlight=False, soft_wrap=True)
    for change in changes:
        if dry_run:
            console.print(_diff(folder, change), markup=False, end="")
        elif change.before != change.after:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_text(change.after)
            console.print(f"{change.verb}  {change.path.relative_to(folder)}", markup=False)
    if not dry_run:
        wheel = write_wheel(folder / source / "vendor")
        console.print(f"write  {wheel.relative_to(folder)}", markup=False)
    for note in notes:
        console.print(f"note   {note}", markup=False)
    if not dry_run:
        _say_what_next(console, folder)


def _say_what_next(console: Console, folder: Path) -> None:
    where = "" if folder.resolve() == Path.cwd() else f" {folder}"
    console.print("\nTry it on this machine:    gemchain dev" + where, markup=False)
    console.print(
        "Deploy it, once set up:    firebase deploy --project PROJECT   (docs/deploy.md)", markup=False
    )


def plan(folder: Path, source: str) -> tuple[list[Change], list[str]]:
    """What to write, and what to tell the user about files that are kept as they are."""
    changes: list[Change] = []
    notes: list[str] = []
    for name, text in _codebase():
        _keep_or_write(folder / source / name, text, changes, notes)
    for name in ("firestore.rules", "storage.rules"):
        path = folder / name
        if not path.exists():
            changes.append(Change(path, None, _template(name)))
        elif path.read_text() != _template(name):
            notes += _opened(path)
    changes.append(_merged(folder / "firestore.indexes.json", _with_indexes))
    changes.append(_merged(folder / "firebase.json", lambda config: _with_gemchain(config, source)))
    return changes, notes


def _template(name: str) -> str:
    return files("gemchain.cli").joinpath("codebase", f"{name.removeprefix('.')}.txt").read_text()


def _codebase() -> Iterator[tuple[str, str]]:
    """The files of the functions' folder."""
    for name in ("main.py", "articles.py", ".env", ".env.local", ".gitignore"):
        yield name, _template(name).replace("vendor/\n", "")  # the wheel is part of such a codebase
    yield "requirements.txt", f"./vendor/{wheel_name()}[firebase]\n"
    yield ".secret.local", f"GEMCHAIN_SIGNING_KEY={secrets.token_urlsafe(32)}\n"


def _keep_or_write(path: Path, text: str, changes: list[Change], notes: list[str]) -> None:
    if not path.exists():
        changes.append(Change(path, None, text))
    elif path.name == "requirements.txt":
        changes.append(Change(path, path.read_text(), _with_requirement(path.read_text(), text)))
    elif path.name != ".secret.local" and path.read_text() != text:
        notes.append(f"{path.name} is there and stays as it is")


def _with_requirement(before: str, ours: str) -> str:
    """The requirements with this version's wheel in place of an older one's."""
    lines = [line for line in before.splitlines(keepends=True) if "/gemchain-" not in line]
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return before if ours in before else "".join([*lines, ours])


def _opened(path: Path) -> Iterator[str]:
    """Rules only ever add permission, so none of ours would help against one that opens everything."""
    text = path.read_text()
    yield f"{path.name} is there and stays as it is; what no rule allows is denied to clients, gemchain's too"
    if "{document=**}" in text or "/{allPaths=**}" in text or "{file=**}" in text:
        yield f"{path.name} has a rule for everything: see that it lets no client at gemchain's records"


def _source(folder: Path) -> str:
    main = folder / SOURCE / "main.py"
    theirs = (folder / SOURCE).exists() and not (main.exists() and "gemchain" in main.read_text())
    return OTHER_SOURCE if theirs else SOURCE


def _merged(path: Path, merge: Any) -> Change:
    """A JSON file with our part in it."""
    before = path.read_text() if path.exists() else None
    try:
        content = json.loads(before) if before else {}
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}; mend it, then run init again") from error
    old = json.dumps(content, sort_keys=True)
    merged = merge(content)
    if before is not None and json.dumps(merged, sort_keys=True) == old:
        return Change(path, before, before)  # in their own formatting
    return Change(path, before, json.dumps(merged, indent=2) + "\n")


def _with_indexes(config: dict[str, Any]) -> dict[str, Any]:
    ours = json.loads(_template("firestore.indexes.json"))
    merged = {**config}
    for key in ("indexes", "fieldOverrides"):
        theirs = list(config.get(key, []))
        names = {_index_name(each) for each in theirs}
        merged[key] = theirs + [each for each in ours.get(key, []) if _index_name(each) not in names]
    return merged


def _index_name(index: dict[str, Any]) -> str:
    fields = index.get("fieldPath") or json.dumps(index.get("fields"), sort_keys=True)
    return f"{index['collectionGroup']}/{fields}"


def _with_gemchain(config: dict[str, Any], source: str) -> dict[str, Any]:
    merged = {**config}
    merged["functions"] = _with_codebase(config.get("functions", []), source)
    merged["firestore"] = {
        "rules": "firestore.rules",
        "indexes": "firestore.indexes.json",
        **config.get("firestore", {}),
    }
    merged.setdefault("storage", {"rules": "storage.rules"})
    emulators = dict(config.get("emulators", {}))
    for name, port in PORTS.items():
        emulators.setdefault(name, {"port": port})
    merged["emulators"] = emulators
    return merged


def _with_codebase(functions: Any, source: str) -> list[dict[str, Any]]:
    known = functions if isinstance(functions, list) else [functions]
    if any(each.get("source", SOURCE) == source for each in known):
        return list(known)
    ours = {
        "source": source,
        "codebase": "default" if not known else "gemchain",
        "runtime": _runtime(),
        "ignore": ["venv", "__pycache__", "*.local", ".gitignore"],
    }
    return [*known, ours]


def _runtime() -> str:
    ours = f"python3{sys.version_info.minor}"
    return ours if ours in PYTHONS else PYTHONS[-1]


def _diff(folder: Path, change: Change) -> str:
    name = change.path.relative_to(folder).as_posix()
    secret = change.path.name == ".secret.local"
    after = "GEMCHAIN_SIGNING_KEY=(drawn at random)\n" if secret else change.after
    old = "/dev/null" if change.before is None else name
    before = (change.before or "").splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after.splitlines(keepends=True), old, name))
