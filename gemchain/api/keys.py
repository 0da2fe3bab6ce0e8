"""A key that is in use: whether the chain under it was started with the same arguments.

The new arguments are compared with those in the chain's record, or with the fingerprint that `gemchain gc`
left of them. Whether an argument is given by position or by name does not count, and one that equals its
parameter's default may be left out. Two things cannot be compared, and count as the same: arguments that are
not JSON, and a chain of which no arguments are known, as `submit` starts it or an older gemchain left it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from itertools import combinations
from typing import Any, Literal, NamedTuple

from gemchain.base import jsontext
from gemchain.base.once import warn_once
from gemchain.errors import InvalidInputError, KeyInUseError
from gemchain.records import Chain
from gemchain.records.arguments import arguments_of, fingerprint
from gemchain.runtime import Runtime

__all__ = [
    "Call",
    "Existing",
    "check_existing",
    "refuse_other_call",
    "same_call",
    "warn_of_another_owner",
]

Existing = Literal["raise", "return"]
"""What `start` does when the key is in use by a chain with other arguments."""

SHOWN = 160
"""Characters of one argument that an error shows."""

FEW = 6
"""Arguments equal to their defaults, of which every subset is tried."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Call(NamedTuple):
    """A function and the arguments that it is to be started with."""

    function: Callable[..., Any]
    args: Sequence[Any]
    params: Mapping[str, Any]


def check_existing(existing: str) -> None:
    """Refuse a misspelt `existing`.

    Raises:
        InvalidInputError: It is neither `raise` nor `return`.
    """
    if existing not in ("raise", "return"):
        raise InvalidInputError(f"existing takes 'raise' or 'return', not {existing!r}")


def refuse_other_call(chain: Chain, key: str | None, call: Call) -> None:
    """Refuse a start under the key of a chain that was started with other arguments.

    Without a key nothing is refused: a function that runs again starts the same chain again.

    Raises:
        KeyInUseError: The arguments differ; the message shows both.
    """
    if key is not None and not same_call(chain, call):
        raise KeyInUseError(
            f"key {key!r} of {chain.function} is in use by chain {chain.id} ({chain.state}), which was "
            f"started with other arguments:\n{_both(chain, call)}\n"
            "Take another key, or existing='return' for the chain that exists.",
            key=key,
            chain_id=chain.id,
        )


def warn_of_another_owner(runtime: Runtime, chain: Chain) -> None:
    """Warn once that a key leads to a chain of another program: two modules may have the same name."""
    if chain.owner and runtime.owner and chain.owner != runtime.owner:
        warn_once(
            "owner",
            chain.function,
            f"chain {chain.id} of {chain.function} belongs to {chain.owner!r}, and not to {runtime.owner!r}: "
            "both have a function and a key of this name. Rename a module, or share the setting 'program'",
        )


def same_call(chain: Chain, call: Call) -> bool:
    """Whether the chain was started with these arguments, or nobody can tell; see the module."""
    kept = fingerprint(chain.id, chain.args)
    if kept is None:
        return True
    try:
        return any(kept == fingerprint(chain.id, jsontext.dump(each)) for each in _spellings(call))
    except TypeError:
        return True


def _spellings(call: Call) -> Iterator[dict[str, Any]]:
    """The ways to write the same call: as it is, by position or by name, with defaults or without."""
    yield {"args": list(call.args), "params": dict(call.params)}
    try:
        bound = signature(call.function).bind(*call.args, **call.params)
    except (TypeError, ValueError):
        return
    bound.apply_defaults()
    parameters = bound.signature.parameters
    optional = [name for name, value in bound.arguments.items() if _is_default(parameters[name], value)]
    for left_out in _subsets(optional):
        written = {name: value for name, value in bound.arguments.items() if name not in left_out}
        yield from _written(parameters.values(), written)


def _is_default(parameter: Parameter, value: Any) -> bool:
    """Whether the argument may as well be left out."""
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return False
    return parameter.default is not Parameter.empty and bool(value == parameter.default)


def _subsets(names: Sequence[str]) -> Iterator[Collection[str]]:
    """All of them while there are few; of many names all, none and each alone."""
    if len(names) > FEW:
        yield from ((), names, *((name,) for name in names))
        return
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def _written(parameters: Collection[Parameter], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The call with its first arguments by position, and the others by name; for every number of them."""
    rest = dict(given)
    starred: Sequence[Any] = ()
    for each in parameters:
        if each.kind is Parameter.VAR_POSITIONAL:
            starred = rest.pop(each.name, ())
        elif each.kind is Parameter.VAR_KEYWORD:
            rest |= rest.pop(each.name, {})
    args: list[Any] = []
    for each in parameters:
        if each.kind is not Parameter.POSITIONAL_ONLY and not starred:
            yield {"args": list(args), "params": dict(rest)}
        if each.kind not in _POSITIONAL or each.name not in rest:
            break
        args.append(rest.pop(each.name))
    yield {"args": [*args, *starred], "params": rest}


def _both(chain: Chain, call: Call) -> str:
    """Both calls in words: the arguments that differ, there and here."""
    stored = arguments_of(chain.args)
    if stored is None:
        removed = "removed by `gemchain gc`; a fingerprint tells that they differ"
        return f"  then: {removed}\n  now:  {_text(_named(call))}"
    then = _named(Call(call.function, stored.get("args", ()), stored.get("params", {})))
    now = _named(call)
    gone = object()
    names = [name for name in {**then, **now} if then.get(name, gone) != now.get(name, gone)]
    return f"  then: {_text(then, names)}\n  now:  {_text(now, names)}"


def _named(call: Call) -> dict[str, Any]:
    """The arguments by the names of their parameters, as JSON brings them back."""
    plain: dict[str, Any] = jsontext.load(jsontext.dump({"args": call.args, "params": call.params}))
    try:
        return dict(signature(call.function).bind(*plain["args"], **plain["params"]).arguments)
    except (TypeError, ValueError):
        return {str(place): value for place, value in enumerate(plain["args"])} | dict(plain["params"])


def _text(arguments: Mapping[str, Any], names: Sequence[str] | None = None) -> str:
    """`topic='batteries', count=3`; those of `names` only."""
    shown = arguments if names is None else {name: arguments[name] for name in names if name in arguments}
    return ", ".join(f"{name}={_short(value)}" for name, value in shown.items()) or "(without)"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
