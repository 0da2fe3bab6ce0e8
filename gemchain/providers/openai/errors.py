"""Errors of the SDK and of the file storage as the exceptions of the port.

https://developers.openai.com/api/docs/guides/error-codes
"""

from contextlib import AbstractContextManager
from json import JSONDecodeError
from typing import TYPE_CHECKING

from gemchain.errors import (
    ConfigurationError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from gemchain.formats.http_errors import PASSING, SERVER
from gemchain.providers.translation import translating

if TYPE_CHECKING:
    from openai import APIStatusError

__all__ = ["KEY_HELP", "translated"]

KEY_HELP = "make a key at https://platform.openai.com/api-keys and set OPENAI_API_KEY"

PAY_HELP = "add credit or raise the limit at https://platform.openai.com/settings/organization/billing"

NOT_PAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of errors that no waiting mends."""


def translated(what: str) -> AbstractContextManager[None]:
    """Raise the port's errors in place of the libraries'; see `translating`."""
    return translating(what, _of_library)


def _of_library(what: str, error: Exception) -> Exception | None:
    import httpx2
    from openai import APIConnectionError, APIStatusError, OpenAIError

    if isinstance(error, APIStatusError):
        return _of_status(what, error)
    if isinstance(error, APIConnectionError | httpx2.HTTPError | OSError):
        why = error.__cause__ or error
        return ProviderUnavailableError(f"OpenAI cannot be reached to {what}: {why}")
    # A proxy may answer with a page of its own: the SDK hands out text, or objects without their fields.
    if isinstance(error, OpenAIError | JSONDecodeError | UnicodeDecodeError | AttributeError | TypeError):
        return ProviderUnavailableError(f"what was answered to {what} cannot be read: {error}")
    return None


def _of_status(what: str, error: "APIStatusError") -> Exception:
    status, said = error.status_code, f"{error.status_code} {error.code or error.type or ''}".rstrip()
    said = f"{said}: {error.message}"
    if error.code in NOT_PAID:
        return ConfigurationError(f"OpenAI does not {what}: {said}; {PAY_HELP}")
    if status in (401, 403):
        return ConfigurationError(f"OpenAI does not accept the key to {what}: {said}; {KEY_HELP}")
    if status in PASSING or status >= SERVER:
        return ProviderUnavailableError(f"OpenAI could not {what}: {said}; it is tried again")
    return ProviderRejectedError(f"OpenAI refuses to {what}: {said}")
