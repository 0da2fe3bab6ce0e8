"""Whether a function can be stored by its name, and called as it will be."""

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from gemchain.errors import ContinuationError

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
    if not isinstance(function, FunctionType):
        raise ContinuationError(f"a callback must be a plain function, not {function!r}{way_out}")
    if function.__name__ == "<lambda>":
        raise ContinuationError(f"a lambda cannot be found again when its answer arrives{way_out}")
    if "<locals>" in function.__qualname__:
        raise ContinuationError(f"{function.__qualname__!r} is nested in a function{way_out}")
    if "." in function.__qualname__:
        raise ContinuationError(f"{function.__qualname__!r} is defined in a class{way_out}")


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
    signature = inspect.signature(function)
    positional = (_ANY,) if first else ()
    try:
        signature.bind(*positional, **dict.fromkeys(params, _ANY))
    except TypeError as error:
        given = ", ".join([*([first] if first else []), *(f"{each}=…" for each in params)])
        raise ContinuationError(
            f"{name}{signature} cannot be called as ({given}): {error}. params must name its arguments"
        ) from error
