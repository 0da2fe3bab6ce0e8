"""Classes by name: `module:Class`, under the same rules as callbacks.

Only classes at the top level of one of the application's own modules, and only those of the kind that is
asked for (pydantic models, exceptions), so a record cannot make any other class be called.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from gemchain.errors import RequestError, UnresolvedError

__all__ = ["checked_error", "checked_model", "find_error", "find_model", "refusal"]


def find_model(name: str, module_of: Callable[[str], ModuleType]) -> Any:
    """The pydantic model class that was stored as `name`.

    Args:
        name: `module:Class`.
        module_of: Imports a module of the application, and no other.

    Raises:
        UnresolvedError: No such class, or one that may not be used; the message says which.
    """
    return checked_model(_find(name, module_of))


def checked_model(found: Any) -> Any:
    """The class, if it is a pydantic model class.

    Raises:
        UnresolvedError: It is none.
    """
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)  # loaded by the module that defined one
    if base is None or not isinstance(found, type) or not issubclass(found, base):
        raise UnresolvedError(f"{found!r} is no pydantic model class")
    return found


def find_error(name: str, module_of: Callable[[str], ModuleType]) -> type[Exception]:
    """The exception class that was stored as `name`.

    Raises:
        UnresolvedError: No such class, or one that may not be used; the message says which.
    """
    return checked_error(_find(name, module_of))


def checked_error(found: Any) -> type[Exception]:
    """The class, if it is one of exceptions.

    Raises:
        UnresolvedError: It is none.
    """
    if not isinstance(found, type) or not issubclass(found, Exception):
        raise UnresolvedError(f"{found!r} is no exception class")
    return found


def _find(name: str, module_of: Callable[[str], ModuleType]) -> Any:
    module_name, _, class_name = name.partition(":")
    if not class_name.isidentifier() or not all(each.isidentifier() for each in module_name.split(".")):
        raise UnresolvedError(f"{name!r} is not of the form module:Class")
    module = module_of(module_name)
    found = vars(module).get(class_name)
    if found is None:
        raise UnresolvedError(f"module {module_name!r} has no class {class_name!r}")
    if isinstance(found, type) and (found.__module__ != module.__name__ or found.__qualname__ != class_name):
        raise UnresolvedError(
            f"{name!r} is only imported there; it is {found.__module__}:{found.__qualname__}"
        )
    return found


def refusal(model: type, why: str) -> RequestError:
    """The error for a class that could not be found again when its answer arrives."""
    return RequestError(
        f"class {model.__qualname__!r} cannot be found again when its answer arrives: {why}; define it at "
        f"the top level of one of your modules, or pass schema={model.__name__}.model_json_schema() and get "
        "plain data"
    )
