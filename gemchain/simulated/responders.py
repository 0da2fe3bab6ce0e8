"""Calling a responder, and the row errors that stand for what it raises."""

from typing import Any

import orjson

from gemchain.errors import ProviderRejectedError, ProviderUnavailableError
from gemchain.simulated.dialect import Responder, Said

__all__ = ["as_error", "respond", "row_error"]

_SAID = (str, dict, Exception)


def respond(responder: Responder, request: dict[str, Any]) -> Said:
    """Ask a responder; what it raises counts as what it returns."""
    try:
        said = responder(request)
    except Exception as error:  # noqa: BLE001 -- a responder's error is its answer
        return error
    if isinstance(said, _SAID):
        return said
    return TypeError(
        f"the simulated responder returned {type(said).__name__}; it returns str, dict or Exception"
    )


_ERRORS: tuple[tuple[tuple[type[Exception], ...], int, str, str], ...] = (
    ((PermissionError,), 403, "PERMISSION_DENIED", "Forbidden"),
    ((TimeoutError,), 504, "DEADLINE_EXCEEDED", "Gateway Timeout"),
    ((ProviderUnavailableError, ConnectionError), 503, "UNAVAILABLE", "Service Unavailable"),
    ((ProviderRejectedError, ValueError, TypeError, LookupError), 400, "INVALID_ARGUMENT", "Bad Request"),
    ((Exception,), 500, "INTERNAL", "Internal Server Error"),
)


def as_error(error: Exception) -> str:
    """The `status` of a row whose responder failed, as Vertex writes it."""
    for kinds, code, name, words in _ERRORS:
        if isinstance(error, kinds):
            return row_error(code, name, words, str(error) or type(error).__name__)
    raise AssertionError("every exception is an Exception")


def row_error(code: int, name: str, words: str, message: str) -> str:
    """The `status` of a row that failed: a phrase, and the error as JSON behind it."""
    return f"{words}: " + orjson.dumps({"error": {"code": code, "message": message, "status": name}}).decode()
