"""Which model and which lane a prompt takes, and what it asks for."""

from datetime import datetime, timedelta
from typing import Any

from gemchain.errors import InvalidInputError, ModelError, RequestError
from gemchain.formats.embeddings.names import PREFIX, asks_for_vectors
from gemchain.ports import Capabilities
from gemchain.records import EMBED, GENERATE
from gemchain.records.lanes import AUTO, BATCH, DIRECT, LANES
from gemchain.records.retry_policy import RetryPolicy
from gemchain.settings import Settings

__all__ = ["check_kind", "checked_lane", "chosen_lane", "escalation_in_time", "model_of_kind", "named_model"]

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


def model_of_kind(kind: Any, model: str) -> tuple[str, str]:
    """What is asked for, and the model's name at its provider, which says so, too.

    Args:
        kind: `generate` or `embed`, as the user gave it.
        model: The model's name at its provider. One that begins with `embeddings/` is asked for vectors
            whatever the kind.

    Raises:
        InvalidInputError: There is no such kind.
    """
    if kind not in (GENERATE, EMBED):
        raise InvalidInputError(f"kind is {GENERATE!r} or {EMBED!r}, not {kind!r:.60}")
    if asks_for_vectors(model):
        return EMBED, model
    return (EMBED, f"{PREFIX}{model}") if kind == EMBED else (GENERATE, model)


def check_kind(model: str, kind: str, can: Capabilities) -> None:
    """Refuse what a model is not asked for here.

    Raises:
        RequestError: The message says which models can be asked for it.
    """
    if kind in can.kinds:
        return
    if kind == EMBED:
        raise RequestError(
            f"no embeddings are made by the model {model!r} here; use one such as "
            "'gemini-api/gemini-embedding-001', 'openai/text-embedding-3-small' or 'mistral/mistral-embed'"
        )
    raise RequestError(f"the model {model!r} gives no text; use it with gemchain.embed(), or another model")


def checked_lane(given: Any) -> str | None:
    """A lane's name, checked.

    Raises:
        InvalidInputError: There is no such lane.
    """
    if given is None or (isinstance(given, str) and given in (*LANES, AUTO)):
        return given
    raise InvalidInputError(f"lane is one of {', '.join(map(repr, (*LANES, AUTO)))}, not {given!r:.60}")


def escalation_in_time(
    lane: str, named: str | None, deadline_at: datetime | None, now: datetime
) -> float | None:
    """Seconds after which a prompt of the lane `auto` leaves for a faster one, to be answered in time.

    Half of the time that it has, rounded down to a power of two, so that prompts with like deadlines wait
    together. None where nothing has to be done.
    """
    if named != AUTO or deadline_at is None or lane == DIRECT:
        return None
    half, step = (deadline_at - now).total_seconds() / 2, 1.0
    while step * 2 <= half:
        step *= 2
    return step


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
