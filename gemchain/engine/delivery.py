"""Delivery: what an answer, or the lack of one, does to its prompt.

The callback runs here, outside of any transaction, and everything that follows from it becomes one
`Unit`: the prompt's move, its children, the chain's end. Nothing is written here, so a callback
that raises, or a process that dies, leaves the prompt as it was.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gemchain import jsontext, values
from gemchain.closures import PREFIX
from gemchain.codec import UNREADABLE
from gemchain.durable import Blocked, Ended, Raised
from gemchain.engine import branches, replay
from gemchain.errors import Abort, DamagedError, DivergedError, Retry, StoreUnavailableError, UnresolvedError
from gemchain.identity import random_id
from gemchain.records import (
    NO_USAGE,
    AnswerRef,
    ChainMove,
    Draft,
    Failure,
    Move,
    Progress,
    Prompt,
    Unit,
    Usage,
)
from gemchain.responses import PromptError, Response, judge, parser
from gemchain.rules import LONGEST, inherited, rest
from gemchain.runtime import Runtime
from gemchain.scope import Scope, entered
from gemchain.states import ChainState, PromptState

__all__ = ["Delivery", "Outcome", "deliver"]


class Outcome(NamedTuple):
    """What came back for a prompt: a body, a failure, or (for one that sends nothing) a value.

    Attributes:
        answer: Where the row lies; None when there is none.
        usage: What this answer cost; nothing when it was counted before.
    """

    body: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    failure: Failure | None = None
    answer: AnswerRef | None = None
    usage: Usage = NO_USAGE
    value: Any = None


class Delivery(NamedTuple):
    """What to commit.

    Attributes:
        counts_as: The field of `RowCounts` that its row adds to.
        ends_branch: Whether a branch of a forked chain ends with it.
    """

    unit: Unit
    counts_as: str
    ends_branch: bool


class _Ended(NamedTuple):
    """What a function left.

    Attributes:
        children: Its submits.
        value: JSON text of what it returned.
        kept: What the prompt keeps for a replay, where that is not the value.
    """

    children: tuple[Draft, ...]
    value: str | None
    kept: str | None = None


class _Case:
    """One delivery under way."""

    def __init__(self, runtime: Runtime, prompt: Prompt, outcome: Outcome, *, marked: bool) -> None:
        self.runtime = runtime
        self.prompt = prompt
        self.outcome = outcome
        self.marked = marked
        self.now = runtime.clock.now()
        before = prompt.progress
        self.usage = before.usage.plus(outcome.usage) if outcome.usage is not NO_USAGE else before.usage
        self.response: Response | None = None

    def understand(self) -> None:
        """Make the response of what came back.

        Raises:
            DamagedError: The record, or what is to be given to its function, makes no sense.
        """
        if self.prompt.damage is not None:
            raise DamagedError(self.prompt.damage)
        inherited(self.prompt.rules)
        if self.outcome.body is not None:
            self.response = _response(self.prompt, self.outcome)

    def after(
        self,
        state: PromptState,
        *,
        failure: Failure | None = None,
        result: str | None = None,
        not_before_at: datetime | None = None,
        ended_at: datetime | None = None,
        callback_attempts: int | None = None,
        unsettled: bool = False,
    ) -> Progress:
        """Where the prompt will stand with this answer at hand."""
        before = self.prompt.progress
        return Progress(
            state,
            before.attempt,
            before.batch_id,
            not_before_at,
            self.outcome.answer,
            before.callback_attempts if callback_attempts is None else callback_attempts,
            failure,
            result,
            self.usage,
            before.claimed_at,
            before.answered_at or self.now,
            ended_at,
            unsettled,
        )

    def unit(
        self, after: Progress, children: tuple[Draft, ...] = (), ending: ChainMove | None = None
    ) -> Unit:
        """The commit that makes it so."""
        return Unit(token=random_id("u"), moves=(Move(self.prompt, after),), drafts=children, ending=ending)


def _response(prompt: Prompt, outcome: Outcome) -> Response:
    assert outcome.body is not None
    return Response(
        outcome.body,
        request=outcome.request,
        model=prompt.model,
        prompt_id=prompt.id,
        schema=prompt.schema,
        parse=None if prompt.schema is None else _parser(prompt.schema),
    )


def _parser(schema: str) -> Callable[[str], Any]:
    try:
        return parser(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"'schema' cannot be read: {error}") from error


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
    case = _Case(runtime, prompt, outcome, marked=marked)
    try:
        case.understand()
        failure = outcome.failure or _unusable(case)
    except (DamagedError, UnresolvedError) as error:
        return _park(case, error)
    except Exception as error:  # noqa: BLE001 -- a user's retry_if may raise anything
        return _postpone(case, error, None)
    try:
        return _follow(case, failure)
    except UNREADABLE as error:  # whatever functions raise is met further inside: this is the record's fault
        return _park(case, DamagedError(f"what follows cannot be done: {type(error).__name__}: {error}"))


def _follow(case: _Case, failure: Failure | None) -> Delivery:
    runtime, prompt, outcome = case.runtime, case.prompt, case.outcome
    if failure is None and _is_program(prompt):
        return _resume(case, outcome.value if case.response is None else case.response, None)
    if failure is None:
        first = outcome.value if case.response is None else case.response
        return _call(case, prompt.callback, first, None)
    if failure.retryable and prompt.progress.attempt < prompt.max_attempts:
        retry_at = case.now + rest(runtime.settings, prompt.progress.attempt, prompt.rules)
        if prompt.deadline_at is None or retry_at < prompt.deadline_at:
            return _send_again(case, failure, retry_at)
    if _is_program(prompt):
        return _resume(case, values.error_of(failure, prompt.id), failure)
    if prompt.on_error is None:
        return _fail(case, failure)
    error = PromptError(failure, response=case.response, prompt_id=prompt.id)
    return _call(case, prompt.on_error, error, failure)


def _is_program(prompt: Prompt) -> bool:
    """Whether an async chain goes on with this outcome."""
    return prompt.durable and prompt.callback is not None


def _resume(case: _Case, outcome: Any, failure: Failure | None) -> Delivery:
    """Let the program run on, and record what it awaits next or how it ended.

    A failure is kept when the program raises: the next run has to meet the same one.
    """
    try:
        continued = replay.resume(case.runtime, case.prompt, outcome, case.now)
        match continued.step:
            case Raised(StoreUnavailableError() | UnresolvedError() as error):
                raise error  # noqa: TRY301 -- of the store, or of a class that is gone: as below
            case Raised(error) if isinstance(error, PromptError):
                return _fail(case, values.failure_of(error))
            case Raised(error):
                return _postpone(case, error, failure)
            case Ended(value) if continued.in_branch:
                ended = _Ended((), values.pack(value))
            case Ended(value):
                ended = _Ended((), jsontext.dump(value), kept=values.pack(outcome))
            case Blocked():
                ended = _Ended(continued.children, values.pack(outcome))
        return _done(case, ended, None, last=isinstance(continued.step, Ended))
    except (UnresolvedError, DivergedError) as error:
        return _park(case, error)
    except StoreUnavailableError:
        raise  # met by a `start` inside, or by the history: no fault of the program's
    except Exception as error:  # noqa: BLE001 -- what a program awaits may be anything
        return _postpone(case, error, failure)


def _unusable(case: _Case) -> Failure | None:
    if case.outcome.body is None:
        return None
    failure = judge(case.outcome.body)
    if failure is not None:
        return None if failure.reason in case.prompt.accept else failure
    misfit = _misfit(case.response) if case.prompt.schema is not None else None
    return misfit or _unwanted(case)


def _unwanted(case: _Case) -> Failure | None:
    """What the prompt's own `retry_if` says of a usable answer."""
    if case.prompt.retry_if is None:
        return None
    verdict = _function(case, "retry_if", case.prompt.retry_if)(case.response)
    if not verdict:
        return None
    why = verdict if isinstance(verdict, str) else "retry_if asked for another answer"
    return Failure("unwanted", why, retryable=True)


def _function(case: _Case, role: str, name: str) -> Callable[..., Any]:
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
        return Failure("invalid", f"the answer does not fit the schema: {error}", retryable=True)
    return None


def _send_again(case: _Case, failure: Failure, retry_at: datetime) -> Delivery:
    before = case.prompt.progress
    after = Progress(
        PromptState.QUEUED,
        before.attempt + 1,
        not_before_at=retry_at,
        callback_attempts=before.callback_attempts,
        failure=failure,
        usage=case.usage,
    )
    return Delivery(case.unit(after), "retried", ends_branch=False)


def _call(case: _Case, name: str | None, first: Any, failure: Failure | None) -> Delivery:
    try:
        ended = _run(case, name, first)
    except UnresolvedError as error:
        return _park(case, error)
    except StoreUnavailableError:
        raise  # a `start` inside the callback met it: no fault of the callback's, and the answer is not lost
    except Exception as error:  # noqa: BLE001 -- a user's function may raise anything
        return _postpone(case, error, failure)
    return _done(case, ended, failure, last=not ended.children)


def _run(case: _Case, name: str | None, first: Any) -> _Ended:
    prompt = case.prompt
    if name is None:
        return _Ended((), branches.uncalled(prompt, first))
    function = _function(case, "on_error" if isinstance(first, PromptError) else "callback", name)
    params = {} if prompt.params == "{}" else jsontext.load(prompt.params)
    scope = Scope(prompt.chain_id, prompt, case.now)
    with entered(scope):
        value = function(first, **params)
    if scope.items:
        return _Ended(scope.children(), None)
    return _Ended((), jsontext.dump(value))


def _done(case: _Case, ended: _Ended, failure: Failure | None, *, last: bool) -> Delivery:
    forked = case.prompt.forked
    after = case.after(
        PromptState.DONE,
        failure=failure,
        ended_at=case.now,
        result=ended.kept or (ended.value if forked or case.prompt.durable else None),
        unsettled=forked and last and case.marked,
    )
    ending = None
    if last and not forked:
        ending = ChainMove(
            case.prompt.chain_id, ChainState.RUNNING, ChainState.DONE, ended.value, ended_at=case.now
        )
    return Delivery(case.unit(after, ended.children, ending), "done", ends_branch=forked and last)


def _fail(case: _Case, failure: Failure) -> Delivery:
    forked = case.prompt.forked
    after = case.after(
        PromptState.FAILED,
        failure=failure,
        ended_at=case.now,
        unsettled=forked and case.marked,
        result=case.prompt.progress.result if case.prompt.kind == "wait" else None,  # a retry needs it again
    )
    ending = None
    if not forked:
        ending = ChainMove(
            case.prompt.chain_id, ChainState.RUNNING, ChainState.FAILED, failure=failure, ended_at=case.now
        )
    return Delivery(case.unit(after, ending=ending), "failed", ends_branch=forked)


_PARKED_FOR = {UnresolvedError: "unresolved", DivergedError: "diverged", DamagedError: "damaged"}


def _park(case: _Case, error: UnresolvedError | DivergedError | DamagedError) -> Delivery:
    failure = Failure(_PARKED_FOR[type(error)], str(error))
    after = case.after(PromptState.PARKED, failure=failure, result=case.prompt.progress.result)
    return Delivery(case.unit(after), "waiting", ends_branch=False)


def _postpone(case: _Case, error: Exception, failure: Failure | None) -> Delivery:
    """The callback raised: keep the answer, and run the callback again later or give up."""
    match error:
        case Abort():
            return _fail(case, Failure("aborted", error.reason))
        case Retry() if not _is_rest(error.after):
            unfit = ValueError(f"Retry takes seconds, at most {LONGEST:,.0f}, not {error.after!r}")
            return _count_raised(case, unfit, failure)
        case Retry(resend=True):
            return _answer_again(case, error.after)
        case Retry():
            return _rest(case, error.after, failure)
        case _:
            return _count_raised(case, error, failure)


def _is_rest(after: Any) -> bool:
    return isinstance(after, int | float) and -LONGEST <= after <= LONGEST


def _answer_again(case: _Case, after: float) -> Delivery:
    """The callback wants another answer."""
    failure = Failure("unwanted", "the callback asked for another answer", retryable=True)
    if case.prompt.progress.attempt >= case.prompt.max_attempts or case.prompt.kind != "generate":
        return _fail(case, failure)
    if case.prompt.progress.state is PromptState.QUEUED:
        return _fail(case, case.outcome.failure or failure)  # its deadline passed before it was sent
    return _send_again(case, failure, case.now + timedelta(seconds=after))


def _rest(case: _Case, after: float, failure: Failure | None) -> Delivery:
    """The callback wants to run later; that is no failure of it."""
    progress = case.after(
        PromptState.ANSWERED,
        not_before_at=case.now + timedelta(seconds=after),
        failure=failure,
        result=case.prompt.progress.result,
    )
    return Delivery(case.unit(progress), "waiting", ends_branch=False)


def _count_raised(case: _Case, error: Exception, failure: Failure | None) -> Delivery:
    raised = case.prompt.progress.callback_attempts + 1
    described = values.failure_of(error)
    if not case.prompt.durable:
        described = replace(described, reason="callback")
    if raised >= case.runtime.settings.callback_attempts:
        return _fail(case, described)
    after = case.after(
        PromptState.ANSWERED,
        callback_attempts=raised,
        not_before_at=case.now + rest(case.runtime.settings, raised),
        failure=failure or described,
        result=case.prompt.progress.result,
    )
    return Delivery(case.unit(after), "waiting", ends_branch=False)
