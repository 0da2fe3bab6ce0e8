"""A described prompt, checked and turned into a record.

Everything that can be known to be wrong is refused here, with the subclass of `InvalidInputError`
that says what, before anything is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gemchain import jsontext
from gemchain.errors import InvalidInputError, ParamsError, RequestError
from gemchain.generation import Composed, compose
from gemchain.identity import branch_id, keyed_child_id, nested_join_id
from gemchain.records import Draft, Progress, Prompt
from gemchain.responses import MODEL
from gemchain.runtime import Runtime
from gemchain.scope import Item, Scope
from gemchain.specs import GatherSpec, PromptSpec, WaitSpec
from gemchain.states import PromptState

__all__ = ["make_draft", "make_item", "make_wait", "make_wait_item"]

ACCEPTABLE = frozenset({"blocked", "truncated", "empty"})
PRIORITIES = range(-9, 10)

WAITING = Progress(PromptState.WAITING)
EMPTY = Progress(PromptState.ANSWERED)
"""A join without branches has all its values already."""


def make_draft(runtime: Runtime, scope: Scope, spec: PromptSpec) -> Draft:
    """The record and the request of the prompt that is submitted next in `scope`.

    Raises:
        InvalidInputError: It can never work.
    """
    provider, model = runtime.providers.choose(spec.model)
    composed = compose(spec.request, spec.config, spec.schema, provider.attach)
    provider.check(model, composed.request)
    text = jsontext.dump(composed.request)
    size = len(text.encode())
    if size > provider.limits.max_request_bytes:
        raise RequestError(
            f"the request has {size:,} bytes; {provider.name} takes {provider.limits.max_request_bytes:,}"
        )
    follows = _continuation(runtime, spec)
    parent = scope.parent
    return Draft(
        Prompt(
            id=_prompt_id(scope, spec.key),
            chain_id=scope.chain_id,
            parent_id=parent.id if parent else None,
            path=parent.path if parent else "0",
            depth=parent.depth + 1 if parent else 0,
            provider=provider.name,
            model=model,
            size=size,
            callback=follows.callback,
            params=follows.params,
            on_error=follows.on_error,
            retry_if=follows.retry_if,
            closure=follows.closure,
            schema=_schema_text(runtime, composed),
            accept=_accepted(spec.accept),
            max_attempts=_attempts(runtime, spec.max_attempts),
            priority=_priority(spec.priority),
            deadline_at=_deadline(scope, spec.deadline),
            labels=None if spec.labels is None else jsontext.dump(spec.labels),
            key=spec.key,
            forked=parent.forked if parent else False,
            join_id=parent.join_id if parent else None,
            branch=parent.branch if parent else None,
            created_at=scope.created_at,
        ),
        text,
    )


def _schema_text(runtime: Runtime, composed: Composed) -> str | None:
    """What is kept of the schema: with it the class, by name, of which answers are to be objects."""
    if composed.schema is None:
        return None
    if composed.model is None:
        return jsontext.dump(composed.schema)
    return jsontext.dump({**composed.schema, MODEL: runtime.continuations.model_name(composed.model)})


def make_item(runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec) -> Item:
    """What a described prompt or gather adds to `scope`.

    Raises:
        InvalidInputError: It, or one of the branches, can never work.
    """
    if isinstance(spec, PromptSpec):
        return Item(make_draft(runtime, scope, spec))
    return _as_join(runtime, scope, spec, scope.next_join_id())


def _as_join(runtime: Runtime, scope: Scope, spec: GatherSpec, identity: str) -> Item:
    follows = _continuation(runtime, spec, first="results")
    join = replace(
        make_wait(scope, "join", None),
        id=identity,
        callback=follows.callback,
        params=follows.params,
        on_error=follows.on_error,
        closure=follows.closure,
        progress=WAITING if spec.branches else EMPTY,
    )
    branches = [_as_branch(runtime, scope, each, join, index) for index, each in enumerate(spec.branches)]
    options = {"branches": len(branches), "return_exceptions": spec.return_exceptions}
    return Item(Draft(join, jsontext.dump(options)), tuple(branches))


def make_wait(scope: Scope, kind: str, key: str | None) -> Prompt:
    """The record of something that sends nothing: a join, or a wait."""
    parent = scope.parent
    return Prompt(
        id=scope.next_id(),
        chain_id=scope.chain_id,
        parent_id=parent.id if parent else None,
        path=parent.path if parent else "0",
        depth=parent.depth + 1 if parent else 0,
        provider="",
        model="",
        kind=kind,
        size=0,
        key=key,
        forked=parent.forked if parent else False,
        join_id=parent.join_id if parent else None,
        branch=parent.branch if parent else None,
        created_at=scope.created_at,
        progress=WAITING,
    )


def make_wait_item(runtime: Runtime, scope: Scope, spec: WaitSpec) -> Item:
    """What a described wait adds to `scope`.

    Raises:
        InvalidInputError: Its callback can never work.
    """
    follows = _continuation(runtime, spec, first="value")
    waiting = replace(
        make_wait(scope, "wait", spec.name),
        callback=follows.callback,
        params=follows.params,
        closure=follows.closure,
    )
    return Item(Draft(waiting, "{}"))


def _as_branch(
    runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec, join: Prompt, index: int
) -> Item:
    inside = Scope(scope.chain_id, replace(join, join_id=join.id, branch=index), scope.created_at)
    if isinstance(spec, GatherSpec):
        return _as_join(runtime, inside, spec, nested_join_id(join.id, index))
    draft = make_draft(runtime, inside, replace(spec, key=None))
    return Item(Draft(replace(draft.prompt, id=branch_id(join.id, index), key=spec.key), draft.request))


def _prompt_id(scope: Scope, key: str | None) -> str:
    if key is None or scope.parent is None:
        return scope.next_id()
    identity = keyed_child_id(scope.parent.id, key)
    if any(item.draft.prompt.id == identity for item in scope.items):
        raise InvalidInputError(f"this callback has submitted key {key!r} already")
    return identity


class _Follows(NamedTuple):
    """What is stored of the functions that follow a prompt."""

    callback: str | None
    on_error: str | None
    retry_if: str | None
    params: str
    closure: str | None


def _continuation(runtime: Runtime, spec: Any, first: str = "response") -> _Follows:
    names = tuple(_checked_params(spec))
    on_error, retry_if = getattr(spec, "on_error", None), getattr(spec, "retry_if", None)
    signed: dict[str, str] = {}
    return _Follows(
        _stored(runtime, "callback", spec.callback, (first, *names), signed),
        _stored(runtime, "on_error", on_error, ("error", *names), signed),
        _stored(runtime, "retry_if", retry_if, ("response",), signed),
        _params_text(spec, on_error),
        jsontext.dump(signed) if signed else None,
    )


def _stored(
    runtime: Runtime, role: str, function: Any, arguments: tuple[str, ...], signed: dict[str, str]
) -> str | None:
    """The name of a function that will be called with these arguments; its text joins `signed` if need be."""
    if function is None:
        return None
    continuations, (first, *names) = runtime.continuations, arguments
    if not continuations.is_by_value(function):
        return continuations.name(function, names, first=first)
    name, signed[role] = continuations.by_value(function, names, first=first)
    return name


def _checked_params(spec: Any) -> Mapping[str, Any]:
    params = spec.params or {}
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise ParamsError(f"params must be a dict with names as keys, not {params!r}")
    return params


def _params_text(spec: Any, on_error: Any) -> str:
    if not spec.params:
        return "{}"
    if spec.callback is None and on_error is None:
        raise ParamsError("params are for a callback, and there is none")
    try:
        return jsontext.dump(spec.params)
    except TypeError as error:
        raise ParamsError(
            f"params must be JSON, since they are kept until the answer comes: {error}"
        ) from error


def _accepted(accept: Sequence[str]) -> tuple[str, ...]:
    if not accept:
        return ()
    unknown = set(accept) - ACCEPTABLE
    if isinstance(accept, str) or unknown:
        raise InvalidInputError(f"accept takes a list of {', '.join(sorted(ACCEPTABLE))}, not {accept!r}")
    return tuple(accept)


def _attempts(runtime: Runtime, given: int | None) -> int:
    if given is None:
        return runtime.settings.max_attempts
    if given < 1:
        raise InvalidInputError(f"max_attempts must be at least 1, not {given!r}")
    return given


def _priority(given: int) -> int:
    if given not in PRIORITIES:
        raise InvalidInputError(f"priority must be a whole number from -9 to 9, not {given!r}")
    return given


def _deadline(scope: Scope, given: datetime | timedelta | None) -> datetime | None:
    if isinstance(given, timedelta):
        given = scope.created_at + given
    if given is None:
        return None
    if given.tzinfo is None:
        raise InvalidInputError(f"deadline {given!r} needs a time zone")
    if given <= scope.created_at:
        raise InvalidInputError(f"deadline {given.isoformat()} is over already")
    return given
