"""What becomes of a prompt whose outcome is known: done, failed, parked, sent again, or left to rest.

Each makes one `Delivery` and writes nothing; see `delivery.py`.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gemchain.durable import values
from gemchain.engine.answers.outcome import CallbackResult, Delivery, DeliveryContext
from gemchain.errors import Abort, DamagedError, DivergedError, Retry, UnresolvedError
from gemchain.records import ChainMove, Failure, Progress
from gemchain.records.retry_policy import LONGEST, rest
from gemchain.records.states import ChainState, PromptState

__all__ = ["done", "fail", "give_back", "park", "postpone", "send_again"]


def done(case: DeliveryContext, ended: CallbackResult, failure: Failure | None, *, last: bool) -> Delivery:
    """DONE, with what its function left; the chain ends with it when it is the `last` and never forked."""
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
            case.prompt.chain_id,
            ChainState.RUNNING,
            ChainState.DONE,
            ended.value,
            ended_at=case.now,
            owner=case.prompt.owner,
        )
    return Delivery(case.unit(after, ended.children, ending), "done", ends_branch=forked and last)


def fail(case: DeliveryContext, failure: Failure, *, raised: int | None = None) -> Delivery:
    """FAILED for good, and with it a chain that never forked.

    Args:
        case: The delivery.
        failure: Why.
        raised: How often the callback has raised; as often as before when None.
    """
    forked = case.prompt.forked
    after = case.after(
        PromptState.FAILED,
        failure=failure,
        ended_at=case.now,
        callback_attempts=raised,
        unsettled=forked and case.marked,
        result=case.prompt.progress.result if case.prompt.kind == "wait" else None,  # a retry needs it again
    )
    ending = None
    if not forked:
        ending = ChainMove(
            case.prompt.chain_id,
            ChainState.RUNNING,
            ChainState.FAILED,
            failure=failure,
            ended_at=case.now,
            owner=case.prompt.owner,
        )
    return Delivery(case.unit(after, ending=ending), "failed", ends_branch=forked)


def send_again(case: DeliveryContext, failure: Failure, retry_at: datetime) -> Delivery:
    """Back to the queue for another attempt, not before `retry_at`."""
    return _queued(case, failure, retry_at, case.prompt.progress.attempt + 1)


def give_back(case: DeliveryContext, failure: Failure, retry_at: datetime) -> Delivery:
    """Back to the queue, not before `retry_at`, for the same attempt: nobody has looked at the prompt."""
    return _queued(case, failure, retry_at, case.prompt.progress.attempt)


def _queued(case: DeliveryContext, failure: Failure, retry_at: datetime, attempt: int) -> Delivery:
    before = case.prompt.progress
    after = Progress(
        PromptState.QUEUED,
        attempt,
        not_before_at=retry_at,
        callback_attempts=before.callback_attempts,
        failure=failure,
        usage=case.usage,
    )
    return Delivery(case.unit(after), "retried", ends_branch=False)


_PARKED_FOR = {UnresolvedError: "unresolved", DivergedError: "diverged", DamagedError: "damaged"}


def park(case: DeliveryContext, error: UnresolvedError | DivergedError | DamagedError) -> Delivery:
    """PARKED, with the answer kept: a person has to look."""
    failure = Failure(_PARKED_FOR[type(error)], str(error))
    after = case.after(PromptState.PARKED, failure=failure, result=case.prompt.progress.result)
    return Delivery(case.unit(after), "waiting", ends_branch=False)


def postpone(case: DeliveryContext, error: Exception, failure: Failure | None) -> Delivery:
    """The callback raised: keep the answer, and run the callback again later or give up."""
    match error:
        case Abort():
            return fail(case, Failure("aborted", error.reason))
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


def _answer_again(case: DeliveryContext, after: float) -> Delivery:
    """The callback wants another answer."""
    failure = Failure("unwanted", "the callback asked for another answer", retryable=True)
    if case.prompt.progress.attempt >= case.prompt.max_attempts or not case.prompt.is_sent:
        return fail(case, failure)
    again_at, deadline_at = case.now + timedelta(seconds=after), case.prompt.deadline_at
    late = deadline_at is not None and again_at >= deadline_at
    if late or case.prompt.progress.state is PromptState.QUEUED:  # by the store's clock it is late, too
        return fail(case, case.outcome.failure or failure)
    return send_again(case, failure, again_at)


def _rest(case: DeliveryContext, after: float, failure: Failure | None) -> Delivery:
    """The callback wants to run later; that is no failure of it."""
    progress = case.after(
        PromptState.ANSWERED,
        not_before_at=case.now + timedelta(seconds=after),
        failure=failure,
        result=case.prompt.progress.result,
    )
    return Delivery(case.unit(progress), "waiting", ends_branch=False)


def _count_raised(case: DeliveryContext, error: Exception, failure: Failure | None) -> Delivery:
    raised = case.prompt.progress.callback_attempts + 1
    described = values.failure_of(error)
    if not case.prompt.durable:
        described = replace(described, reason="callback")
    if raised >= case.runtime.settings.callback_attempts:
        return fail(case, described, raised=raised)
    after = case.after(
        PromptState.ANSWERED,
        callback_attempts=raised,
        not_before_at=case.now + rest(case.runtime.settings, raised),
        failure=failure or described,
        result=case.prompt.progress.result,
    )
    return Delivery(case.unit(after), "waiting", ends_branch=False)
