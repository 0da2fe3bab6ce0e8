"""Gemini's finish reasons: whether an answer is usable, and if not, why."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.gemini.answer import first_candidate, parts_of
from gemchain.records import Failure

__all__ = ["judge"]

TRUNCATED = "MAX_TOKENS"
FINE = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED", ""})
RETRYABLE = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"})
"""Finish reasons that another attempt may well avoid."""


def judge(body: Mapping[str, Any]) -> Failure | None:
    """Why an answer is not usable; None when it is.

    A blocked, truncated or empty answer is not a success, even though its row is.
    """
    candidate = first_candidate(body)
    if candidate is None:
        return _without_candidate(body)
    reason = str(candidate.get("finishReason") or "")
    if reason == TRUNCATED:
        return Failure("truncated", "the answer hit the token limit (MAX_TOKENS); raise maxOutputTokens")
    if reason in RETRYABLE:
        return Failure("invalid", f"the model stopped with {reason}", retryable=True)
    if reason not in FINE:
        said = candidate.get("finishMessage")
        return Failure("blocked", f"the answer was kept back: {reason}" + (f" ({said})" if said else ""))
    if not parts_of(candidate):
        return Failure("empty", "the answer has no parts", retryable=True)
    return None


def _without_candidate(body: Mapping[str, Any]) -> Failure:
    feedback = body.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        said = feedback.get("blockReasonMessage")
        why = f"{feedback['blockReason']}" + (f" ({said})" if said else "")
        return Failure("blocked", f"the prompt was kept back: {why}")
    return Failure("empty", "the response has no candidates", retryable=True)
