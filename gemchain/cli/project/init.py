"""`gemchain init`: a deployable codebase in a new Firebase project, or in one that is there already.

What is there is merged or kept, never overwritten: the list of changes is made first, shown with `--dry-run`,
and only then written. A run that was cut off left some of the files; the next one finds those as they should
be, and writes the others.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from gemchain.cli.project import merging, rules
from gemchain.cli.project.dotenv import Places, places, read
from gemchain.cli.project.wheel import wheel_name, write_wheel
from gemchain.errors import ConfigurationError

__all__ = ["Change", "Plan", "init", "plan"]

SOURCE = "functions"
OTHER_SOURCE = "functions-gemchain"
"""Where the codebase goes when the folder `functions` is used already."""

SECRETS = ".secret.local"


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


@dataclass(slots=True)
class Plan:
    """What to write, what to tell, and what only the user can do."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_to_do: list[str] = field(default_factory=list)


def init(folder: Path, *, dry_run: bool) -> int:
    """Write the codebase, or show what would be written.

    Returns:
        The exit code: 1 when something is left that only the user can do, and was told.

    Raises:
        ConfigurationError: A file that has to be merged cannot be read.
    """
    source = _source(folder)
    planned = plan(folder, source)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for change in planned.changes:
        if dry_run:
            console.print(_diff(folder, change), end="")
        elif change.before != change.after:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_text(change.after)
            console.print(f"{change.verb}  {change.path.relative_to(folder)}")
    if not dry_run:
        console.print(f"write  {write_wheel(folder / source / 'vendor').relative_to(folder)}")
    for note in planned.notes:
        console.print(f"note   {note}")
    for each in planned.left_to_do:
        console.print(f"\nTO DO  {each}")
    if not dry_run:
        _say_what_next(console, folder)
    return 1 if planned.left_to_do else 0


def _say_what_next(console: Console, folder: Path) -> None:
    where = "" if folder.resolve() == Path.cwd() else f" {folder}"
    console.print(f"\nTry it on this machine:    gemchain dev{where}")
    console.print("Deploy it, once set up:    firebase deploy --project PROJECT   (docs/deploy.md)")


def plan(folder: Path, source: str) -> Plan:
    """What would be written into a folder, and told."""
    planned = Plan()
    ours = _places(folder / source)
    for name, text in _codebase():
        _keep_or_write(folder / source / name, text, planned)
    config = _merged(folder / "firebase.json", lambda found: merging.with_codebase(found, source))
    chosen = json.loads(config.after)
    collections = sorted(
        {each["collectionGroup"] for each in merging.indexes(ours.collections)["fieldOverrides"]}
    )
    firestore = _file(chosen["firestore"], "rules", "firestore.rules")
    _rules(folder / firestore, "firestore.rules", rules.FIRESTORE, collections, planned)
    storage = _file(chosen["storage"], "rules", "storage.rules")
    _rules(folder / storage, "storage.rules", rules.STORAGE, [ours.folder], planned)
    path = folder / _file(chosen["firestore"], "indexes", "firestore.indexes.json")
    planned.changes.append(_merged(path, lambda found: merging.with_indexes(found, ours.collections)))
    planned.changes.append(config)
    return planned


def _places(source: Path) -> Places:
    """By every `.env` of the codebase, those of single projects included."""
    values: dict[str, str] = {}
    for path in sorted(source.glob(".env*")):
        values |= read(source, path.name.removeprefix(".env.") if path.name != ".env" else None)
    return places(values)


def _file(section: Any, key: str, default: str) -> str:
    """The name of a file in a section of `firebase.json`, which may also be a list, one for each database."""
    for each in section if isinstance(section, list) else [section]:
        if each.get(key):
            return str(each[key])
    return default


def _codebase() -> Iterator[tuple[str, str]]:
    """The files of the functions' folder."""
    for name in ("main.py", "articles.py", ".env", ".env.local", ".gitignore"):
        yield name, merging.template(name).replace("vendor/\n", "")  # the wheel is part of such a codebase
    yield "requirements.txt", f"./vendor/{wheel_name()}[firebase]\n"
    yield SECRETS, ""


def _keep_or_write(path: Path, text: str, planned: Plan) -> None:
    before = path.read_text() if path.exists() else None
    if path.name == SECRETS:
        planned.changes.append(Change(path, before, merging.keys(before or "")))
    elif before is None:
        planned.changes.append(Change(path, None, text))
    elif path.name == "requirements.txt":
        planned.changes.append(Change(path, before, merging.with_requirement(before, text)))
    elif before != text:
        planned.notes.append(f"{path.name} is there and stays as it is")


def _rules(path: Path, name: str, service: rules.Service, ours: list[str], planned: Plan) -> None:
    if not path.exists():
        planned.changes.append(Change(path, None, merging.template(name)))
        return
    before = path.read_text()
    if before == merging.template(name):
        return
    try:
        planned.changes.append(Change(path, before, rules.merged(before, service, ours)))
        wide = rules.opened(before, service)
    except rules.UnreadableError as error:
        planned.left_to_do.append(
            f"{path.name} stays as it is, since {error}. Put this into its `match {service.root}`:\n\n"
            f"{rules.block(ours)}"
        )
        return
    planned.left_to_do += [
        f"{path.name} opens what is gemchain's to clients, and no other rule can close it again: narrow the "
        f"rules of `match {each}`, so that they allow nothing in {', '.join(ours)}"
        for each in wide
    ]


def _source(folder: Path) -> str:
    main = folder / SOURCE / "main.py"
    theirs = (folder / SOURCE).exists() and not (main.exists() and "gemchain" in main.read_text())
    return OTHER_SOURCE if theirs else SOURCE


def _merged(path: Path, merge: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
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


def _diff(folder: Path, change: Change) -> str:
    name = change.path.relative_to(folder).as_posix()
    after, before = change.after, change.before or ""
    if change.path.name == SECRETS:
        before, after = (re.sub(r"=.*", "=(drawn at random)", each) for each in (before, after))
    old = "/dev/null" if change.before is None else name
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, name)
    return "".join(lines)
