"""Errors of Google's stand-ins, with the texts of the services where they are known.

https://cloud.google.com/apis/design/errors
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["Refusal", "exhausted", "invalid", "not_found", "precondition", "unavailable"]


class Refusal(Exception):  # noqa: N818 -- an answer of the service, not an error of the emulator
    """An error answer.

    Attributes:
        code: HTTP status.
        status: Canonical name of the error.

    Args:
        headers: Headers of the answer, such as `Retry-After`.
    """

    def __init__(
        self, code: int, status: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self._headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"code": self.code, "message": str(self), "status": self.status}}

    def headers(self) -> dict[str, str]:
        """Headers of the answer, beside those that every answer has."""
        return self._headers


def invalid(message: str) -> Refusal:
    """The request can never work."""
    return Refusal(400, "INVALID_ARGUMENT", message)


def not_found(message: str) -> Refusal:
    """There is no such thing."""
    return Refusal(404, "NOT_FOUND", message)


def precondition(message: str) -> Refusal:
    """The thing is not in a state that allows it."""
    return Refusal(400, "FAILED_PRECONDITION", message)


def exhausted() -> Refusal:
    """Too many calls."""
    return Refusal(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model (emulated).",
    )


def unavailable() -> Refusal:
    """The service is down, or says so."""
    return Refusal(503, "UNAVAILABLE", "The service is currently unavailable (emulated).")
