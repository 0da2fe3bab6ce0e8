"""Errors of the stand-in for Anthropic, in the service's own form.

https://platform.claude.com/docs/en/api/errors
"""

from typing import Any

from gemchain.emulators.refusals import Refusal

__all__ = ["AnthropicRefusal", "error_type"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(code: int) -> str:
    """The service's word for an HTTP status."""
    return _TYPES.get(code, "api_error")


class AnthropicRefusal(Refusal):
    """An error answer."""

    def __init__(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, error_type(code), message, headers)

    def body(self) -> dict[str, Any]:
        """The answer's JSON; see `Refusal.body`."""
        return {"type": "error", "error": {"type": self.status, "message": str(self)}}
