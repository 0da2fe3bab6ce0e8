"""Merging gemchain's part into a project's own firebase.json, indexes, requirements and secrets."""

import json
import secrets
import sys
from importlib.resources import files
from typing import Any

from gemchain.cli.project.dotenv import PREFIX

__all__ = ["indexes", "keys", "template", "with_codebase", "with_indexes", "with_requirement"]

PYTHONS = ("python311", "python312", "python313")
PORTS = {"functions": 5001, "firestore": 8080, "storage": 9199, "tasks": 9499, "eventarc": 9299}
KEYS = ("GEMCHAIN_SIGNING_KEY", "GEMCHAIN_START_KEY")


def template(name: str) -> str:
    """The text of a template file."""
    return (
        files("gemchain.cli.project")
        .joinpath("codebase", f"{name.removeprefix('.')}.txt")
        .read_text(encoding="utf-8")
    )


def indexes(prefix: str) -> dict[str, list[dict[str, Any]]]:
    """The indexes of gemchain, for collections whose names begin with a prefix."""
    found: dict[str, list[dict[str, Any]]] = json.loads(template("firestore.indexes.json"))
    for each in (*found["indexes"], *found["fieldOverrides"]):
        each["collectionGroup"] = prefix + each["collectionGroup"].removeprefix(PREFIX)
    return found


def with_indexes(config: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The project's indexes, with those of gemchain's that are missing."""
    ours, merged = indexes(prefix), {**config}
    for key in ("indexes", "fieldOverrides"):
        theirs = list(config.get(key, []))
        names = {_index_name(each) for each in theirs}
        merged[key] = theirs + [each for each in ours.get(key, []) if _index_name(each) not in names]
    return merged


def _index_name(index: dict[str, Any]) -> str:
    fields = index.get("fieldPath") or json.dumps(index.get("fields"), sort_keys=True)
    return f"{index['collectionGroup']}/{fields}"


def with_codebase(config: dict[str, Any], source: str) -> dict[str, Any]:
    """The project's `firebase.json`, with gemchain's codebase and the sections that it needs."""
    merged = {**config}
    merged["functions"] = _with_functions(config.get("functions", []), source)
    firestore = config.get("firestore", {})
    if isinstance(firestore, dict):  # a list names the files of several databases
        merged["firestore"] = {
            "rules": "firestore.rules",
            "indexes": "firestore.indexes.json",
            **firestore,
        }
    merged.setdefault("storage", {"rules": "storage.rules"})
    emulators = dict(config.get("emulators", {}))
    for name, port in PORTS.items():
        emulators.setdefault(name, {"port": port})
    merged["emulators"] = emulators
    return merged


def _with_functions(functions: Any, source: str) -> list[dict[str, Any]]:
    known = functions if isinstance(functions, list) else [functions]
    if any(each.get("source", "functions") == source for each in known):
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


def with_requirement(before: str, ours: str) -> str:
    """The project's requirements, with this version's wheel in place of an older one."""
    lines = [line for line in before.splitlines(keepends=True) if "/gemchain-" not in line]
    return before if ours in before else "".join([*_with_line_end(lines), ours])


def keys(before: str) -> str:
    """The emulators' secrets. Missing ones are drawn at random; existing ones are never replaced."""
    missing = (name for name in KEYS if not any(line.startswith(f"{name}=") for line in before.splitlines()))
    drawn = [f"{name}={secrets.token_urlsafe(32)}\n" for name in missing]
    return "".join([*_with_line_end(before.splitlines(keepends=True)), *drawn]) if drawn else before


def _with_line_end(lines: list[str]) -> list[str]:
    if lines and not lines[-1].endswith("\n"):
        return [*lines[:-1], f"{lines[-1]}\n"]
    return lines
