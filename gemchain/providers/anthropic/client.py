"""Anthropic's client library, opened when it is first needed, and its errors as those of the port.

The library sends a call again by itself after an error, which must not happen to a call that makes a batch:
so it is told not to, for all calls, and the engine decides.
"""

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from gemchain.errors import (
    BlobError,
    GemchainError,
    MissingExtraError,
    ProviderUnavailableError,
)
from gemchain.providers.http_refusals import Service, refused
from gemchain.providers.keys import checked_key
from gemchain.providers.translation import translating

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["found_key", "open_client", "translated"]

SERVICE = Service(
    "Anthropic",
    "get a key at https://platform.claude.com/settings/keys and set ANTHROPIC_API_KEY",
    "buy credits at https://platform.claude.com/settings/billing",
)
TIMEOUT = 120.0
"""Seconds without a byte after which a call is given up."""


def found_key(key: str, endpoint: str) -> str:
    """The key that is given, or that of ANTHROPIC_API_KEY; any for a stand-in.

    Raises:
        ConfigurationError: There is none, or it is damaged.
    """
    found = key or os.environ.get("ANTHROPIC_API_KEY", "") or ("emulated" if endpoint else "")
    return checked_key(found, "Anthropic", SERVICE.key_help)


def open_client(key: str, endpoint: str) -> "Anthropic":
    """A new client.

    Args:
        key: The API key; that of ANTHROPIC_API_KEY when empty.
        endpoint: Address of a stand-in; that of ANTHROPIC_BASE_URL, else the API itself, when empty.

    Raises:
        ConfigurationError: The library or the key is missing.
    """
    try:
        from anthropic import Anthropic
    except ImportError as error:
        raise MissingExtraError("Anthropic", "anthropic") from error
    return Anthropic(
        api_key=found_key(key, endpoint), base_url=endpoint or None, max_retries=0, timeout=TIMEOUT
    )


def translated(what: str) -> AbstractContextManager[None]:
    """Raise the port's errors in place of the libraries'; see `translating`."""
    return translating(what, _of_library)


def _of_library(what: str, error: Exception) -> Exception | None:
    import httpx2
    from anthropic import APIConnectionError, APIError, APIStatusError

    if isinstance(error, APIStatusError):
        wait = error.response.headers.get("retry-after", "")
        return refused(SERVICE, what, error.status_code, error.api_message or error.message, wait)
    if isinstance(error, APIConnectionError) and isinstance(error.__cause__, GemchainError | BlobError):
        return error.__cause__  # what was to be sent could not be read, or not in time
    if isinstance(error, httpx2.HTTPError | APIError | OSError | ValueError):
        return ProviderUnavailableError(f"Anthropic cannot be reached to {what}: {error!r}")
    return None
