"""What is seen of a function when it has returned: what can be no result, and what looks forgotten.

A warning is logged once for each function; see `base/once.py`.
"""

import inspect
from collections.abc import Callable
from typing import Any

from gemchain.api.chains import Chain, PromptHandle
from gemchain.api.scope import Scope
from gemchain.api.specs import ChainAwait, GatherSpec, PromptSpec, WaitSpec
from gemchain.base.once import warn_once
from gemchain.base.plain import SCALARS, Rules, how_it_changes, with_article
from gemchain.errors import InvalidInputError
from gemchain.formats.response import Response

__all__ = ["check_ended", "check_returned"]

_DESCRIPTIONS = (PromptSpec, GatherSpec, WaitSpec, ChainAwait)
_HANDLES = (PromptHandle, Chain)

_RESULT = Rules(as_data=True, verb="return")
"""A result is JSON. A model or a dataclass becomes a dict, and a tuple that is the whole result a list."""

_IN_BRANCH = Rules(tuples=True, as_data=True, kept=(Response, Exception), verb="return")
"""What a branch of an async chain returns is handed over inside the chain; see `durable/values.py`."""

_NOTHING = ("None", "Optional", "Any", "object", "NoReturn", "Never", "TypeVar", "~", "ForwardRef")
"""Words in an annotation that let None be a value."""


def check_returned(function: Callable[..., Any], scope: Scope, value: Any) -> None:
    """Look at what a plain function returned and submitted.

    Args:
        function: It has just returned.
        scope: Its submits.
        value: What it returned.

    Raises:
        InvalidInputError: It returned a coroutine, a generator, a description that nobody sends, or a
            result that would not come back as it is.
    """
    if type(value) not in SCALARS:
        name = _name(function)
        _check_kind(name, value)
        if not scope.items:
            _check_kept(name, value, _RESULT)
    dropped = bool(scope.described) and scope.described.warn(_name(function))
    if scope.items:
        if value is not None:
            _warn_of_a_value_beside(function, value)
    elif value is None and not scope.started and not dropped:
        _warn_of_a_missing_value(function, at_start=scope.parent is None)


def check_ended(name: str, value: Any, *, in_branch: bool = False) -> None:
    """Refuse what can be the result of no async chain.

    Args:
        name: The function that returned it.
        value: What it returned.
        in_branch: Whether the function is a branch of a gather, whose value stays inside the chain.

    Raises:
        InvalidInputError: It is a coroutine or another awaitable, a generator, a description that nobody
            sends, or holds what would not come back as it is.
    """
    if type(value) not in SCALARS:
        _check_kind(name, value)
        _check_kept(name, value, _IN_BRANCH if in_branch else _RESULT)


def _check_kept(name: str, value: Any, rules: Rules) -> None:
    """Refuse a set, a time, or another value that JSON changes without a word."""
    changed = how_it_changes(value, "result", rules)
    if changed is not None:
        raise InvalidInputError(f"what {name} returned is kept as JSON, and its {changed}")


def _check_kind(name: str, value: Any) -> None:
    if isinstance(value, _DESCRIPTIONS):
        call = {PromptSpec: "prompt", GatherSpec: "gather", WaitSpec: "wait"}.get(type(value), "start")
        raise InvalidInputError(
            f"{name} returned what gemchain.{call}() describes, and nothing sends it: in a callback "
            "call gemchain.submit(), or gather() and wait() with a callback; in an async chain await it"
        )
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        raise InvalidInputError(
            f"{name} returned a generator, of which nothing has run; return a list of its values"
        )
    if isinstance(value, _HANDLES) or not inspect.isawaitable(value):
        return
    if inspect.iscoroutine(value):
        value.close()  # else Python warns that it was never awaited, which this error says better
    raise InvalidInputError(
        f"{name} returned {with_article(type(value))}, which nobody awaits: it calls an async function. "
        "A callback is a plain function; write the chain as one async def function under @gemchain.chain, or "
        "await it there"
    )


def _name(function: Callable[..., Any]) -> str:
    home, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))
    return f"{home}:{name}" if home else str(name)


def _warn_of_a_value_beside(function: Callable[..., Any], value: Any) -> None:
    if isinstance(value, _HANDLES):
        return
    if isinstance(value, list | tuple) and all(isinstance(each, _HANDLES) for each in value):
        return
    name = _name(function)
    warn_once(
        "beside",
        name,
        f"{name} returned {with_article(type(value))} and submitted as well: the value is dropped, since the "
        "chain goes on with what was submitted. Pass it on in params, or return None",
    )


def _warn_of_a_missing_value(function: Callable[..., Any], *, at_start: bool) -> None:
    """Warn of a None where a chain began with nothing, or where the annotation promises a value."""
    if at_start:
        name = _name(function)
        warn_once(
            "nothing",
            name,
            f"{name} returned None and submitted nothing: its chain is DONE at once, with None as its "
            "result. Is a gemchain.submit() or a return missing?",
        )
        return
    promised = getattr(function, "__annotations__", None)
    if not promised or "return" not in promised:
        return
    said = promised["return"]
    if said is None or not _promises(function, said):
        return
    name = _name(function)
    warn_once(
        "missing",
        name,
        f"{name} is annotated to return a value, but returned None and submitted nothing: its chain, or "
        "branch, ends here with None. Is a return or a gemchain.submit() missing?",
    )


def _promises(function: Callable[..., Any], said: Any) -> bool:
    """Whether an annotation is sure to exclude None."""
    if said == "None":
        return False
    if isinstance(said, str):
        try:
            said = eval(said, getattr(function, "__globals__", {}))  # noqa: S307 -- the application's own annotation
        except Exception:  # noqa: BLE001 -- names that only a type checker knows
            return False
    if isinstance(said, type) and isinstance(None, said):
        return False
    is_alias = type(said).__name__ == "TypeAliasType"
    return not is_alias and not any(word in repr(said) for word in _NOTHING)
