"""Errors of OpenAI's API, in its own form.

https://developers.openai.com/api/docs/guides/error-codes
"""

from typing import Any

from gemchain.emulators.refusals import Refusal

__all__ = ["ApiRefusal", "error_body", "invalid", "keyless", "lost", "missing", "overloaded", "throttled"]


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The JSON of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class ApiRefusal(Refusal):
    """An error answer.

    Args:
        code: HTTP status.
        kind: The error's `type`.
        message: The words.
        name: The error's own `code`.
        param: The parameter that it is about.
        retry_after: Seconds that the header `Retry-After` asks for; None for no such header.
    """

    def __init__(
        self,
        code: int,
        kind: str,
        message: str,
        *,
        name: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, kind, message)
        self.name = name
        self.param = param
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return error_body(str(self), self.status, self.name, self.param)

    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}


def invalid(message: str, param: str | None = None, name: str | None = None) -> ApiRefusal:
    """The request can never work."""
    return ApiRefusal(400, "invalid_request_error", message, name=name, param=param)


def missing(message: str, param: str | None = None) -> ApiRefusal:
    """There is no such thing."""
    return ApiRefusal(404, "invalid_request_error", message, param=param)


def throttled(retry_after: float) -> ApiRefusal:
    """Too many calls; 0 seconds are no word on when to come again."""
    words = "Rate limit reached on requests per min (RPM) (emulated)."
    return ApiRefusal(429, "requests", words, name="rate_limit_exceeded", retry_after=retry_after or None)


def overloaded() -> ApiRefusal:
    """The service is down, or says so."""
    return ApiRefusal(503, "server_error", "The server is overloaded, try again later (emulated).")


def lost() -> ApiRefusal:
    """It went wrong after the call had its effect."""
    words = "The server had an error while processing your request (emulated)."
    return ApiRefusal(500, "server_error", words)


def keyless() -> ApiRefusal:
    """The call brings no key."""
    words = "You didn't provide an API key (emulated)."
    return ApiRefusal(401, "invalid_request_error", words, name="invalid_api_key")
