"""Errors of Anthropic's API, classified by their type.

https://platform.claude.com/docs/en/api/errors
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gemchain.formats.http_errors import by_status
from gemchain.records import Failure

__all__ = ["failure"]

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that each type of error comes with. The rows of a batch have the type alone."""

_TOO_LONG = "prompt is too long"
"""What the service says of a request that is longer than the model takes; it has no type of its own."""

_MOST = 2000
"""Characters of an error that are kept."""


def failure(status: int, body: Mapping[str, Any]) -> Failure:
    """See `Format.failure`. Takes the error with or without `{"type": "error", "error": …}` around it."""
    inner = body.get("error")
    error = inner if isinstance(inner, Mapping) else body
    kind, said = error.get("type"), error.get("message")
    words = ": ".join(each for each in (kind, said) if isinstance(each, str) and each)[:_MOST]
    known = _STATUS.get(kind, 0) if isinstance(kind, str) else 0
    if not status and not known:
        return Failure("error", words or "an error without words", retryable=True)
    # The type wins: a proxy before the service may change the status.
    found = by_status(known or status, words)
    return replace(found, reason="context") if _is_too_long(found, said) else found


def _is_too_long(found: Failure, said: Any) -> bool:
    return found.reason == "rejected" and isinstance(said, str) and _TOO_LONG in said.lower()
