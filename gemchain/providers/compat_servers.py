"""The servers of the setting `compat`: anything that speaks OpenAI's API, each under a name of one's own.

    {"groq": {"url": "https://api.groq.com/openai/v1", "key_env": "GROQ_API_KEY"}}

Its models are called `compat/groq/MODEL`, and its provider `compat-groq`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gemchain.errors import ConfigurationError
from gemchain.money.prices import Server
from gemchain.money.rates import Price, flat_price

__all__ = ["PREFIX", "CompatServer", "compat_servers", "priced_servers"]

PREFIX = "compat-"
"""What the names of their providers begin with."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_ENTRIES = frozenset({"url", "key_env", "headers", "concurrency", "prices", "batch"})
PROBE = "probe"
_FORM = (
    'an entry reads {"NAME": {"url": "https://host/v1", "key_env": "NAME_OF_A_VARIABLE"}}; headers, '
    "concurrency, prices and batch may follow"
)


class CompatServer(NamedTuple):
    """A server as it is set.

    Attributes:
        url: The address of its API, which ends before `/chat/completions`.
        key_env: The environment variable with its key; empty for a server that takes none.
        headers: More headers of every request.
        concurrency: Requests that are on their way at the same time; None for the setting `concurrency`.
        price: What its models cost; None for the published price of the service at this address, if any.
        batch: Whether it has batches as OpenAI does (`true`, `false`); None to find out (`"probe"`).
    """

    url: str
    key_env: str = ""
    headers: Mapping[str, str] = {}
    concurrency: int | None = None
    price: Price | None = None
    batch: bool | None = False


def compat_servers(setting: str) -> dict[str, CompatServer]:
    """The servers by name, as the setting says.

    Raises:
        ConfigurationError: It is not JSON, or an entry is of another form; the message says which and how.
    """
    if not setting.strip():
        return {}
    try:
        given = json.loads(setting)
    except ValueError as error:
        raise ConfigurationError(f"the setting compat is not JSON: {error}; {_FORM}") from error
    if not isinstance(given, dict):
        raise ConfigurationError(f"the setting compat names servers, and is not {setting:.60}; {_FORM}")
    return {name: _server(name, entry) for name, entry in given.items()}


def priced_servers(setting: str) -> dict[str, Server]:
    """What the prices need to know of each server, by its provider's name."""
    return {f"{PREFIX}{name}": Server(each.url, each.price) for name, each in compat_servers(setting).items()}


def _server(name: str, entry: Any) -> CompatServer:
    try:
        _check_names(name, entry)
        return CompatServer(
            _url(entry.get("url")),
            _text("key_env", entry.get("key_env", "")),
            _headers(entry.get("headers", {})),
            _concurrency(entry.get("concurrency")),
            flat_price(entry["prices"]) if "prices" in entry else None,
            _batch(entry.get("batch", False)),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"server {name!r} of the setting compat: {error}; {_FORM}") from error


def _check_names(name: str, entry: Any) -> None:
    if not _NAME.match(name):
        raise ValueError("a name has small letters, digits and hyphens")
    if not isinstance(entry, dict):
        raise TypeError("it has no entries")
    if unknown := entry.keys() - _ENTRIES:
        raise ValueError(f"no entry is called {', '.join(sorted(map(repr, unknown)))}")


def _url(given: Any) -> str:
    parts = urlsplit(_text("url", given))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"url is an address such as 'https://host/v1', not {given!r}")
    return str(given).rstrip("/")


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{name} is a text, not {given!r}")
    return given


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise TypeError(f"headers are names and texts, not {given!r}")
    return {name: _text(f"header {name!r}", value) for name, value in given.items()}


def _concurrency(given: Any) -> int | None:
    if given is not None and (type(given) is not int or given < 1):
        raise ValueError(f"concurrency is a number from 1 on, not {given!r}")
    return given


def _batch(given: Any) -> bool | None:
    if given == PROBE:
        return None
    if type(given) is not bool:
        raise ValueError(f"batch is true, false or {PROBE!r}, not {given!r}")
    return given
