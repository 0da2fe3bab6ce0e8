"""The arguments of a prompt, a gather or a wait: checked, and as they are stored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gemchain.api.choices import checked_lane
from gemchain.base import jsontext
from gemchain.base.plain import first_change
from gemchain.errors import InvalidInputError, ParamsError
from gemchain.records.frozen import frozen
from gemchain.records.retry_policy import (
    NO_POLICY,
    ChainDefaults,
    RetryPolicy,
    checked_attempts,
    checked_backoff,
    checked_deadline,
    checked_escalation,
)
from gemchain.runtime import Runtime

__all__ = ["Follows", "Functions", "accepted", "chain_rules", "follows", "kept_text", "priority_of"]


ACCEPTABLE = frozenset({"blocked", "truncated", "empty"})


PRIORITIES = range(-9, 10)


class Functions(NamedTuple):
    """The functions that follow a prompt, a gather or a wait, as the user gave them."""

    callback: Any
    on_error: Any
    retry_if: Any = None


@frozen()
class Follows:
    """What is stored of the functions that follow a prompt."""

    callback: str | None
    on_error: str | None
    retry_if: str | None
    params: str
    closure: str | None


def follows(
    runtime: Runtime, functions: Functions, params: Any, inherited: RetryPolicy, first: str = "response"
) -> Follows:
    """What is stored of these functions.

    Args:
        runtime: Where functions get their names.
        functions: As the user gave them.
        params: Their keyword arguments.
        inherited: The retry policy of the chain.
        first: What the callback's first argument will be.

    Raises:
        InvalidInputError: One of them can never work.
    """
    names = _names(params)
    signed: dict[str, str] = {}
    return Follows(
        _stored(runtime, "callback", functions.callback, (first, *names), signed),
        _stored(runtime, "on_error", functions.on_error, ("error", *names), signed),
        _retry_if(runtime, functions.retry_if, inherited, signed),
        _params_text(params, functions),
        jsontext.dump(signed) if signed else None,
    )


def _retry_if(runtime: Runtime, own: Any, inherited: RetryPolicy, signed: dict[str, str]) -> str | None:
    if own is not None:
        return _stored(runtime, "retry_if", own, ("response",), signed)
    if inherited.signed is not None:
        signed["retry_if"] = inherited.signed
    return inherited.retry_if


def _stored(
    runtime: Runtime, role: str, function: Any, arguments: tuple[str, ...], signed: dict[str, str]
) -> str | None:
    """The name of a function that will be called with these arguments; its text joins `signed` if need be."""
    if function is None:
        return None
    continuations = runtime.continuations
    known = continuations.known(function, arguments)
    if known is not None:
        return known
    first, *names = arguments
    if not continuations.is_by_value(function):
        return continuations.name(function, names, first=first)
    name, signed[role] = continuations.by_value(function, role, names, first=first)
    return name


def _names(given: Any) -> tuple[str, ...]:
    """The names of the params, checked."""
    params = given or {}
    is_dict = type(params) is dict or isinstance(params, Mapping)
    if not is_dict or not all(isinstance(name, str) for name in params):
        raise ParamsError(f"params must be a dict with names as keys, not {params!r}")
    return tuple(params)


def _params_text(params: Any, functions: Functions) -> str:
    if not params:
        return "{}"
    if functions.callback is None and functions.on_error is None:
        raise ParamsError("params are for a callback, and there is none")
    return kept_text(params, params, "params[{}]", "params")


def kept_text(values: Any, named: Mapping[Any, Any], where: str, what: str) -> str:
    """JSON text of values that a function is to get later exactly as they are now.

    Args:
        values: What is kept.
        named: The values in it by their names.
        where: How to call one of them; see `plain.first_change`.
        what: How to call all of them.

    Raises:
        ParamsError: One of them would not come back as it was; the message says what to pass instead.
    """
    try:
        text = jsontext.dump(values)
    except TypeError as error:
        because = first_change(named, where) or error
        raise ParamsError(f"{what} must be JSON, since they are kept for later: {because}") from error
    changed = first_change(named, where)
    if changed is not None:
        raise ParamsError(changed)
    return text


def accepted(accept: Sequence[str]) -> tuple[str, ...]:
    """The failures that count as answers."""
    if not accept:
        return ()
    listed = isinstance(accept, list | tuple | set | frozenset)
    if not listed or not all(isinstance(each, str) and each in ACCEPTABLE for each in accept):
        raise InvalidInputError(f"accept takes a list of {', '.join(sorted(ACCEPTABLE))}, not {accept!r}")
    return tuple(accept)


def priority_of(given: int) -> int:
    """A priority, if it is one."""
    if given not in PRIORITIES:
        raise InvalidInputError(f"priority must be a whole number from -9 to 9, not {given!r}")
    return given


def chain_rules(runtime: Runtime, now: datetime, *defaults: ChainDefaults | None) -> RetryPolicy:
    """What a chain that begins now says for its prompts; what comes first in `defaults` wins.

    Raises:
        InvalidInputError: Some of it can never work.
    """
    settings = runtime.settings
    if not any(defaults) and not settings.default_model and not settings.lane:
        return NO_POLICY
    said: dict[str, Any] = {}
    for each in defaults:
        _check_names(each or {})
        said = {name: value for name, value in (each or {}).items() if value is not None} | said
    signed: dict[str, str] = {}
    retry_if = _stored(runtime, "retry_if", said.get("retry_if"), ("response",), signed)
    return RetryPolicy(
        checked_attempts(said.get("max_attempts")),
        checked_backoff(said.get("backoff")),
        checked_deadline(said.get("deadline"), now),
        retry_if,
        signed.get("retry_if"),
        checked_lane(said.get("lane") or settings.lane or None),
        said.get("model") or settings.default_model or None,
        checked_escalation(said.get("escalate_after")),
    )


def _check_names(defaults: Mapping[str, Any]) -> None:
    unknown = defaults.keys() - ChainDefaults.__annotations__.keys()
    if unknown:
        known = ", ".join(ChainDefaults.__annotations__)
        raise InvalidInputError(f"a chain's defaults are {known}; there is no {min(unknown)!r}")
