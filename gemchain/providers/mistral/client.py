"""Mistral's client library, opened when it is first needed, and its errors as those of the port.

The library sends no call again by itself, unless it is told to.
"""

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import orjson

from gemchain.errors import (
    MissingExtraError,
    ProviderUnavailableError,
)
from gemchain.providers.http_refusals import Service, refused
from gemchain.providers.keys import checked_key
from gemchain.providers.translation import translating

if TYPE_CHECKING:
    from mistralai.client import Mistral
    from mistralai.client.errors import MistralError

__all__ = ["found_key", "open_client", "translated"]

SERVICE = Service(
    "Mistral",
    "get a key at https://console.mistral.ai/api-keys and set MISTRAL_API_KEY",
    "choose a plan at https://admin.mistral.ai/plateforme/billing",
)
TIMEOUT_MS = 120_000
"""Milliseconds without a byte after which a call is given up."""


def found_key(key: str, endpoint: str) -> str:
    """The key that is given, or that of MISTRAL_API_KEY; any for a stand-in.

    Raises:
        ConfigurationError: There is none, or it is damaged.
    """
    found = key or os.environ.get("MISTRAL_API_KEY", "") or ("emulated" if endpoint else "")
    return checked_key(found, "Mistral", SERVICE.key_help)


def open_client(key: str, endpoint: str) -> "Mistral":
    """A new client.

    Args:
        key: The API key; that of MISTRAL_API_KEY when empty.
        endpoint: Address of a stand-in; the API itself when empty.

    Raises:
        ConfigurationError: The library or the key is missing.
    """
    try:
        from mistralai.client import Mistral
    except ImportError as error:
        raise MissingExtraError("Mistral", "mistral") from error
    return Mistral(api_key=found_key(key, endpoint), server_url=endpoint or None, timeout_ms=TIMEOUT_MS)


def translated(what: str) -> AbstractContextManager[None]:
    """Raise the port's errors in place of the libraries'; see `translating`."""
    return translating(what, _of_library)


def _of_library(what: str, error: Exception) -> Exception | None:
    import httpx2
    from mistralai.client.errors import MistralError, NoResponseError, ResponseValidationError

    if isinstance(error, ResponseValidationError) or (isinstance(error, MistralError) and _is_good(error)):
        return ProviderUnavailableError(f"Mistral answered what was not understood to {what}: {error}")
    if isinstance(error, MistralError):
        wait = error.headers.get("retry-after", "")
        return refused(SERVICE, what, error.status_code, _said(error.body), wait)
    if isinstance(error, httpx2.HTTPError | NoResponseError | OSError | ValueError):
        return ProviderUnavailableError(f"Mistral cannot be reached to {what}: {error!r}")
    return None


def _said(body: str) -> str:
    """The service's own words: it has several forms of errors."""
    try:
        read: Any = orjson.loads(body)
    except ValueError:
        return body
    if isinstance(read, dict):
        read = read.get("message") or read.get("detail") or read
    return read if isinstance(read, str) else orjson.dumps(read).decode()


def _is_good(error: "MistralError") -> bool:
    """Whether the service did what was asked, and only its answer was not understood."""
    return error.status_code < 400  # noqa: PLR2004 -- HTTP's own number
