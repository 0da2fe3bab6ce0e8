"""Delivery: how an answer, or the lack of one, changes its prompt.

The callback runs here, outside of any transaction, and everything that follows from it becomes one
`Unit`: the prompt's move, its children, the chain's end. Nothing is written here, so a callback
that raises, or a process that dies, leaves the prompt as it was.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from gemchain.api.returned import check_ended, check_returned
from gemchain.api.scope import Scope, entered
from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.durable.program import Blocked, Ended, Raised
from gemchain.engine.answers import branches, replay
from gemchain.engine.answers.outcome import CallbackResult, Delivery, DeliveryContext, Outcome
from gemchain.engine.answers.transitions import done, fail, give_back, park, postpone, send_again
from gemchain.errors import DamagedError, DivergedError, StoreUnavailableError, UnresolvedError
from gemchain.formats.response import PromptError, Response
from gemchain.functions.calling import call
from gemchain.functions.closures import PREFIX
from gemchain.records import (
    Failure,
    Prompt,
)
from gemchain.records.damage import UNREADABLE
from gemchain.records.retry_policy import rest
from gemchain.runtime import Runtime

__all__ = ["Delivery", "Outcome", "deliver"]

_COUNTED = re.compile(r"\d+ validation errors? for ")


def deliver(runtime: Runtime, prompt: Prompt, outcome: Outcome, *, marked: bool = True) -> Delivery:
    """Run what follows an outcome.

    Args:
        runtime: Where the functions are looked up.
        prompt: As read from the store.
        outcome: What came back for it.
        marked: Whether the end of a branch must be marked in the record, since no part that could be
            dispatched again remembers it.

    Returns:
        The unit that records all of it.
    """
    case = DeliveryContext(runtime, prompt, outcome, marked=marked)
    try:
        case.understand()
        failure = outcome.failure or _unusable(case)
    except (DamagedError, UnresolvedError) as error:
        return park(case, error)
    except Exception as error:  # noqa: BLE001 -- a user's retry_if may raise anything
        return postpone(case, error, None)
    try:
        return _follow(case, failure)
    except UNREADABLE as error:  # whatever functions raise is met further inside: this is the record's fault
        return park(case, DamagedError(f"what follows cannot be done: {type(error).__name__}: {error}"))


def _follow(case: DeliveryContext, failure: Failure | None) -> Delivery:
    prompt, outcome = case.prompt, case.outcome
    if failure is None and _is_program(prompt):
        return _resume(case, outcome.value if case.response is None else case.response, None)
    if failure is None:
        first = outcome.value if case.response is None else case.response
        return _call(case, prompt.callback, first, None)
    again = _again(case, failure)
    if again is not None:
        return again
    if _is_program(prompt):
        return _resume(case, values.error_of(failure, prompt.id), failure)
    if prompt.on_error is None:
        return fail(case, failure)
    error = PromptError(failure, response=case.response, prompt_id=prompt.id)
    return _call(case, prompt.on_error, error, failure)


def _again(case: DeliveryContext, failure: Failure) -> Delivery | None:
    """Send the prompt again, if that may help and there is time; None when it has failed."""
    settings, prompt = case.runtime.settings, case.prompt
    if case.outcome.unsent:
        rests, move = timedelta(seconds=settings.retry_delay_max), give_back
    elif failure.retryable and prompt.progress.attempt < prompt.max_attempts:
        rests, move = rest(settings, prompt.progress.attempt, prompt.rules), send_again
    else:
        return None
    retry_at = case.now + rests
    late = prompt.deadline_at is not None and retry_at >= prompt.deadline_at
    return None if late else move(case, failure, retry_at)


def _is_program(prompt: Prompt) -> bool:
    """Whether an async chain goes on with this outcome."""
    return prompt.durable and prompt.callback is not None


def _resume(case: DeliveryContext, outcome: Any, failure: Failure | None) -> Delivery:
    """Let the program run on, and record what it awaits next or how it ended.

    A failure is kept when the program raises: the next run has to meet the same one.
    """
    try:
        continued = replay.resume(case.runtime, case.prompt, outcome, case.now)
        match continued.step:
            case Raised(StoreUnavailableError() | UnresolvedError() as error):
                raise error  # noqa: TRY301 -- of the store, or of a class that is gone: as below
            case Raised(error) if isinstance(error, PromptError):
                return fail(case, values.failure_of(error))
            case Raised(error):
                return postpone(case, error, failure)
            case Ended(value):
                ended = _ended(case, value, outcome, in_branch=continued.in_branch)
            case Blocked():
                ended = CallbackResult(continued.children, values.pack(outcome))
        return done(case, ended, None, last=isinstance(continued.step, Ended))
    except (UnresolvedError, DivergedError) as error:
        return park(case, error)
    except StoreUnavailableError:
        raise  # met by a `start` inside, or by the history: no fault of the program's
    except Exception as error:  # noqa: BLE001 -- what a program awaits may be anything
        return postpone(case, error, failure)


def _ended(case: DeliveryContext, value: Any, outcome: Any, *, in_branch: bool) -> CallbackResult:
    """What a program, or a branch of it, leaves when it returns."""
    check_ended(str(case.prompt.callback), value, in_branch=in_branch)
    if in_branch:
        return CallbackResult((), values.pack(value))
    return CallbackResult((), jsontext.dump(value), kept=values.pack(outcome))


def _unusable(case: DeliveryContext) -> Failure | None:
    if case.outcome.body is None:
        return None
    assert case.response is not None
    failure = case.response.wire_format.judge(case.outcome.body)
    if failure is not None:
        return None if failure.reason in case.prompt.accept else failure
    misfit = _misfit(case.response) if case.prompt.schema is not None else None
    return misfit or _unwanted(case)


def _unwanted(case: DeliveryContext) -> Failure | None:
    """What the prompt's own `retry_if` says of a usable answer."""
    if case.prompt.retry_if is None:
        return None
    verdict = call(_function(case, "retry_if", case.prompt.retry_if), case.response)
    if not verdict:
        return None
    why = verdict if isinstance(verdict, str) else "retry_if asked for another answer"
    return Failure("unwanted", why, retryable=True)


def _function(case: DeliveryContext, role: str, name: str) -> Callable[..., Any]:
    """The function that follows, found by its name, or loaded if it was stored by value and is signed."""
    if not name.startswith(PREFIX):
        return case.runtime.continuations.resolve(name)
    signed = jsontext.load(case.prompt.closure or "{}").get(role)
    if not isinstance(signed, str):
        raise UnresolvedError(f"{name!r} was stored by value, and its value is gone")
    return case.runtime.continuations.load(signed, role)


def _misfit(response: Response | None) -> Failure | None:
    assert response is not None
    try:
        response.parsed  # noqa: B018 -- reading validates
    except ValueError as error:
        return Failure("invalid", f"the answer does not fit the schema: {_at_once(error)}", retryable=True)
    return None


def _at_once(error: ValueError) -> str:
    """The error's words, with where and why in the first line, which is all that summaries show.

    Pydantic says in the first one only how many errors there are: `1 validation error for Verdict`.
    """
    first, *more = str(error).splitlines() or [""]
    if len(more) < 2 or not _COUNTED.match(first):  # noqa: PLR2004 -- where, and why
        return str(error)
    return "\n".join([f"{first}: {more[0].strip()}: {more[1].strip()}", *more[2:]])


def _call(case: DeliveryContext, name: str | None, first: Any, failure: Failure | None) -> Delivery:
    try:
        ended = _run(case, name, first)
    except UnresolvedError as error:
        return park(case, error)
    except StoreUnavailableError:
        raise  # a `start` inside the callback met it: no fault of the callback's, and the answer is not lost
    except Exception as error:  # noqa: BLE001 -- a user's function may raise anything
        return postpone(case, error, failure)
    return done(case, ended, failure, last=not ended.children)


def _run(case: DeliveryContext, name: str | None, first: Any) -> CallbackResult:
    prompt = case.prompt
    if name is None:
        return CallbackResult((), branches.uncalled(prompt, first))
    function = _function(case, "on_error" if isinstance(first, PromptError) else "callback", name)
    params = {} if prompt.params == "{}" else jsontext.load(prompt.params)
    scope = Scope(prompt.chain_id, prompt, case.now)
    with entered(scope):
        value = call(function, first, **params)
    check_returned(function, scope, value)
    if scope.items:
        return CallbackResult(scope.children(), None)
    return CallbackResult((), jsontext.dump(value))
