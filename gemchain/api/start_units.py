"""The unit that starts a chain: its function runs, and all that it submits is recorded with it.

Nothing is written here.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any

from gemchain.api.arguments import chain_rules, kept_text
from gemchain.api.awaits import drafts_of
from gemchain.api.returned import check_ended, check_returned
from gemchain.api.scope import Scope, entered, open_scope
from gemchain.base import jsontext
from gemchain.durable.frames import active_frame, entered_frame, note_described
from gemchain.durable.program import Blocked, Ended, Raised, Replay
from gemchain.errors import ContinuationError, InvalidInputError
from gemchain.functions.application import known_home
from gemchain.functions.calling import call
from gemchain.functions.decorators import chain_options
from gemchain.records import Chain as ChainRecord
from gemchain.records import Unit
from gemchain.records.arguments import SIGNED
from gemchain.records.identity import chain_id, random_id
from gemchain.records.retry_policy import ChainDefaults
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime, active

__all__ = [
    "arguments_text",
    "chain_scope",
    "chain_unit",
    "function_name",
    "kept_key",
    "rehearse",
    "start_id",
    "start_unit",
]


def start_unit(runtime: Runtime, function: Callable[..., Any], row: Mapping[str, Any], key: str) -> Unit:
    """Run a starting function on a row; what is to be committed for it. Nothing is written.

    Raises:
        InvalidInputError: A submit inside can never work.
        Exception: Whatever `function` raises.
    """
    scope = chain_scope(runtime, function, start_id(function, key), None)
    return chain_unit(runtime, function, scope, key, ((), row))


def rehearse(function: Callable[..., Any], params: Mapping[str, Any]) -> Unit:
    """What starting a chain would record. Nothing is recorded.

    Args:
        function: Called as `function(**params)`.
        params: Its parameters.

    Raises:
        InvalidInputError: A submit inside can never work.
        Exception: Whatever `function` raises.
    """
    runtime = active()
    scope = chain_scope(runtime, function, random_id("c"), None)
    return chain_unit(runtime, function, scope, None, ((), params))


def start_id(function: Callable[..., Any], key: str | None) -> str:
    """The id of the chain that `function` starts under `key`, whether it exists or not.

    Inside a callback a start without a key derives its id, since the callback may run twice.
    """
    mark = chain_options(function)
    name = function_name(function) if mark is None else f"{known_home(function)}:{mark.name}"
    frame, scope = active_frame(), open_scope()
    if scope is not None:
        scope.started = True
    if key is not None:
        return chain_id(name, key)
    if frame is not None:
        note_described()
        return chain_id(name, frame.next_draw())
    if scope is None:
        return random_id("c")
    scope.starts += 1
    return chain_id(scope.parent.id if scope.parent else scope.chain_id, f"{name}#{scope.starts}")


def kept_key(identity: str, key: str | None) -> str | None:
    """A function that may run again may start its chain again: the record has to outlive the prompts."""
    inside = active_frame() is not None or open_scope() is not None
    return identity if key is None and inside else key


def function_name(function: Callable[..., Any]) -> str:
    """The name under which a starting function is recorded, and in which its keys are unique.

    A script has the name by which it is imported, so that its keys are the same for every way to start its
    chains.
    """
    name = getattr(function, "__qualname__", None)
    if name is None or not callable(function):
        raise ContinuationError(f"start() takes a function, not {function!r}")
    return f"{known_home(function)}:{name}"


def chain_scope(
    runtime: Runtime, function: Callable[..., Any], identity: str, defaults: ChainDefaults | None
) -> Scope:
    """What the function of a new chain submits into."""
    mark, now = chain_options(function), runtime.clock.now()
    rules = chain_rules(runtime, now, defaults, mark.defaults if mark else None)
    around = open_scope()
    return Scope(identity, None, now, rules, around.owner if around else runtime.owner)


def chain_unit(
    runtime: Runtime,
    function: Callable[..., Any],
    scope: Scope,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    """Run the function; the chain and its prompts as one unit."""
    if iscoroutinefunction(function):
        return _program_unit(runtime, function, scope, key, arguments)
    args, params = arguments
    with entered(scope), entered_frame(None):
        value = call(function, *args, **params)
    check_returned(function, scope, value)
    drafts = scope.children()
    end = None if drafts else Ended(value)
    chain = _record(scope, key, function_name(function), arguments_text(args, params), end)
    return Unit(token=random_id("u"), chain=chain, drafts=drafts)


def _program_unit(
    runtime: Runtime,
    function: Callable[..., Any],
    scope: Scope,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    """An async chain, run up to its first await. Its arguments are kept, since every replay needs them."""
    name, signed = runtime.continuations.chain_by_value(function)
    args, params = list(arguments[0]), dict(arguments[1])
    named = dict[Any, Any](enumerate(args, 1)) | params
    values = {"args": args, "params": params} | ({} if signed is None else {SIGNED: signed})
    text = kept_text(values, named, "argument {}", "the arguments of an async chain")
    kept = jsontext.load(text)
    replay = Replay(lambda _: None, scope.chain_id, scope.created_at)
    with entered(scope):
        step = replay.run(function(*kept["args"], **kept["params"]))
    if isinstance(step, Raised):
        raise step.error
    end = step if isinstance(step, Ended) else None
    if end is not None:
        check_ended(name, end.value)
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
        owner=scope.owner,
        args=args,
        code_version=code_version,
        created_at=scope.created_at,
        state=ChainState.RUNNING if end is None else ChainState.DONE,
        result=None if end is None else _result(end.value),
        ended_at=None if end is None else scope.created_at,
    )


def arguments_text(args: Sequence[Any], params: Mapping[str, Any]) -> str:
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
