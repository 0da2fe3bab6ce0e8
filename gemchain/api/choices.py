"""Which model and which lane a prompt takes."""

from datetime import datetime, timedelta
from typing import Any

from gemchain.errors import InvalidInputError, ModelError, RequestError
from gemchain.ports import Capabilities
from gemchain.records.lanes import AUTO, BATCH, LANES
from gemchain.records.retry_policy import RetryPolicy
from gemchain.settings import Settings

__all__ = ["checked_lane", "chosen_lane", "named_model"]

BATCH_TAKES = timedelta(hours=24)
"""How long a provider may take for a batch; an earlier deadline asks for a faster lane."""


def named_model(given: str | None, rules: RetryPolicy, settings: Settings) -> str:
    """The model that is asked: the prompt's own, else that of its chain, else the setting.

    Raises:
        ModelError: None of them names one.
    """
    model = given or rules.model or settings.default_model
    if not model:
        raise ModelError(
            "the prompt names no model, and there is no default; pass one, set default_model "
            "(GEMCHAIN_DEFAULT_MODEL), or run with --model"
        )
    return model


def checked_lane(given: Any) -> str | None:
    """A lane's name, checked.

    Raises:
        InvalidInputError: There is no such lane.
    """
    if given is None or (isinstance(given, str) and given in (*LANES, AUTO)):
        return given
    raise InvalidInputError(f"lane is one of {', '.join(map(repr, (*LANES, AUTO)))}, not {given!r:.60}")


def chosen_lane(
    model: str, can: Capabilities, named: str | None, deadline_at: datetime | None, now: datetime
) -> str:
    """The lane of a new prompt.

    Args:
        model: The model as the user wrote it.
        can: What its provider can do.
        named: The lane, or `auto`; None takes batches where there are any, else the cheapest lane.
        deadline_at: The prompt's deadline.
        now: The present.

    Raises:
        RequestError: The model has no such lane; the message says which it has.
    """
    if named is None:
        return BATCH if BATCH in can.lanes else can.lanes[0]
    if named != AUTO:
        if named not in can.lanes:
            raise RequestError(f"model {model!r} has no lane {named!r}; it has {', '.join(can.lanes)}")
        return named
    if deadline_at is not None and deadline_at - now < BATCH_TAKES:
        return next((each for each in can.lanes if each != BATCH), can.lanes[0])
    return can.lanes[0]
