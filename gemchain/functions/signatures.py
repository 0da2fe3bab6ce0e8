"""Whether a function can be stored by its name, and called as it will be."""

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from gemchain.errors import ContinuationError
from gemchain.functions.decorators import chain_options

__all__ = ["check_plain", "check_signature"]

_ANY = object()


def check_plain(function: Callable[..., Any]) -> None:
    """Refuse what cannot be found again by its name.

    Raises:
        ContinuationError: It is no function at the top level of a module.
    """
    way_out = (
        "; move it to the top level of a module and pass what it needs in params, "
        "or set GEMCHAIN_SIGNING_KEY to store it by value"
    )
    if not callable(function):
        raise ContinuationError(
            f"a callback must be a plain function, not {function!r}: give the function itself"
        )
    if not isinstance(function, FunctionType):
        raise ContinuationError(f"a callback must be a plain function, not {function!r}{way_out}")
    if function.__name__ == "<lambda>":
        raise ContinuationError(f"a lambda cannot be found again when its answer arrives{way_out}")
    if "<locals>" in function.__qualname__:
        raise ContinuationError(f"{function.__qualname__!r} is nested in a function{way_out}")
    if "." in function.__qualname__:
        raise ContinuationError(f"{function.__qualname__!r} is defined in a class{way_out}")


def check_returns(function: Callable[..., Any], name: str) -> None:
    """Refuse a function that returns a coroutine or a generator when it is called, and so does nothing.

    Raises:
        ContinuationError: It is an `async def` function, or has a `yield`.
    """
    called = (function, vars(type(function)).get("__call__", function))  # or of an object that can be called
    if any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in called):
        raise ContinuationError(
            f"{name} is an async def function, which a callback cannot be: {_way(function)}"
        )
    if any(map(inspect.isgeneratorfunction, called)):
        raise ContinuationError(
            f"{name} has a `yield`, so calling it runs nothing of it. A callback is a plain function that "
            "submits, or returns its result"
        )


def _way(function: Callable[..., Any]) -> str:
    if chain_options(function) is not None:
        name = getattr(function, "__name__", "it")
        return f"it is a chain of its own; give a plain function that calls gemchain.start({name}, ...)"
    return (
        "write `def`, or write the whole chain as one async def function under @gemchain.chain and await "
        "gemchain.prompt(...) in it"
    )


def check_signature(function: Callable[..., Any], name: str, params: Sequence[str], first: str) -> None:
    """Refuse a function that cannot take the arguments it will be called with.

    Args:
        function: What will be called.
        name: What to call it in the error.
        params: Names of its keyword arguments.
        first: What its first argument will be; empty when it takes none.

    Raises:
        ContinuationError: It cannot take them.
    """
    check_returns(function, name)
    signature = inspect.signature(function)
    positional = (_ANY,) if first else ()
    try:
        signature.bind(*positional, **dict.fromkeys(params, _ANY))
    except TypeError as error:
        given = ", ".join([*([first] if first else []), *(f"{each}=…" for each in params)])
        raise ContinuationError(
            f"{name}{signature} cannot be called as ({given}): {error}. params must name its arguments"
        ) from error
