"""Errors of the stand-in for Mistral, in the service's own form.

https://docs.mistral.ai/resources/error-glossary
"""

from typing import Any

from gemchain.emulators.refusals import Refusal

__all__ = ["MistralRefusal", "error_body"]

_TYPES = {
    400: "invalid_request_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    422: "invalid_request_error",
    429: "rate_limited",
}


def error_body(code: int, message: str) -> dict[str, Any]:
    """The JSON of an error."""
    kind = _TYPES.get(code, "internal_server_error")
    return {"object": "error", "message": message, "type": kind, "param": None, "code": str(code)}


class MistralRefusal(Refusal):
    """An error answer."""

    def __init__(self, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, _TYPES.get(code, ""), message, headers)

    def body(self) -> dict[str, Any]:
        """The answer's JSON; see `Refusal.body`."""
        return error_body(self.code, str(self))
