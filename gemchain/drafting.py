"""A described prompt, checked and turned into a record.

Everything that can be known to be wrong is refused here, with the subclass of `InvalidInputError`
that says what, before anything is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gemchain import jsontext
from gemchain.errors import InvalidInputError, ParamsError, RequestError
from gemchain.identity import keyed_child_id
from gemchain.records import Draft, Prompt
from gemchain.requests import as_request, as_schema, with_schema
from gemchain.runtime import Runtime
from gemchain.scope import Scope

__all__ = ["PromptSpec", "make_draft"]

ACCEPTABLE = frozenset({"blocked", "truncated", "empty"})
PRIORITIES = range(-9, 10)


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """A prompt that is described but not sent: the arguments of `submit`. Made by `prompt()`."""

    request: Any
    model: str
    callback: Callable[..., Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    on_error: Callable[..., Any] | None = None
    key: str | None = None
    schema: Any = None
    accept: Sequence[str] = ()
    max_attempts: int | None = None
    priority: int = 0
    deadline: datetime | timedelta | None = None
    labels: Mapping[str, str] | None = None


def make_draft(runtime: Runtime, scope: Scope, spec: PromptSpec) -> Draft:
    """The record and the request of the prompt that is submitted next in `scope`.

    Raises:
        InvalidInputError: It can never work.
    """
    provider, model = runtime.providers.choose(spec.model)
    request = as_request(spec.request)
    schema = None if spec.schema is None else as_schema(spec.schema)
    if schema is not None:
        request = with_schema(request, schema)
    provider.check(model, request)
    text = jsontext.dump(request)
    size = len(text.encode())
    if size > provider.limits.max_request_bytes:
        raise RequestError(
            f"the request has {size:,} bytes; {provider.name} takes {provider.limits.max_request_bytes:,}"
        )
    callback, on_error, params = _continuation(runtime, spec)
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
            callback=callback,
            params=params,
            on_error=on_error,
            schema=None if schema is None else jsontext.dump(schema),
            accept=_accepted(spec.accept),
            max_attempts=_attempts(runtime, spec.max_attempts),
            priority=_priority(spec.priority),
            deadline_at=_deadline(scope, spec.deadline),
            labels=None if spec.labels is None else jsontext.dump(spec.labels),
            key=spec.key,
            forked=parent.forked if parent else False,
            created_at=scope.created_at,
        ),
        text,
    )


def _prompt_id(scope: Scope, key: str | None) -> str:
    if key is None or scope.parent is None:
        return scope.next_id()
    identity = keyed_child_id(scope.parent.id, key)
    if any(draft.prompt.id == identity for draft in scope.drafts):
        raise InvalidInputError(f"this callback has submitted key {key!r} already")
    return identity


def _continuation(runtime: Runtime, spec: PromptSpec) -> tuple[str | None, str | None, str]:
    params = spec.params
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise ParamsError(f"params must be a dict with names as keys, not {params!r}")
    if not params:
        text = "{}"
    elif spec.callback is None and spec.on_error is None:
        raise ParamsError("params are for a callback, and there is none")
    else:
        try:
            text = jsontext.dump(params)
        except TypeError as error:
            raise ParamsError(
                f"params must be JSON, since they are kept until the answer comes: {error}"
            ) from error
    names = tuple(params)
    find = runtime.continuations.name
    callback = None if spec.callback is None else find(spec.callback, names)
    on_error = None if spec.on_error is None else find(spec.on_error, names, first="error")
    return callback, on_error, text


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
