"""Errors of OpenAI's API, classified: refusals of a request, and responses that failed.

https://developers.openai.com/api/docs/guides/error-codes
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gemchain.formats.http_errors import by_status
from gemchain.records import Failure

__all__ = ["failed", "failure"]

_CONTEXT = frozenset({"context_length_exceeded", "string_above_max_length"})
"""Codes of a request that is longer than the model takes."""

_BLOCKED = frozenset({
    "invalid_prompt", "content_filter", "content_policy_violation", "image_content_policy_violation",
    "bio_policy", "misalignment_policy_violation", "moderation_blocked",
})  # fmt: skip
"""Codes of a request that a filter keeps back. `invalid_prompt` is said of one against the usage policy."""

_RATE = frozenset({"rate_limit_exceeded", "resource_unavailable"})
_SERVER = frozenset({"server_error", "vector_store_timeout", "failed_to_download_image"})

_MOST = 2000
"""Characters of an error that are kept."""


def failure(status: int, body: Mapping[str, Any]) -> Failure:
    """See `Format.failure`. Takes the error with or without `{"error": …}` around it."""
    inner = body.get("error")
    error = inner if isinstance(inner, Mapping) else body
    code, words = error.get("code"), _words(error)
    if not status:
        return failed(error)
    found = by_status(status, words)
    if found.reason != "rejected":
        return found
    if code in _CONTEXT:
        return replace(found, reason="context")
    return replace(found, reason="blocked") if code in _BLOCKED else found


def failed(error: Mapping[str, Any]) -> Failure:
    """The failure of a response whose status is `failed`, or of a row without a status, by its code."""
    code, words = error.get("code"), _words(error) or "an error without words"
    for codes, reason, retryable in (
        (_RATE, "rate", True),
        (_SERVER, "server", True),
        (_CONTEXT, "context", False),
        (_BLOCKED, "blocked", False),
    ):
        if isinstance(code, str) and code in codes:
            return Failure(reason, words, retryable=retryable)
    # What has no known code may pass; rows that fail are not charged, and attempts are limited.
    invalid = error.get("type") == "invalid_request_error" or str(code).startswith(("invalid_", "image_"))
    return Failure("rejected" if invalid else "error", words, retryable=not invalid)


def _words(error: Mapping[str, Any]) -> str:
    named = [error.get("code") or error.get("type"), error.get("message")]
    return ": ".join(each for each in named if isinstance(each, str) and each)[:_MOST]
