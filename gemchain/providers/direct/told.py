"""What a service tells of its limits, in headers and in refusals.

- `Retry-After`: seconds, or a date (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after); OpenAI and
  Azure send `retry-after-ms` as well.
- `x-ratelimit-remaining-requests`, `-tokens`, and `x-ratelimit-reset-…` as `6m0s`
  (https://developers.openai.com/api/docs/guides/rate-limits); many servers copy them.
- `anthropic-ratelimit-requests-remaining`, `-reset` (RFC 3339), and the same for `tokens`, `input-tokens` and
  `output-tokens` (https://platform.claude.com/docs/en/api/rate-limits).
- `RetryInfo` in the details of Google's errors (https://google.aip.dev/193): `{"retryDelay": "19s"}`.

What makes no sense is left out.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, NamedTuple

__all__ = ["Left", "left_of", "retry_after", "seconds_until"]

Headers = Mapping[str, str]

DAY = 86_400.0
EPOCH_FROM = 1e9
"""A number of seconds from here on is a moment, not a duration."""
MILLIS_FROM = 1e11

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?\Z")
_UNITS = (DAY, 3600.0, 60.0, 1.0, 0.001)


class Left(NamedTuple):
    """How much of a limit is left.

    Attributes:
        what: `requests` or `tokens`.
        remaining: How many.
        seconds: Until when that holds, from now.
    """

    what: str
    remaining: int
    seconds: float


_NAMES = (
    ("requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("requests", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("tokens", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("tokens", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("tokens", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)


def left_of(headers: Headers, now: datetime) -> dict[str, Left]:
    """What the headers of an answer say is left, by `requests` and `tokens`; the least where several do.

    Args:
        headers: By name, in any case.
        now: The present.
    """
    found: dict[str, Left] = {}
    for what, remaining, reset in _NAMES:
        count, until = _count(headers.get(remaining)), seconds_until(headers.get(reset), now)
        if count is None or until is None:
            continue
        if what not in found or count < found[what].remaining:
            found[what] = Left(what, count, until)
    return found


def retry_after(headers: Headers, body: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds after which a refused request may be sent again; None when nobody says."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    told = seconds_until(headers.get("retry-after"), now)
    return _google_delay(body) if told is None else told


def seconds_until(text: str | None, now: datetime) -> float | None:
    """A duration or a moment, in any of the spellings above, as seconds from now; never negative."""
    text = (text or "").strip()
    number = _number(text)
    if number is not None:
        if number >= MILLIS_FROM:
            number /= 1000
        return max(0.0, number - now.timestamp()) if number >= EPOCH_FROM else number
    match = _DURATION.match(text)
    if text and match:
        return sum(float(each) * unit for each, unit in zip(match.groups(), _UNITS, strict=True) if each)
    moment = _moment(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if isfinite(found) and found >= 0 else None


def _count(text: str | None) -> int | None:
    found = _number(text)
    return None if found is None else int(found)


def _google_delay(body: Mapping[str, Any]) -> float | None:
    error = body.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    delays = [each.get("retryDelay") for each in _dicts(details)]
    found = [match for each in delays if isinstance(each, str) and (match := _DURATION.match(each)) and each]
    return max((float(each.group(4) or 0) for each in found), default=None)


def _dicts(value: Any) -> Iterable[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else ()
