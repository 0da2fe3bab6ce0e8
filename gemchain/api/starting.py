"""Chains from functions: `start`, `start_many`.

The function runs here and now, and its chain is recorded with all that it submits by one commit; see
`recording.py` for what a crash leaves.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar, overload

from gemchain.api.chains import Chain
from gemchain.api.keys import Call, Existing, check_existing, refuse_other_call, warn_of_another_owner
from gemchain.api.recording import NewChains, groups, record_chains
from gemchain.api.start_units import chain_scope, chain_unit, kept_key, start_id
from gemchain.errors import InvalidInputError
from gemchain.records.retry_policy import ChainDefaults
from gemchain.runtime import Runtime, active

__all__ = ["start", "start_many"]


P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row", bound=Mapping[str, Any])


# PEP 612 allows no named argument between P.args and P.kwargs, and no other way to say it. pyright checks the
# function's arguments all the same; mypy does so in calls without `key` and `defaults`.
@overload
def start(function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **params: P.kwargs) -> Chain[T]: ...
@overload
def start(  # type: ignore[valid-type]
    function: Callable[P, Coroutine[Any, Any, T]],
    *args: P.args,
    key: str | None,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
    **params: P.kwargs,
) -> Chain[T]: ...
@overload
def start(  # type: ignore[valid-type]
    function: Callable[P, Coroutine[Any, Any, T]],
    *args: P.args,
    defaults: ChainDefaults | None,
    **params: P.kwargs,
) -> Chain[T]: ...
@overload
def start(function: Callable[P, Any], *args: P.args, **params: P.kwargs) -> Chain[Any]: ...
@overload
def start(  # type: ignore[valid-type]
    function: Callable[P, Any],
    *args: P.args,
    key: str | None,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
    **params: P.kwargs,
) -> Chain[Any]: ...
@overload
def start(  # type: ignore[valid-type]
    function: Callable[P, Any], *args: P.args, defaults: ChainDefaults | None, **params: P.kwargs
) -> Chain[Any]: ...
def start(  # type: ignore[misc]
    function: Callable[..., Any],
    *args: Any,
    key: str | None = None,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
    **params: Any,
) -> Chain[Any]:
    """Start a chain: run `function`, and record what it submits.

    The function runs here and now; its submits and the chain are recorded in one commit when it
    returns. When it submits nothing, its returned value is the chain's result at once.

    Args:
        function: Called as `function(*args, **params)`.
        *args: Its positional arguments.
        key: Makes the start repeatable: the same function, key and arguments return the chain that exists,
            and the function does not run again. Each function has keys of its own.
        defaults: What all prompts of this chain inherit unless they say otherwise: a dict of `max_attempts`,
            `backoff`, `deadline` (of the chain: a time, or a time from now), `retry_if`, `lane`,
            `escalate_after` and `model`.
            It wins over what `@gemchain.chain` says.
        existing: What to do when the key belongs to a chain with other arguments: `raise`, or `return` that
            chain. Arguments that are not JSON are not compared.
        **params: Its keyword arguments.

    Returns:
        The chain, new or found.

    Raises:
        KeyInUseError: The key belongs to a chain of this function with other arguments.
        InvalidInputError: A submit inside can never work.
        StoreError: It could not be recorded.
        Exception: Whatever `function` raises; then nothing is recorded.
    """
    runtime = active()
    check_existing(existing)
    identity = start_id(function, key)
    found = {} if key is None else runtime.store.chains([identity])
    if not found:
        scope = chain_scope(runtime, function, identity, defaults)
        unit = chain_unit(runtime, function, scope, kept_key(identity, key), (args, params))
        found = record_chains(runtime, [unit])
    if found and existing == "raise":
        refuse_other_call(found[identity], key, Call(function, args, params))
    if found:
        warn_of_another_owner(runtime, found[identity])
    runtime.waker.hurry()
    return Chain(identity)


@overload
def start_many(
    function: Callable[..., Coroutine[Any, Any, T]],
    rows: Iterable[Row],
    key: str | Callable[[Row], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
) -> list[Chain[T]]: ...
@overload
def start_many(
    function: Callable[..., Any],
    rows: Iterable[Row],
    key: str | Callable[[Row], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
) -> list[Chain[Any]]: ...
def start_many(
    function: Callable[..., Any],
    rows: Iterable[Any],
    key: str | Callable[[Any], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
    existing: Existing = "raise",
) -> list[Chain[Any]]:
    """Start one chain for each row, thousands in a few commits.

    Args:
        function: Called as `function(**row)` for every row whose chain does not exist yet.
        rows: Dicts of parameters; may be a generator, which is read group by group.
        key: The field of a row that is its key, or a function of the row; None starts every row anew.
        defaults: What all prompts of these chains inherit; see `start`.
        existing: What to do with a row whose key belongs to a chain with other arguments; see `start`.

    Returns:
        The chains in the order of `rows`, new or found. Equal rows of one key share a chain; with
        `existing="return"` any rows of one key.

    Raises:
        KeyInUseError: A row's key belongs to a chain with other arguments; groups before it are recorded.
        InvalidInputError: A submit of some row can never work; groups before it are recorded.
        StoreError: A group could not be recorded.
        Exception: Whatever `function` raises; groups before it are recorded.
    """
    runtime = active()
    check_existing(existing)
    start_group = partial(_start_group, runtime, function, key, defaults, existing)
    chains = [chain for group in groups(rows) for chain in start_group(group)]
    runtime.waker.hurry()
    return chains


def _start_group(
    runtime: Runtime,
    function: Callable[..., Any],
    key: str | Callable[[Mapping[str, Any]], str] | None,
    defaults: ChainDefaults | None,
    existing: Existing,
    rows: Sequence[Mapping[str, Any]],
) -> list[Chain]:
    keys = [_row_key(row, key) for row in rows]
    ids = [start_id(function, each) for each in keys]
    known = {} if key is None else runtime.store.chains(ids)
    new = NewChains(runtime)
    for row, identity, each in zip(rows, ids, keys, strict=True):
        if identity not in known:
            scope = chain_scope(runtime, function, identity, defaults)
            known[identity] = new.add(
                chain_unit(runtime, function, scope, kept_key(identity, each), ((), row))
            )
        elif existing == "raise":
            refuse_other_call(known[identity], each, Call(function, (), row))
    new.record()
    for row, identity, each in zip(rows, ids, keys, strict=True) if new.refused else ():
        if identity in new.refused and existing == "raise":
            refuse_other_call(new.refused[identity], each, Call(function, (), row))
    return [Chain(identity) for identity in ids]


def _row_key(row: Mapping[str, Any], key: str | Callable[[Mapping[str, Any]], str] | None) -> str | None:
    if key is None:
        return None
    if callable(key):
        return key(row)
    if key not in row:
        raise InvalidInputError(f"a row has no field {key!r} to be its key: {dict(row)!r}")
    return str(row[key])
