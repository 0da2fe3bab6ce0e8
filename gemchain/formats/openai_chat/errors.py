"""Errors of chat completions, classified: OpenAI's, Mistral's, and those of other servers.

https://developers.openai.com/api/docs/guides/error-codes
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from gemchain.formats.http_errors import by_status
from gemchain.records import Failure

__all__ = ["failure"]

WORDS = 4_000
"""Characters that are kept of an error."""

CONTEXT = frozenset({"context_length_exceeded", "exceed_context_size_error"})
CONTEXT_WORDS = ("maximum context length", "context window", "available context size", "context_length")
"""How services say that the request is longer than the model takes."""

BLOCKED = frozenset({
    "content_policy_violation", "content_filter", "content_policy", "invalid_prompt", "bio_policy",
    "moderation_blocked", "misalignment_policy_violation", "cyber_policy",
})  # fmt: skip
BLOCKED_WORDS = ("usage policies", "usage policy", "content management policy", "content policy")

UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
PAYMENT_REQUIRED = 402

TOO_LARGE = "request too large"
"""What OpenAI says with status 429 of a request that alone is over the limit of tokens per minute."""

_KINDS = {
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "service_unavailable": 503,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limited": 429,
    "invalid_request_error": 400,
    "invalid_request_message": 400,
    "invalid_request": 400,
    "model_not_found": 404,
    "badrequesterror": 400,
}
"""Statuses of errors that came without one, by their code or type."""


class _Said(NamedTuple):
    """What a service said.

    Attributes:
        words: Its message.
        names: Its code and type, in small letters.
        status: The HTTP status that stands in it; 0 where none does.
    """

    words: str
    names: frozenset[str]
    status: int


def failure(status: int, body: Mapping[str, Any]) -> Failure:
    """See `Format.failure`."""
    said = _said(body)
    status = status or said.status or next((_KINDS[name] for name in said.names if name in _KINDS), 0)
    small = said.words.lower()
    if said.names & UNPAID or status == PAYMENT_REQUIRED:
        return Failure(
            "error",
            f"{said.words or 'the account has no credit'}; nothing is answered until a person adds credit or "
            "raises the limit in the account's billing settings; then retry what failed",
        )
    if said.names & CONTEXT or any(each in small for each in CONTEXT_WORDS):
        return Failure("context", said.words or "the request is longer than the model takes")
    if said.names & BLOCKED or any(each in small for each in BLOCKED_WORDS):
        return Failure("blocked", f"the request was kept back: {said.words or min(said.names)}")
    if TOO_LARGE in small:
        return Failure("rejected", f"{said.words}; shorten the request, or ask for a higher limit")
    if not status:
        return Failure("error", said.words or "the service gave no reason", retryable=True)
    return by_status(status, said.words)


def _said(body: Mapping[str, Any]) -> _Said:
    """The error in a body: an object or a text in `error`, or the body itself."""
    error = body.get("error")
    if isinstance(error, str):
        return _Said(error[:WORDS], frozenset(), 0)
    found: Mapping[str, Any] = error if isinstance(error, dict) else body
    code, kind = found.get("code"), found.get("type")
    names = frozenset(each.lower() for each in (code, kind) if isinstance(each, str) and each)
    inner = _inner_code(found)
    return _Said(_words(found), names | inner, _status(code) or _status(found.get("raw_status_code")))


def _inner_code(error: Mapping[str, Any]) -> frozenset[str]:
    """The code inside a code, as Azure has it for its filters."""
    inner = error.get("innererror")
    code = inner.get("code") if isinstance(inner, dict) else None
    return frozenset({"content_filter"}) if code == "ResponsibleAIPolicyViolation" else frozenset()


def _status(code: Any) -> int:
    if isinstance(code, str) and code.isdecimal() and code.isascii():
        code = int(code)
    return code if type(code) is int and 400 <= code < 600 else 0  # noqa: PLR2004 -- HTTP's errors


def _words(error: Mapping[str, Any]) -> str:
    """The message: a text, or the problems that a server lists, each with its place."""
    found = error.get("message") or error.get("detail") or ""
    if isinstance(found, dict) and "detail" in found:
        found = found["detail"]
    if isinstance(found, list):
        return "; ".join(map(_problem, found))[:WORDS]
    return (found if isinstance(found, str) else _json(found))[:WORDS]


def _problem(found: Any) -> str:
    if not isinstance(found, dict) or "msg" not in found:
        return found if isinstance(found, str) else _json(found)
    place = found.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{where}: {found['msg']}" if where else str(found["msg"])


def _json(found: Any) -> str:
    try:
        return orjson.dumps(found).decode()
    except TypeError:  # nested deeper than it writes
        return "an error that cannot be shown"
