"""A prompt, the answer or failure that came back for it, and the unit that will record the outcome."""

from datetime import datetime
from typing import Any, NamedTuple

from gemchain.errors import DamagedError
from gemchain.formats.response import Response, response_to
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
from gemchain.records.frozen import frozen
from gemchain.records.identity import random_id
from gemchain.records.retry_policy import inherited
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["CallbackResult", "Delivery", "DeliveryContext", "Outcome"]


class Outcome(NamedTuple):
    """What came back for a prompt: a body, a failure, or (for one that sends nothing) a value.

    Attributes:
        answer: Where the row lies; None when there is none.
        usage: What this answer cost; nothing when it was counted before.
        unsent: Whether the service had no room for the prompt and did not look at it, which is no attempt.
    """

    body: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    failure: Failure | None = None
    answer: AnswerRef | None = None
    usage: Usage = NO_USAGE
    value: Any = None
    unsent: bool = False


class Delivery(NamedTuple):
    """What to commit.

    Attributes:
        counts_as: The field of `RowCounts` that its row adds to.
        ends_branch: Whether a branch of a forked chain ends with it.
    """

    unit: Unit
    counts_as: str
    ends_branch: bool


@frozen()
class CallbackResult:
    """What a function left.

    Attributes:
        children: Its submits.
        value: JSON text of what it returned.
        kept: What the prompt keeps for a replay, where that is not the value.
    """

    children: tuple[Draft, ...]
    value: str | None
    kept: str | None = None


class DeliveryContext:
    """One delivery under way."""

    def __init__(self, runtime: Runtime, prompt: Prompt, outcome: Outcome, *, marked: bool) -> None:
        self.runtime = runtime
        self.prompt = prompt
        self.outcome = outcome
        self.marked = marked
        self.now = runtime.clock.now()
        before = prompt.progress
        self.usage = outcome.usage if before.usage is NO_USAGE else before.usage.plus(outcome.usage)
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
            self.response = response_to(
                self.prompt,
                self.outcome.body,
                self.outcome.request,
                wire_format=self.runtime.providers.format_of(self.prompt),
                resolve_model=self.runtime.continuations.resolve_model,
            )

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
