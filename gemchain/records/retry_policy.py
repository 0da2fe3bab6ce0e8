"""Retry policy: how often, at which intervals and until when the prompts of a chain are tried.

A chain's rules are copied into each of its prompts, so that to inherit them takes no read, and a chain keeps
to its end the rules that it began with.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypedDict

from gemchain.base import jsontext
from gemchain.errors import DamagedError, InvalidInputError
from gemchain.settings import Settings

__all__ = [
    "LONGEST",
    "NO_POLICY",
    "Backoff",
    "ChainDefaults",
    "Delays",
    "RetryPolicy",
    "checked_attempts",
    "checked_backoff",
    "checked_deadline",
    "checked_escalation",
    "inherited",
    "policy_to_text",
    "rest",
    "without_deadline",
]

Backoff = float | timedelta | tuple[float | timedelta, float | timedelta]
Delays = tuple[float, float | None]
"""Seconds before the second attempt, and at most; None for the setting's."""

DOUBLINGS = 60
MOST_ATTEMPTS = 10_000
LONGEST = 366 * 86_400.0
"""Seconds that a prompt may rest."""


class ChainDefaults(TypedDict, total=False):
    """What all prompts of a chain inherit unless they say otherwise; see `gemchain.chain`."""

    max_attempts: int | None
    backoff: Backoff | None
    deadline: datetime | timedelta | None
    retry_if: Callable[..., Any] | None
    lane: str | None
    escalate_after: float | timedelta | None
    model: str | None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What a chain's prompts inherit, as it is stored.

    Attributes:
        retry_if: The function's stored name.
        signed: The function itself, where it is stored by value.
        lane: How its prompts are sent that name no lane themselves.
        model: The model of its prompts that name none.
        escalate_after: Seconds that a batch may take before what is not answered goes over to a faster lane.
    """

    max_attempts: int | None = None
    backoff: Delays | None = None
    deadline_at: datetime | None = None
    retry_if: str | None = None
    signed: str | None = None
    lane: str | None = None
    model: str | None = None
    escalate_after: float | None = None


NO_POLICY = RetryPolicy()


def checked_attempts(given: Any) -> int | None:
    """A number of attempts, checked.

    Raises:
        InvalidInputError: It is no number of attempts.
    """
    if given is None or (isinstance(given, int) and 1 <= given <= MOST_ATTEMPTS):
        return given
    raise InvalidInputError(
        f"max_attempts must be a whole number of at least 1, at most {MOST_ATTEMPTS:,}, not {given!r:.60}"
    )


def checked_backoff(given: Any) -> Delays | None:
    """A back-off, checked.

    Raises:
        InvalidInputError: It is none.
    """
    if given is None:
        return None
    first, longest = given if _is_pair(given) else (given, None)
    if _is_length(first) and (longest is None or _is_length(longest)):
        return _seconds(first), None if longest is None else _seconds(longest)
    raise InvalidInputError(
        "backoff must be the seconds before the second attempt, or a pair of these and the longest rest, "
        f"not {given!r}"
    )


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple | list) and len(given) == len(("first", "longest"))


def _is_length(given: Any) -> bool:
    return isinstance(given, int | float | timedelta) and 0 <= _seconds(given) <= LONGEST


def _seconds(given: float | timedelta) -> float:
    return given.total_seconds() if isinstance(given, timedelta) else given


def checked_escalation(given: Any) -> float | None:
    """A time after which a faster lane is taken, checked, in seconds.

    Raises:
        InvalidInputError: It is none.
    """
    if given is None:
        return None
    if _is_length(given) and not isinstance(given, bool):
        return float(_seconds(given))
    raise InvalidInputError(f"escalate_after must be a number of seconds or a timedelta, not {given!r:.60}")


def checked_deadline(given: Any, now: datetime, *, past: bool = False) -> datetime | None:
    """A deadline, checked, as a time.

    Args:
        given: A time, or a time from `now`.
        now: The present.
        past: Whether it may be over.

    Raises:
        InvalidInputError: It is none, or it is over.
    """
    if given is None:
        return None
    at = now + given if isinstance(given, timedelta) else given
    if not isinstance(at, datetime):
        raise InvalidInputError(f"deadline must be a datetime or a timedelta, not {given!r}")
    if at.tzinfo is None:
        raise InvalidInputError(f"deadline {given!r} needs a time zone")
    if at <= now and not past:
        raise InvalidInputError(f"deadline {at.isoformat()} is over already")
    return at


def inherited(text: str | None) -> RetryPolicy:
    """What a prompt with these rules hands on.

    Raises:
        DamagedError: The text is none of `policy_to_text`.
    """
    return NO_POLICY if text is None else _read(text)[1]


def policy_to_text(own: Delays | None, handed_on: RetryPolicy) -> str | None:
    """What a prompt keeps: its own back-off, and what it hands on. None when there is nothing to keep."""
    rests = handed_on.backoff if own is None else own
    nothing = rests is None and (handed_on is NO_POLICY or handed_on == NO_POLICY)
    return None if nothing else _text(rests, handed_on)


@lru_cache(maxsize=1024)
def _text(rests: Delays | None, handed_on: RetryPolicy) -> str:
    kept = {each.name: getattr(handed_on, each.name) for each in fields(RetryPolicy)}
    kept["deadline_at"] = None if handed_on.deadline_at is None else handed_on.deadline_at.isoformat()
    chain = {name: value for name, value in kept.items() if value is not None}
    return jsontext.dump({"backoff": rests, "chain": chain})


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[Delays | None, RetryPolicy]:
    try:
        read = jsontext.load(text)
        chain = read["chain"]
        at = chain.get("deadline_at")
        rules = RetryPolicy(
            checked_attempts(chain.get("max_attempts")),
            checked_backoff(chain.get("backoff")),
            None if at is None else datetime.fromisoformat(at),
            chain.get("retry_if"),
            chain.get("signed"),
            chain.get("lane"),
            chain.get("model"),
            checked_escalation(chain.get("escalate_after")),
        )
        return checked_backoff(read["backoff"]), rules
    except (InvalidInputError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"'rules' cannot be read: {error}") from error


def without_deadline(text: str | None) -> str | None:
    """The same without the chain's deadline, for a chain that starts anew."""
    if text is None:
        return None
    rests, rules = _read(text)
    return policy_to_text(rests, replace(rules, deadline_at=None))


def rest(settings: Settings, attempts: int, text: str | None = None) -> timedelta:
    """How long a prompt with these rules rests after so many attempts.

    Raises:
        DamagedError: The text is none of `policy_to_text`.
    """
    first, longest = (None if text is None else _read(text)[0]) or (settings.retry_delay, None)
    doubled = min(max(attempts, 1) - 1, DOUBLINGS)  # 2 to the power of what a record says may be no number
    return timedelta(
        seconds=min(first * 2**doubled, settings.retry_delay_max if longest is None else longest)
    )
