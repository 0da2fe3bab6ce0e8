"""A described prompt, checked and turned into a record.

Everything that can be known to be wrong is refused here, with the subclass of `InvalidInputError`
that says what, before anything is written.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from gemchain.api.arguments import Follows, Functions, accepted, follows, priority_of
from gemchain.api.choices import (
    check_kind,
    checked_lane,
    chosen_lane,
    escalation_in_time,
    model_of_kind,
    named_model,
)
from gemchain.api.scope import Item, Scope
from gemchain.api.specs import GatherSpec, PromptSpec, WaitSpec
from gemchain.base import jsontext
from gemchain.errors import InvalidInputError, RequestError
from gemchain.formats.response import MODEL
from gemchain.ports import Composed, Options
from gemchain.records import QUEUED, Draft, Failure, Progress, Prompt
from gemchain.records.identity import branch_id, check_text, keyed_child_id, nested_join_id
from gemchain.records.lanes import BATCH, escalating
from gemchain.records.retry_policy import (
    RetryPolicy,
    checked_attempts,
    checked_backoff,
    checked_deadline,
    checked_escalation,
    policy_to_text,
)
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["EMPTY", "WAITING", "make_draft", "make_item", "make_timed_wait", "make_wait"]


WAITING = Progress(PromptState.WAITING)
EMPTY = Progress(PromptState.ANSWERED)
"""A join without branches has all its values already."""


def make_draft(runtime: Runtime, scope: Scope, spec: PromptSpec) -> Draft:
    """The record and the request of the prompt that is submitted next in `scope`.

    Raises:
        InvalidInputError: It can never work.
    """
    named = named_model(spec.model, scope.rules, runtime.settings)
    _check_known(runtime, spec, named)
    provider, model = runtime.providers.choose(named)
    kind, model = model_of_kind(spec.kind, model)
    can = provider.capabilities(model)
    check_kind(named, kind, can)
    check_text("a model's name", model)
    composed = provider.format(model).compose(
        spec.request,
        spec.config,
        spec.schema,
        provider.attach,
        Options(spec.system, spec.temperature, spec.max_output_tokens, spec.tools),
    )
    provider.check(model, composed.request)
    try:
        text = jsontext.dump(composed.request)
    except TypeError as error:
        raise RequestError(f"the request is not JSON: {error}") from error
    schema = _schema_text(runtime, composed)
    if schema is not None and composed.model is None:
        _check_schema(schema)
    provider.format(model).check_settings(composed.request)
    size = len(text.encode())
    if size > provider.limits.max_request_bytes:
        raise RequestError(
            f"the request has {size:,} bytes; {provider.name} takes {provider.limits.max_request_bytes:,}"
        )
    inherited, parent = scope.rules, scope.parent
    functions = Functions(spec.callback, spec.on_error, spec.retry_if)
    after = follows(runtime, functions, spec.params, inherited)
    deadline_at = _deadline(scope, spec.deadline, inherited)
    asked = checked_lane(spec.lane) or inherited.lane
    asked = asked or runtime.settings.lane or None
    lane = chosen_lane(named, can, asked, deadline_at, scope.created_at)
    escalates = checked_escalation(spec.escalate_after)
    if escalates and lane == BATCH and not can.partial:
        raise RequestError(
            f"a batch of {named!r} cannot go over to another lane: the service delivers nothing of a job "
            "that is cancelled, so all would be paid twice; leave escalate_after out, or choose lane='direct'"
        )
    if escalates is None:
        in_time = escalation_in_time(lane, asked, deadline_at, scope.created_at)
        escalates = in_time if inherited.escalate_after is None else inherited.escalate_after
    prompt = Prompt(
        _prompt_id(scope, spec.key),
        scope.chain_id,
        provider.name,
        model,
        size,
        scope.created_at,
        parent.id if parent else None,
        parent.path if parent else "0",
        parent.depth + 1 if parent else 0,
        escalating(lane, escalates),
        kind,
        after.callback,
        after.params,
        after.on_error,
        after.retry_if,
        after.closure,
        policy_to_text(checked_backoff(spec.backoff), inherited),
        schema,
        accepted(spec.accept),
        checked_attempts(spec.max_attempts) or inherited.max_attempts or runtime.settings.max_attempts,
        priority_of(spec.priority),
        deadline_at,
        _labels(spec.labels),
        spec.key,
        parent.forked if parent else False,
        join_id=parent.join_id if parent else None,
        branch=parent.branch if parent else None,
        owner=scope.owner,
        progress=_begun(QUEUED, deadline_at, scope.created_at),
    )
    return Draft(prompt, text)


def _check_known(runtime: Runtime, spec: PromptSpec, named: str) -> None:
    """Refuse a model's name that is not known, before its provider has to be set up."""
    checked, settings = runtime.providers.checked, runtime.settings
    if spec.allow_unknown_model or settings.allow_unknown_models:
        return
    if isinstance(named, str) and named in checked:
        return
    from gemchain.money.models import check_model, names_in  # once for each model

    provider, model = runtime.providers.split(named)
    check_model(named, provider, model, names_in(settings.known_models))
    checked.add(named)


def _check_schema(text: str) -> None:
    from gemchain.formats.json_schema import check_schema_text  # most prompts have no schema

    check_schema_text(text)


def _deadline(scope: Scope, own: datetime | timedelta | None, inherited: RetryPolicy) -> datetime | None:
    # In an async chain days may lie between two awaits: what is over by then is an error to be caught there.
    past = scope.parent is not None and scope.parent.durable
    return inherited.deadline_at if own is None else checked_deadline(own, scope.created_at, past=past)


def _begun(progress: Progress, deadline_at: datetime | None, now: datetime) -> Progress:
    """Where a new prompt stands: one that comes too late is never sent, and its failure is delivered."""
    if deadline_at is None or now < deadline_at:
        return progress
    return Progress(PromptState.ANSWERED, failure=_too_late(deadline_at))


def _too_late(deadline_at: datetime) -> Failure:
    """The failure of what began after its deadline."""
    return Failure("deadline", f"it began after its deadline, {deadline_at.isoformat(timespec='seconds')}")


def _schema_text(runtime: Runtime, composed: Composed) -> str | None:
    """What is kept of the schema: with it the class, by name, of which answers are to be objects."""
    if composed.schema is None:
        return None
    if composed.model is None:
        return jsontext.dump(composed.schema)
    return jsontext.dump({**composed.schema, MODEL: runtime.continuations.model_name(composed.model)})


def make_item(runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec | WaitSpec) -> Item:
    """What a described prompt, gather or wait adds to `scope`.

    Raises:
        InvalidInputError: It, or one of the branches, can never work.
    """
    if isinstance(spec, PromptSpec):
        return Item(make_draft(runtime, scope, spec))
    if isinstance(spec, WaitSpec):
        return _as_wait(runtime, scope, spec)
    return _as_join(runtime, scope, spec, scope.next_join_id())


def _as_join(runtime: Runtime, scope: Scope, spec: GatherSpec, identity: str) -> Item:
    functions = Functions(spec.callback, spec.on_error)
    after = follows(runtime, functions, spec.params, scope.rules, "results")
    join = replace(
        _followed(make_wait(scope, "join", None), after),
        id=identity,
        progress=WAITING if spec.branches else EMPTY,
    )
    branches = [_as_branch(runtime, scope, each, join, index) for index, each in enumerate(spec.branches)]
    options = {"branches": len(branches), "return_exceptions": spec.return_exceptions}
    return Item(Draft(join, jsontext.dump(options)), tuple(branches))


def _labels(labels: object) -> str | None:
    try:
        return None if labels is None else jsontext.dump(labels)
    except TypeError as error:
        raise InvalidInputError(f"labels must be names and values: {error}") from error


def make_wait(scope: Scope, kind: str, key: str | None) -> Prompt:
    """The record of something that sends nothing: a join, or a wait."""
    parent = scope.parent
    if key is not None:
        check_text("the name of a wait", key)
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
        rules=policy_to_text(None, scope.rules),
        forked=parent.forked if parent else False,
        join_id=parent.join_id if parent else None,
        branch=parent.branch if parent else None,
        owner=scope.owner,
        created_at=scope.created_at,
        progress=WAITING,
    )


def _followed(prompt: Prompt, after: Follows) -> Prompt:
    return replace(
        prompt,
        callback=after.callback,
        params=after.params,
        on_error=after.on_error,
        closure=after.closure,
    )


def make_timed_wait(
    scope: Scope, kind: str, key: str, deadline: datetime | timedelta | None = None
) -> Prompt:
    """The record of a wait for a person or a chain, which ends at its deadline.

    Raises:
        InvalidInputError: The deadline is none, or it is over.
    """
    deadline_at = _deadline(scope, deadline, scope.rules)
    return replace(
        make_wait(scope, kind, key),
        deadline_at=deadline_at,
        progress=_begun(WAITING, deadline_at, scope.created_at),
    )


def _as_wait(runtime: Runtime, scope: Scope, spec: WaitSpec) -> Item:
    after = follows(runtime, Functions(spec.callback, spec.on_error), spec.params, scope.rules, "value")
    return Item(Draft(_followed(make_timed_wait(scope, "wait", spec.name, spec.deadline), after), "{}"))


def _as_branch(
    runtime: Runtime, scope: Scope, spec: PromptSpec | GatherSpec, join: Prompt, index: int
) -> Item:
    inside = Scope(scope.chain_id, replace(join, join_id=join.id, branch=index), scope.created_at)
    if isinstance(spec, GatherSpec):
        return _as_join(runtime, inside, spec, nested_join_id(join.id, index))
    if spec.key is not None:
        check_text("a key", spec.key)
    draft = make_draft(runtime, inside, replace(spec, key=None))
    return Item(Draft(replace(draft.prompt, id=branch_id(join.id, index), key=spec.key), draft.request))


def _prompt_id(scope: Scope, key: str | None) -> str:
    if key is not None:
        check_text("a key", key)
    if key is None or scope.parent is None:
        return scope.next_id()
    identity = keyed_child_id(scope.parent.id, key)
    if any(item.draft.prompt.id == identity for item in scope.items):
        raise InvalidInputError(f"this callback has submitted key {key!r} already")
    return identity
