"""What runs as `__main__`, and what was typed into a session: a notebook, a REPL, `python -c`, `python -`.

The functions and classes of a session have no file in which another process finds them, so they are stored by
value. A copy that was loaded again, in whatever process, is stored by value again.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

__all__ = ["is_of_session", "main_file", "main_name", "names_used"]

MAIN = "__main__"

PROMPT = "_pyrepl.__main__"
"""The module that Python 3.13 names as the one that runs when it shows its prompt."""


def main_file() -> Path | None:
    """The file of the script that runs; None in a session."""
    main = sys.modules.get(MAIN)
    if getattr(getattr(main, "__spec__", None), "name", "") == PROMPT:
        return None
    file = getattr(main, "__file__", None)
    return Path(file) if file and not file.startswith("<") else None  # `python -` calls it <stdin>


def main_name() -> str | None:
    """The name by which another process would import what runs as `__main__`; None in a session."""
    spec = getattr(sys.modules.get(MAIN), "__spec__", None)
    if spec is not None and spec.name != PROMPT:
        return str(spec.name).removesuffix(".__main__") if spec.name.endswith(".__main__") else str(spec.name)
    file = main_file()
    return file.stem if file else None


def is_of_session(thing: Any) -> bool:
    """Whether a function or a class was typed into a session, here or where it was stored by value."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if isinstance(thing, MethodType):
        thing = thing.__func__
    elif not isinstance(thing, FunctionType | type):
        thing = type(thing)
    if getattr(thing, "__module__", None) != MAIN:
        return False
    return main_name() is None or _is_copy(thing)


def _is_copy(thing: Any) -> bool:
    """Whether something that says `__main__` was loaded by value, and is not of the script that runs."""
    if isinstance(thing, FunctionType):
        home = sys.modules.get(thing.__globals__.get("__name__", ""))
        return home is None or thing.__globals__ is not vars(home)
    return "." not in thing.__qualname__ and thing.__name__ not in vars(sys.modules[MAIN])


def names_used(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """The global variables that a function uses, with their values: they are stored with it."""
    while isinstance(function, functools.partial):
        function = function.func
    inner = getattr(function, "__func__", function)
    code, variables = getattr(inner, "__code__", None), getattr(inner, "__globals__", {})
    for name in code.co_names if code is not None else ():
        if name in variables:
            yield name, variables[name]
