"""Importing the function of FILE:FUNCTION, under a module name that is the same in every run.

The name is stored with every prompt, and answers arrive hours later, in another process. So a file
is imported under the name that it has below its import root: the first folder above it without an
`__init__.py`. That root is put first on `sys.path`, and its modules may contain callbacks.
"""

import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from gemchain.errors import InvalidInputError
from gemchain.functions.decorators import chain_options

__all__ = ["Target", "import_file", "load", "locate"]

SHOWN = 6
"""Lines of a traceback that are shown when a file cannot be imported."""


@dataclass(frozen=True, slots=True)
class Target:
    """The file, the module and the name of a function.

    Attributes:
        root: The folder from which the file is imported.
        module: Its name below `root`.
    """

    path: Path
    root: Path
    module: str
    function: str


def locate(text: str) -> Target:
    """Find the file of FILE:FUNCTION, without importing anything.

    Raises:
        InvalidInputError: The text is not FILE:FUNCTION, or the file cannot be imported under a name.
    """
    file, colon, function = text.rpartition(":")
    if not colon or not file or not function.isidentifier():
        raise InvalidInputError(f"{text!r} is not FILE:FUNCTION, such as chains.py:start")
    path = Path(file).resolve()
    if not path.is_file():
        raise InvalidInputError(f"there is no file {file!r}{_hint(_files_near(path))}")
    if path.suffix != ".py":
        raise InvalidInputError(f"{file!r} is not a Python file (.py)")
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    if names[-1] == "__init__":
        names.pop()
    wrong = [name for name in names if not name.isidentifier()]
    if wrong:
        raise InvalidInputError(f"{file!r} cannot be imported: {wrong[0]!r} is no Python name; rename it")
    return Target(path, root, ".".join(names), function)


def _files_near(path: Path) -> list[str]:
    if path.with_name(path.name + ".py").is_file():
        return [path.name + ".py"]
    if not path.parent.is_dir():
        return []
    return difflib.get_close_matches(path.name, [each.name for each in path.parent.glob("*.py")], n=1)


def _hint(near: list[str]) -> str:
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def load(target: Target) -> Callable[..., Any]:
    """Import the file and return the function.

    Raises:
        InvalidInputError: The file cannot be imported, or has no such function.
    """
    module = import_file(target)
    function = vars(module).get(target.function)
    if function is None:
        own = [name for name, value in vars(module).items() if _is_own(value, module)]
        near = difflib.get_close_matches(target.function, own, n=3, cutoff=0.5)
        there = f"; there are {', '.join(own)}" if own else "; it has no functions"
        raise InvalidInputError(
            f"{target.path.name} has no function {target.function!r}{_hint(near) or there}"
        )
    if not isinstance(function, FunctionType):
        raise InvalidInputError(
            f"{target.function!r} in {target.path.name} is not a function but a {type(function).__name__}"
        )
    if inspect.iscoroutinefunction(function) and chain_options(function) is None:
        raise InvalidInputError(
            f"{target.function!r} in {target.path.name} is async: an async chain needs @gemchain.chain"
        )
    return function


def _is_own(value: object, module: ModuleType) -> bool:
    return isinstance(value, FunctionType) and value.__module__ == module.__name__


def import_file(target: Target) -> ModuleType:
    """Import the file under its name, whatever is in it.

    Raises:
        InvalidInputError: The file cannot be imported.
    """
    if str(target.root) in sys.path:
        sys.path.remove(str(target.root))
    sys.path.insert(0, str(target.root))
    _check_name(target, sys.modules.get(target.module))
    try:
        module = importlib.import_module(target.module)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise InvalidInputError(
            f"{target.path.name} ends the program when it is imported; put its start under "
            'if __name__ == "__main__":'
        ) from error
    except BaseException as error:
        lines = _last_lines(error, target)
        raise InvalidInputError(
            f"{target.path.name} raised {type(error).__name__} when it was imported:\n{lines}"
        ) from error
    _check_name(target, module)
    return module


def _check_name(target: Target, module: ModuleType | None) -> None:
    """Refuse a file such as `json.py`, whose name imports another module: here the standard library's."""
    if module is None:
        return
    file = getattr(module, "__file__", None)
    if file is None or Path(file).resolve() != target.path:
        raise InvalidInputError(
            f"the name {target.module!r} is taken by {file or 'a built-in module'}; rename {target.path.name}"
        )


def _last_lines(error: BaseException, target: Target) -> str:
    """The end of the traceback, from the user's own file on."""
    described = traceback.TracebackException.from_exception(error)
    files = [frame.filename for frame in described.stack]
    begin = files.index(str(target.path)) if str(target.path) in files else len(files)
    described.stack = traceback.StackSummary.from_list(described.stack[begin:])
    described.__cause__ = described.__context__ = None
    return "\n".join("".join(described.format()).splitlines()[-SHOWN:])
