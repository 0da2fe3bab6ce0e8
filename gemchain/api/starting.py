"""Chains from functions: `start`, `start_many`.

The function runs here and now, and its chain is recorded with all that it submits by one commit; see
`recording.py` for what a crash leaves.

Longer than 300 lines: type checkers read an overload for each way to call them.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, overload

from gemchain.api.arguments import chain_rules
from gemchain.api.awaits import drafts_of
from gemchain.api.chains import Chain
from gemchain.api.programs import arguments_text
from gemchain.api.recording import NewChains, groups, record_chains
from gemchain.api.scope import Scope, entered, open_scope
from gemchain.base import jsontext
from gemchain.durable.frames import active_frame, entered_frame, note_described
from gemchain.durable.program import Blocked, Ended, Raised, Replay
from gemchain.errors import ContinuationError, InvalidInputError, ParamsError
from gemchain.functions.application import known_home
from gemchain.functions.decorators import chain_options
from gemchain.records import Chain as ChainRecord
from gemchain.records import Unit
from gemchain.records.identity import chain_id, random_id
from gemchain.records.retry_policy import ChainDefaults
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime, active

__all__ = ["start", "start_id", "start_many"]


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
    **params: Any,
) -> Chain[Any]:
    """Start a chain: run `function`, and record what it submits.

    The function runs here and now; its submits and the chain are recorded in one commit when it
    returns. When it submits nothing, its returned value is the chain's result at once.

    Args:
        function: Called as `function(*args, **params)`.
        *args: Its positional arguments.
        key: Makes the start repeatable: the same function and key return the chain that exists, and
            the function does not run again.
        defaults: What all prompts of this chain inherit unless they say otherwise: a dict of `max_attempts`,
            `backoff`, `deadline` (of the chain: a time, or a time from now) and `retry_if`. It wins over
            what `@gemchain.chain` says.
        **params: Its keyword arguments.

    Returns:
        The chain, new or found.

    Raises:
        InvalidInputError: A submit inside can never work.
        StoreError: It could not be recorded.
        Exception: Whatever `function` raises; then nothing is recorded.
    """
    runtime = active()
    identity = start_id(function, key)
    if key is not None and runtime.store.chains([identity]):
        return Chain(identity)
    scope = _scope(runtime, function, identity, defaults)
    record_chains(runtime, [_birth(runtime, function, scope, _kept_key(identity, key), (args, params))])
    runtime.waker.hurry()
    return Chain(identity)


@overload
def start_many(
    function: Callable[..., Coroutine[Any, Any, T]],
    rows: Iterable[Row],
    key: str | Callable[[Row], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
) -> list[Chain[T]]: ...
@overload
def start_many(
    function: Callable[..., Any],
    rows: Iterable[Row],
    key: str | Callable[[Row], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
) -> list[Chain[Any]]: ...
def start_many(
    function: Callable[..., Any],
    rows: Iterable[Any],
    key: str | Callable[[Any], str] | None = None,
    *,
    defaults: ChainDefaults | None = None,
) -> list[Chain[Any]]:
    """Start one chain for each row, thousands in a few commits.

    Args:
        function: Called as `function(**row)` for every row whose chain does not exist yet.
        rows: Dicts of parameters; may be a generator, which is read group by group.
        key: The field of a row that is its key, or a function of the row; None starts every row anew.
        defaults: What all prompts of these chains inherit; see `start`.

    Returns:
        The chains in the order of `rows`, new or found. Rows of one key share a chain.

    Raises:
        InvalidInputError: A submit of some row can never work; groups before it are recorded.
        StoreError: A group could not be recorded.
        Exception: Whatever `function` raises; groups before it are recorded.
    """
    runtime = active()
    chains = [
        chain for group in groups(rows) for chain in _start_group(runtime, function, group, key, defaults)
    ]
    runtime.waker.hurry()
    return chains


def _start_group(
    runtime: Runtime,
    function: Callable[..., Any],
    rows: Sequence[Mapping[str, Any]],
    key: str | Callable[[Mapping[str, Any]], str] | None,
    defaults: ChainDefaults | None,
) -> list[Chain]:
    keys = [_row_key(row, key) for row in rows]
    ids = [start_id(function, each) for each in keys]
    known = set(runtime.store.chains(ids)) if key is not None else set()
    new = NewChains(runtime)
    for row, identity, each in zip(rows, ids, keys, strict=True):
        if identity not in known and identity not in new:
            scope = _scope(runtime, function, identity, defaults)
            new.add(_birth(runtime, function, scope, _kept_key(identity, each), ((), row)))
    new.record()
    return [Chain(identity) for identity in ids]


def _row_key(row: Mapping[str, Any], key: str | Callable[[Mapping[str, Any]], str] | None) -> str | None:
    if key is None:
        return None
    if callable(key):
        return key(row)
    if key not in row:
        raise InvalidInputError(f"a row has no field {key!r} to be its key: {dict(row)!r}")
    return str(row[key])


def function_name(function: Callable[..., Any]) -> str:
    """The name under which a starting function is recorded, and in which its keys are unique.

    A script has the name by which it is imported, so that its keys are the same for every way to start its
    chains.
    """
    name = getattr(function, "__qualname__", None)
    if name is None or not callable(function):
        raise ContinuationError(f"start() takes a function, not {function!r}")
    return f"{known_home(function)}:{name}"


def start_id(function: Callable[..., Any], key: str | None) -> str:
    """The id of the chain that `function` starts under `key`, whether it exists or not.

    Inside a callback a start without a key derives its id, since the callback may run twice.
    """
    mark = chain_options(function)
    name = function_name(function) if mark is None else f"{known_home(function)}:{mark.name}"
    if key is not None:
        return chain_id(name, key)
    frame, scope = active_frame(), open_scope()
    if frame is not None:
        note_described()
        return chain_id(name, frame.next_draw())
    if scope is None:
        return random_id("c")
    scope.starts += 1
    return chain_id(scope.parent.id if scope.parent else scope.chain_id, f"{name}#{scope.starts}")


def _kept_key(identity: str, key: str | None) -> str | None:
    """A function that may run again may start its chain again: the record has to outlive the prompts."""
    inside = active_frame() is not None or open_scope() is not None
    return identity if key is None and inside else key


def _scope(
    runtime: Runtime, function: Callable[..., Any], identity: str, defaults: ChainDefaults | None
) -> Scope:
    mark, now = chain_options(function), runtime.clock.now()
    return Scope(identity, None, now, chain_rules(runtime, now, defaults, mark.defaults if mark else None))


def _birth(
    runtime: Runtime,
    function: Callable[..., Any],
    scope: Scope,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    if iscoroutinefunction(function):
        return _program_birth(runtime, function, scope, key, arguments)
    args, params = arguments
    with entered(scope), entered_frame(None):
        value = function(*args, **params)
    drafts = scope.children()
    end = None if drafts else Ended(value)
    chain = _record(scope, key, function_name(function), _arguments(args, params), end)
    return Unit(token=random_id("u"), chain=chain, drafts=drafts)


def _program_birth(
    runtime: Runtime,
    function: Callable[..., Any],
    scope: Scope,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    """An async chain, run up to its first await. Its arguments are kept, since every replay needs them."""
    name, signed = runtime.continuations.chain_by_value(function)
    try:
        text = arguments_text(*arguments, signed)
    except TypeError as error:
        raise ParamsError(f"the arguments of an async chain must be JSON: {error}") from error
    kept = jsontext.load(text)
    replay = Replay(lambda _: None, scope.chain_id, scope.created_at)
    with entered(scope):
        step = replay.run(function(*kept["args"], **kept["params"]))
    if isinstance(step, Raised):
        raise step.error
    end = step if isinstance(step, Ended) else None
    chain = _record(scope, key, name, text, end, code_version=int(name.rpartition("@")[2]))
    new = step.new if isinstance(step, Blocked) else ()
    return Unit(token=random_id("u"), chain=chain, drafts=drafts_of(runtime, scope, name, new))


def _record(
    scope: Scope,
    key: str | None,
    function: str,
    args: str,
    end: Ended | None,
    *,
    code_version: int | None = None,
) -> ChainRecord:
    """The chain as it begins; one that asks for nothing has its end already."""
    return ChainRecord(
        id=scope.chain_id,
        key=key,
        deadline_at=scope.given.deadline_at,
        function=function,
        args=args,
        code_version=code_version,
        created_at=scope.created_at,
        state=ChainState.RUNNING if end is None else ChainState.DONE,
        result=None if end is None else _result(end.value),
        ended_at=None if end is None else scope.created_at,
    )


def _arguments(args: Sequence[Any], params: Mapping[str, Any]) -> str:
    """For people who look at the record; what is not JSON is shown by its `repr`."""
    try:
        return jsontext.dump({"args": args, "params": params})
    except TypeError:
        return jsontext.dump(
            {"args": [repr(each) for each in args], "params": {n: repr(v) for n, v in params.items()}}
        )


def _result(value: Any) -> str:
    try:
        return jsontext.dump(value)
    except TypeError as error:
        raise InvalidInputError(f"a chain's result must be JSON: {error}") from error
