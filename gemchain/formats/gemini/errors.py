"""Errors of the interactive API of Gemini, classified."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gemchain.formats.gemini.rows import classify
from gemchain.formats.http_errors import by_status
from gemchain.records import Failure

__all__ = ["failure"]

CONTEXT = "exceeds the maximum number of tokens"
"""What the service says of a request that is longer than the model takes."""


def failure(status: int, body: Mapping[str, Any]) -> Failure:
    """See `Format.failure`."""
    found = classify(body) if body else Failure("error", f"HTTP status {status}", retryable=True)
    if CONTEXT in found.message:
        return replace(found, reason="context", retryable=False)
    return by_status(status, found.message) if status else found
