"""`gemchain init`: writing a deployable codebase into a new or an existing Firebase project.

Existing files are merged or kept, never overwritten. The list of changes is made first; `--dry-run` shows it,
and otherwise it is written. If a run is cut off, some of the files are written; the next run finds them
complete, and writes the others.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from gemchain.cli.output.json_data import print_json
from gemchain.cli.project import merge_files, merge_rules
from gemchain.cli.project.dotenv import Places, places, read
from gemchain.cli.project.wheel import wheel_name, write_wheel
from gemchain.errors import ConfigurationError

__all__ = ["Change", "Plan", "init", "plan"]

SOURCE = "functions"
OTHER_SOURCE = "functions-gemchain"
"""The folder of the codebase when `functions` holds another codebase."""

SECRETS = ".secret.local"


class Change(NamedTuple):
    """A change of one file: its text now (None when the file does not exist), and its new text."""

    path: Path
    before: str | None
    after: str

    @property
    def verb(self) -> str:
        """One word for the change: write, merge or leave."""
        if self.before is None:
            return "write"
        return "leave" if self.before == self.after else "merge"


@dataclass(slots=True)
class Plan:
    """The files to write, notes to print, and what is left for the user to do."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_to_do: list[str] = field(default_factory=list)


def init(folder: Path, *, dry_run: bool, as_json: bool) -> int:
    """Write the codebase, or show what would be written.

    Returns:
        The exit code: 1 when something is left for the user to do; it was printed.

    Raises:
        ConfigurationError: A file that has to be merged cannot be read.
    """
    source = _source(folder)
    planned = plan(folder, source)
    wheel = None if dry_run else _write(planned, folder / source)
    if as_json:
        print_json(_as_data(folder, planned, wheel))
    else:
        _print(folder, planned, wheel)
    return 1 if planned.left_to_do else 0


def _write(planned: Plan, source: Path) -> Path:
    """Write what changes, and the wheel; returns the wheel's path."""
    for change in planned.changes:
        if change.before != change.after:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_text(change.after, encoding="utf-8")
    return write_wheel(source / "vendor")


def _as_data(folder: Path, planned: Plan, wheel: Path | None) -> dict[str, Any]:
    """The outcome for programs; after a dry run without a wheel, and with what would change in each file."""
    files = [
        {
            "path": change.path.relative_to(folder).as_posix(),
            "action": change.verb,
            **({"diff": _diff(folder, change)} if wheel is None else {}),
        }
        for change in planned.changes
    ]
    return {
        "dry_run": wheel is None,
        "files": files,
        "wheel": None if wheel is None else wheel.relative_to(folder).as_posix(),
        "notes": planned.notes,
        "to_do": planned.left_to_do,
    }


def _print(folder: Path, planned: Plan, wheel: Path | None) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for change in planned.changes:
        if wheel is None:
            console.print(_diff(folder, change), end="")
        elif change.before != change.after:
            console.print(f"{change.verb}  {change.path.relative_to(folder)}")
    if wheel is not None:
        console.print(f"write  {wheel.relative_to(folder)}")
    for note in planned.notes:
        console.print(f"note   {note}")
    for each in planned.left_to_do:
        console.print(f"\nTO DO  {each}")
    if wheel is not None:
        _print_next_steps(console, folder)


def _print_next_steps(console: Console, folder: Path) -> None:
    where = "" if folder.resolve() == Path.cwd() else f" {folder}"
    console.print(f"\nTry it on this machine:    gemchain dev{where}")
    console.print("Deploy it, once set up:    firebase deploy --project PROJECT   (docs/deploy.md)")


def plan(folder: Path, source: str) -> Plan:
    """The changes and notes for a folder; nothing is written."""
    planned = Plan()
    ours = _places(folder / source)
    for name, text in _codebase():
        _keep_or_write(folder / source / name, text, planned)
    config = _merged(folder / "firebase.json", lambda found: merge_files.with_codebase(found, source))
    chosen = json.loads(config.after)
    collections = sorted(
        {each["collectionGroup"] for each in merge_files.indexes(ours.collections)["fieldOverrides"]}
    )
    firestore = _file(chosen["firestore"], "rules", "firestore.rules")
    _merge_rules(folder / firestore, "firestore.rules", merge_rules.FIRESTORE, collections, planned)
    storage = _file(chosen["storage"], "rules", "storage.rules")
    _merge_rules(folder / storage, "storage.rules", merge_rules.STORAGE, [ours.folder], planned)
    path = folder / _file(chosen["firestore"], "indexes", "firestore.indexes.json")
    planned.changes.append(_merged(path, lambda found: merge_files.with_indexes(found, ours.collections)))
    planned.changes.append(config)
    return planned


def _places(source: Path) -> Places:
    """The places from every `.env` file of the codebase, those of single projects included."""
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
    """Names and texts of the files in the functions' folder."""
    for name in ("main.py", "articles.py", ".env", ".env.local", ".gitignore"):
        # The wheel in vendor/ belongs to such a codebase, so git must not ignore it.
        yield name, merge_files.template(name).replace("vendor/\n", "")
    yield "requirements.txt", f"./vendor/{wheel_name()}[firebase]\n"
    yield SECRETS, ""


def _keep_or_write(path: Path, text: str, planned: Plan) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if path.name == SECRETS:
        planned.changes.append(Change(path, before, merge_files.keys(before or "")))
    elif before is None:
        planned.changes.append(Change(path, None, text))
    elif path.name == "requirements.txt":
        planned.changes.append(Change(path, before, merge_files.with_requirement(before, text)))
    elif before != text:
        planned.notes.append(f"{path.name} is there and stays as it is")


def _merge_rules(path: Path, name: str, service: merge_rules.Service, ours: list[str], planned: Plan) -> None:
    if not path.exists():
        planned.changes.append(Change(path, None, merge_files.template(name)))
        return
    before = path.read_text(encoding="utf-8")
    if before == merge_files.template(name):
        return
    try:
        planned.changes.append(Change(path, before, merge_rules.merged(before, service, ours)))
        too_wide = merge_rules.opened(before, service)
    except merge_rules.UnreadableError as error:
        planned.left_to_do.append(
            f"{path.name} stays as it is, since {error}. Put this into its `match {service.root}`:\n\n"
            f"{merge_rules.block(ours)}"
        )
        return
    planned.left_to_do += [
        f"{path.name} lets clients reach gemchain's data, and no other rule can forbid it: narrow the "
        f"rules of `match {each}`, so that they allow nothing in {', '.join(ours)}"
        for each in too_wide
    ]


def _source(folder: Path) -> str:
    main = folder / SOURCE / "main.py"
    theirs = (folder / SOURCE).exists() and not (
        main.exists() and "gemchain" in main.read_text(encoding="utf-8")
    )
    return OTHER_SOURCE if theirs else SOURCE


def _merged(path: Path, merge: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """A JSON file with gemchain's part merged into it."""
    before = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        content = json.loads(before) if before else {}
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}; fix it, then run init again") from error
    old = json.dumps(content, sort_keys=True)
    merged = merge(content)
    if before is not None and json.dumps(merged, sort_keys=True) == old:
        return Change(path, before, before)  # with the user's own formatting
    return Change(path, before, json.dumps(merged, indent=2) + "\n")


def _diff(folder: Path, change: Change) -> str:
    name = change.path.relative_to(folder).as_posix()
    after, before = change.after, change.before or ""
    if change.path.name == SECRETS:
        before, after = (re.sub(r"=.*", "=(drawn at random)", each) for each in (before, after))
    old = "/dev/null" if change.before is None else name
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, name)
    return "".join(lines)
