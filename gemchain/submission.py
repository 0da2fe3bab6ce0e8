"""Work in: `submit`, `submit_many`, `start`, `start_many`, `prompt`.

Everything is checked here, before anything is recorded: an error from these functions means that
nothing was written and nothing will be paid.

Crash story. Outside a chain, one commit records the chain and its first prompts; a process that
dies before it left nothing, one that dies after it left a chain that the engine carries on. With
a `key` the ids are derived, so asking again finds the chain instead of starting a second one.
Inside a callback nothing is written at all: see `scope.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from itertools import islice
from typing import Any

from gemchain import jsontext
from gemchain.awaits import WaitSpec, drafts_of
from gemchain.chains import Chain, PromptHandle
from gemchain.drafting import GatherSpec, PromptSpec, make_item, make_wait_item
from gemchain.durable import Blocked, Ended, Raised, Replay, active_frame, chain_mark, note_described
from gemchain.errors import ContinuationError, InvalidInputError, ParamsError, StoreConflictError
from gemchain.identity import chain_id, random_id
from gemchain.records import Chain as ChainRecord
from gemchain.records import Unit, Verdict
from gemchain.runtime import Runtime, active
from gemchain.scope import Scope, entered, open_scope
from gemchain.states import ChainState

__all__ = [
    "GatherSpec",
    "PromptSpec",
    "gather",
    "prompt",
    "start",
    "start_many",
    "submit",
    "submit_many",
    "wait",
]

GROUP = 500
"""Chains that one commit starts. The store may split it further."""


def prompt(
    request: Any,
    model: str,
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    key: str | None = None,
    schema: Any = None,
    accept: Sequence[str] = (),
    max_attempts: int | None = None,
    priority: int = 0,
    deadline: datetime | timedelta | None = None,
    labels: Mapping[str, str] | None = None,
    retry_if: Callable[..., Any] | None = None,
    config: Any = None,
) -> PromptSpec:
    """Describe a prompt without sending it. The arguments are those of `submit`."""
    note_described()
    return PromptSpec(
        request,
        model,
        callback,
        params or {},
        on_error,
        key,
        schema,
        accept,
        max_attempts,
        priority,
        deadline,
        labels,
        retry_if,
        config,
    )


def submit(
    request: Any,
    model: str,
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    key: str | None = None,
    schema: Any = None,
    accept: Sequence[str] = (),
    max_attempts: int | None = None,
    priority: int = 0,
    deadline: datetime | timedelta | None = None,
    labels: Mapping[str, str] | None = None,
    retry_if: Callable[..., Any] | None = None,
    config: Any = None,
) -> PromptHandle:
    """Queue a prompt; its answer goes to `callback`.

    Inside a callback the prompt belongs to the running chain and is recorded together with the
    callback's end, exactly once however often the callback runs. Outside of any it starts a chain
    and is recorded when this returns.

    Args:
        request: A text, a list of contents and parts, a dict in REST form, or a google-genai object. A
            `pathlib.Path` stands for the part with that file, which is uploaded once by its content.
        model: `gemini-…` (Vertex AI), `simulated/…`; the name chooses the provider.
        callback: `callback(response, **params)`, a function at the top level of a module. What it
            returns is the chain's result unless it submits again. Without one the chain's result is
            the answer: its text, or its data when a schema is given.
        params: Keyword arguments for the callback (and for `on_error`); plain JSON.
        on_error: `on_error(error, **params)` with a `PromptError`, called instead of the callback
            when no usable answer came. Without one the chain fails.
        key: Makes the submit repeatable: the same callback and key find the chain that exists.
        schema: What the answer must fit, and is asked for: a pydantic model class, at the top level of one
            of your modules, makes `Response.parsed` an object of it; a JSON schema plain data.
        accept: Of `blocked`, `truncated`, `empty`: what the callback takes as an answer.
        max_attempts: Sends before the prompt fails; the setting of that name by default.
        priority: Higher goes into a batch first; -9 to 9.
        deadline: When to give up, as a time or as a time from now.
        labels: Names and values to find it by.
        retry_if: `retry_if(response)`, a function at the top level of a module that looks at a usable
            answer; when it returns something true (a text says why), the prompt is sent again.
        config: google-genai's `GenerateContentConfig`, or a dict of its fields (`temperature`,
            `system_instruction`, `tools`, …) in either spelling. It wins over what the request says.

    Returns:
        A handle with the prompt's id and its chain.

    Raises:
        InvalidInputError: Something about it can never work; which, the subclass and message say.
        BlobError: A file could not be uploaded.
        StoreError: It could not be recorded (outside a chain).
    """
    spec = prompt(
        request,
        model,
        callback,
        params=params,
        on_error=on_error,
        key=key,
        schema=schema,
        accept=accept,
        max_attempts=max_attempts,
        priority=priority,
        deadline=deadline,
        labels=labels,
        retry_if=retry_if,
        config=config,
    )
    _refuse_inside_programs("submit()")
    runtime, scope = active(), open_scope()
    return _record(runtime, [spec])[0] if scope is None else _buffer(runtime, scope, spec)


def _refuse_inside_programs(what: str) -> None:
    if active_frame() is not None:
        raise InvalidInputError(
            f"{what} is for callbacks; inside an async chain await prompt() or gather([...])"
        )


def submit_many(prompts: Iterable[PromptSpec]) -> list[PromptHandle]:
    """Queue thousands of prompts in a few commits.

    Inside a callback they all become branches of the running chain; outside, each starts a chain of
    its own. Each group is recorded before the next is described, so memory stays flat for a generator.

    Returns:
        Handles in the order of `prompts`.

    Raises:
        InvalidInputError: One of them can never work; the message carries its number. Outside a
            chain, groups before it are recorded (give keys to be able to repeat the call).
        StoreError: A group could not be recorded.
    """
    _refuse_inside_programs("submit_many()")
    runtime, scope = active(), open_scope()
    if scope is not None:
        return [_buffer(runtime, scope, spec) for spec in prompts]
    return [handle for group in _groups(prompts) for handle in _record(runtime, group)]


def _groups(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while group := list(islice(rest, GROUP)):
        yield group


def _buffer(runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec) -> PromptHandle:
    item = make_item(runtime, scope, spec)
    scope.items.append(item)
    return PromptHandle(item.draft.prompt.id, scope.chain_id)


def _record(runtime: Runtime, specs: Sequence[PromptSpec | GatherSpec]) -> list[PromptHandle]:
    handles: list[PromptHandle] = []
    units: dict[str, Unit] = {}
    for spec in specs:
        unit = _lone_chain(runtime, spec)
        assert unit.chain is not None
        units.setdefault(unit.chain.id, unit)
        handles.append(PromptHandle(unit.drafts[0].prompt.id, unit.chain.id))
    _commit_new(runtime, list(units.values()))
    runtime.waker.hurry()
    return handles


def _commit_new(runtime: Runtime, units: Sequence[Unit]) -> None:
    """Record new chains. Those that exist already are left as they are: somebody else was first."""
    verdicts = runtime.store.commit(units)
    pairs = zip(units, verdicts, strict=True)
    refused = [unit.chain.id for unit, each in pairs if each is Verdict.CONFLICT and unit.chain is not None]
    lost = set(refused) - set(runtime.store.chains(refused)) if refused else set()
    if lost:
        raise StoreConflictError(
            f"{len(lost)} chains were not recorded, as {min(lost)}: ids of prompts exist already"
        )


def _lone_chain(runtime: Runtime, spec: PromptSpec | GatherSpec) -> Unit:
    name = (
        "gemchain:submit"
        if spec.callback is None
        else f"{spec.callback.__module__}:{getattr(spec.callback, '__qualname__', 'callback')}"
    )
    identity = random_id("c") if spec.key is None else chain_id(name, spec.key)
    scope = Scope(identity, None, runtime.clock.now())
    scope.items.append(make_item(runtime, scope, spec))
    drafts = scope.children()
    chain = ChainRecord(
        id=identity, key=spec.key, function=name, created_at=scope.created_at, labels=drafts[0].prompt.labels
    )
    return Unit(token=random_id("u"), chain=chain, drafts=drafts)


def gather(
    branches: Iterable[PromptSpec | GatherSpec],
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    on_error: Callable[..., Any] | None = None,
    return_exceptions: bool = False,
) -> Any:
    """Fan out, then fan in: send all branches, and go on when all of them have ended.

    A branch begins with the prompt given here and may be many prompts long; its value is what its last
    function returned (several of them give a list, a prompt without a callback gives its `Response`).

    Args:
        branches: Described with `prompt(...)`, or with a nested `gather([...])` that has no callback.
        callback: `callback(results, **params)` gets the values in the order of `branches`. Without one
            nothing is sent: the gather is only described, to be nested in another or awaited.
        params: Keyword arguments for the callback (and for `on_error`); plain JSON.
        on_error: `on_error(error, **params)`, called when a branch failed, with the `PromptError` of the
            first that did in the order of `branches`; all have ended by then. Without one the chain fails.
        return_exceptions: Hand failures over as values, as `PromptError` objects in the list.

    Returns:
        A handle, as `submit` does; without a callback the description.

    Raises:
        InvalidInputError: One of the branches can never work; nothing is sent.
    """
    spec = GatherSpec(tuple(branches), callback, params or {}, on_error, return_exceptions)
    note_described(spec.branches)
    if callback is None:
        return spec
    _refuse_inside_programs("gather() with a callback")
    runtime, scope = active(), open_scope()
    return _record(runtime, [spec])[0] if scope is None else _buffer(runtime, scope, spec)


def wait(
    name: str = "",
    callback: Callable[..., Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
) -> Any:
    """Wait for a person, or for another system, however long it takes: see `gemchain.resume`.

    In an async chain, `value = await gemchain.wait("approval")`. In a callback, `gemchain.wait("approval",
    decide)` calls `decide(value, **params)` when the value comes.

    Args:
        name: Which wait of the chain `resume` means, where there are several.
        callback: What to call with the value; None in an async chain.
        params: Keyword arguments for the callback; plain JSON.

    Returns:
        A handle, as `submit` does; without a callback the description, to be awaited.

    Raises:
        InvalidInputError: The callback can never work, or nothing runs that could wait.
    """
    note_described()
    spec = WaitSpec(name, callback, params or {})
    if callback is None:
        return spec
    _refuse_inside_programs("wait() with a callback")
    runtime, scope = active(), open_scope()
    if scope is None:
        raise InvalidInputError("wait() is for functions of a chain; start one with gemchain.start")
    item = make_wait_item(runtime, scope, spec)
    scope.items.append(item)
    return PromptHandle(item.draft.prompt.id, scope.chain_id)


def start(function: Callable[..., Any], *args: Any, key: str | None = None, **params: Any) -> Chain:
    """Start a chain: run `function`, and record what it submits.

    The function runs here and now; its submits and the chain are recorded in one commit when it
    returns. When it submits nothing, its returned value is the chain's result at once.

    Args:
        function: Called as `function(*args, **params)`.
        *args: Its positional arguments.
        key: Makes the start repeatable: the same function and key return the chain that exists, and
            the function does not run again.
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
    _commit_new(runtime, [_birth(runtime, function, identity, key, (args, params))])
    runtime.waker.hurry()
    return Chain(identity)


def start_many(
    function: Callable[..., Any],
    rows: Iterable[Mapping[str, Any]],
    key: str | Callable[[Mapping[str, Any]], str] | None = None,
) -> list[Chain]:
    """Start one chain for each row, thousands in a few commits.

    Args:
        function: Called as `function(**row)` for every row whose chain does not exist yet.
        rows: Dicts of parameters; may be a generator, which is read group by group.
        key: The field of a row that is its key, or a function of the row; None starts every row anew.

    Returns:
        The chains in the order of `rows`, new or found. Rows of one key share a chain.

    Raises:
        InvalidInputError: A submit of some row can never work; groups before it are recorded.
        StoreError: A group could not be recorded.
        Exception: Whatever `function` raises; groups before it are recorded.
    """
    runtime = active()
    chains = [chain for group in _groups(rows) for chain in _start_group(runtime, function, group, key)]
    runtime.waker.hurry()
    return chains


def _start_group(
    runtime: Runtime,
    function: Callable[..., Any],
    rows: Sequence[Mapping[str, Any]],
    key: str | Callable[[Mapping[str, Any]], str] | None,
) -> list[Chain]:
    keys = [_row_key(row, key) for row in rows]
    ids = [start_id(function, each) for each in keys]
    known = set(runtime.store.chains(ids)) if key is not None else set()
    units: dict[str, Unit] = {}
    for row, identity, each in zip(rows, ids, keys, strict=True):
        if identity not in known and identity not in units:
            units[identity] = _birth(runtime, function, identity, each, ((), row))
    _commit_new(runtime, list(units.values()))
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
    """The name under which a starting function is recorded, and in which its keys are unique."""
    name = getattr(function, "__qualname__", None)
    if name is None or not callable(function):
        raise ContinuationError(f"start() takes a function, not {function!r}")
    return f"{function.__module__}:{name}"


def start_id(function: Callable[..., Any], key: str | None) -> str:
    """The id of the chain that `function` starts under `key`, whether it exists or not.

    Inside a callback a start without a key derives its id, since the callback may run twice.
    """
    mark = chain_mark(function)
    name = function_name(function) if mark is None else f"{function.__module__}:{mark.name}"
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


def _birth(
    runtime: Runtime,
    function: Callable[..., Any],
    identity: str,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    if iscoroutinefunction(function):
        return _program_birth(runtime, function, identity, key, arguments)
    args, params = arguments
    scope = Scope(identity, None, runtime.clock.now())
    with entered(scope):
        value = function(*args, **params)
    drafts = scope.children()
    ended = not drafts
    chain = ChainRecord(
        id=identity,
        key=key,
        function=function_name(function),
        args=_arguments(args, params),
        created_at=scope.created_at,
        state=ChainState.DONE if ended else ChainState.RUNNING,
        result=_result(value) if ended else None,
        ended_at=scope.created_at if ended else None,
    )
    return Unit(token=random_id("u"), chain=chain, drafts=drafts)


def _program_birth(
    runtime: Runtime,
    function: Callable[..., Any],
    identity: str,
    key: str | None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]],
) -> Unit:
    """An async chain, run up to its first await. Its arguments are kept, since every replay needs them."""
    name = runtime.continuations.chain_name(function)
    try:
        text = jsontext.dump({"args": list(arguments[0]), "params": dict(arguments[1])})
    except TypeError as error:
        raise ParamsError(f"the arguments of an async chain must be JSON: {error}") from error
    kept = jsontext.load(text)
    scope = Scope(identity, None, runtime.clock.now())
    replay = Replay(lambda _: None, identity, scope.created_at)
    with entered(scope):
        step = replay.run(function(*kept["args"], **kept["params"]))
    if isinstance(step, Raised):
        raise step.error
    ended = isinstance(step, Ended)
    chain = ChainRecord(
        id=identity,
        key=key,
        function=name,
        args=text,
        code_version=int(name.rpartition("@")[2]),
        created_at=scope.created_at,
        state=ChainState.DONE if ended else ChainState.RUNNING,
        result=_result(step.value) if isinstance(step, Ended) else None,
        ended_at=scope.created_at if ended else None,
    )
    new = step.new if isinstance(step, Blocked) else ()
    return Unit(token=random_id("u"), chain=chain, drafts=drafts_of(runtime, scope, name, new))


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
