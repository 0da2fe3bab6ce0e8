"""Exceptions as text and back: what a branch raised is raised where its gather is awaited, class and all.

Only Python's and gemchain's own exceptions, and classes at the top level of the application's own modules.
An exception is made again from its `args` and attributes, without running its `__init__`; so these must be
plain JSON. Of any other only words are kept.
"""

import builtins
from typing import Any

from gemchain import errors
from gemchain.base import jsontext
from gemchain.errors import UnresolvedError
from gemchain.runtime import active

__all__ = ["from_text", "in_words", "to_text"]

LARGEST = 16_384
"""Characters of an exception that are kept."""

_KNOWN = {each.__name__: each for each in (builtins, errors)}
"""Modules beside the application's whose exceptions are raised again."""


def in_words(error: Exception) -> str:
    """The exception's class and what it says."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 -- its __str__ may raise anything
        return f"{type(error).__name__}: (its text cannot be read)"


def to_text(error: Exception) -> str | None:
    """What it takes to raise the exception again; None when that cannot be done faithfully."""
    name = _name(type(error))
    if name is None:
        return None
    try:
        text = jsontext.dump({"class": name, "args": list(error.args), "state": vars(error)})
        again = from_text(text) if len(text) <= LARGEST else None
        same = again is not None and again.args == error.args and vars(again) == vars(error)
        return text if same and type(again) is type(error) and str(again) == str(error) else None
    except Exception:  # noqa: BLE001 -- a class of the application's may do anything when it is compared
        return None


def from_text(text: str) -> Exception | None:
    """The exception behind the text of `to_text`.

    Returns:
        The exception; an `UnresolvedError` in its place when its class is gone; None when the text is none.
    """
    try:
        read = jsontext.load(text)
        name, args, state = read["class"], tuple(read["args"]), dict(read["state"])
        kind = _class(name)
        error: Exception = kind.__new__(kind, *args)
        error.args = args
        vars(error).update(state)
        return error if type(error) is kind else None
    except UnresolvedError as gone:
        return gone
    except Exception:  # noqa: BLE001 -- anybody may have written the text
        return None


def _name(kind: type[Exception]) -> str | None:
    if kind.__module__ in _KNOWN:
        return f"{kind.__module__}:{kind.__qualname__}"
    return active().continuations.error_name(kind)


def _class(name: Any) -> type[Exception]:
    module, _, class_name = name.partition(":")
    if module not in _KNOWN:
        return active().continuations.resolve_error(name)
    kind = vars(_KNOWN[module]).get(class_name)
    if not isinstance(kind, type) or not issubclass(kind, Exception) or issubclass(kind, BaseExceptionGroup):
        raise UnresolvedError(f"{name!r} is no exception that can be raised again")
    return kind
