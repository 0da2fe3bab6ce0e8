"""The file and the function behind a stored name, as `gemchain run` takes them: FILE:FUNCTION.

A name is stored as `module:function`, or `module:name@version` for an async chain. The module is looked for
in the current folder and below; nothing is imported.
"""

import ast
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from gemchain.cli.run.loading import locate
from gemchain.errors import InvalidInputError

__all__ = ["find_source"]

MOST = 2_000
"""Folders that are looked through."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "env"})


def find_source(stored: str, folder: Path) -> str | None:
    """FILE:FUNCTION of a stored name, the file relative to `folder`; None when it is not found there."""
    module, _, name = stored.partition(":")
    parts = module.split(".")
    for root in _folders(folder):
        for file in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
            function = _function_in(file, name) if file.is_file() else None
            if function is not None and _is_imported_as(file, function, module):
                return f"{file.relative_to(folder)}:{function}"
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and those below it, the nearest first."""
    waiting = deque([folder])
    for _ in range(MOST):
        if not waiting:
            return
        here = waiting.popleft()
        yield here
        try:
            with os.scandir(here) as entries:
                below = sorted(each.name for each in entries if each.is_dir(follow_symlinks=False))
        except OSError:
            continue
        waiting += [
            here / each
            for each in below
            if not each.startswith(".") and each not in _SKIPPED and not (here / each / "pyvenv.cfg").exists()
        ]


def _is_imported_as(file: Path, function: str, module: str) -> bool:
    try:
        return locate(f"{file}:{function}").module == module
    except InvalidInputError:
        return False


def _function_in(file: Path, name: str) -> str | None:
    """The name that the function has in the file; None when the file does not define it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    base, _, version = name.partition("@")
    if not version:
        known = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
        return base if base in known else None
    found = [
        (marked, each.name)
        for each in tree.body
        if isinstance(each, ast.AsyncFunctionDef)
        for marked in [_chain_mark(each)]
        if marked is not None and marked[0] == base
    ]
    return dict(found).get((base, version)) or (found[-1][1] if found else None)


def _chain_mark(function: ast.AsyncFunctionDef) -> tuple[str, str] | None:
    """Name and version that `@gemchain.chain` gives it; None without the decorator."""
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        marker = decorator if call is None else call.func
        if (marker.attr if isinstance(marker, ast.Attribute) else getattr(marker, "id", "")) != "chain":
            continue
        given = {each.arg: each.value for each in call.keywords} if call else {}
        values = {name: value.value for name, value in given.items() if isinstance(value, ast.Constant)}
        return str(values.get("name") or function.name), str(values.get("version", 1))
    return None
