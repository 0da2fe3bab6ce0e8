"""What tokens cost: of a provider, a model and a lane.

A price comes from the user's file (setting `prices`), from `prices.toml`, from the entry of a server in the
setting `compat`, or from the published ones of `genai-prices`, in this order. A model without a known price
counts tokens and no money; `known` tells, so that callers can say so. A `simulated/…` model is priced as the
model it is called after: hypothetical, and callers say that too. One that runs on this machine costs nothing.

What Anthropic asks for writing into a cache is not counted apart: these tokens cost what others do.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from time import time
from typing import NamedTuple

from gemchain.money.price_files import VARIABLE, PriceFile, read_prices, valid_on
from gemchain.money.rates import FREE, Price
from gemchain.ports import TokenCounts
from gemchain.records import Usage
from gemchain.records.lanes import BATCH, DIRECT

__all__ = [
    "VARIABLE",
    "Server",
    "known",
    "models",
    "own_file",
    "own_models",
    "price",
    "service_of",
    "usage",
    "use",
]

TABLE = Path(__file__).with_name("prices.toml")
DAY = 86_400

SERVICES = {
    "vertex": "google",
    "gemini-api": "google",
    "openai": "openai",
    "anthropic": "anthropic",
    "mistral": "mistral",
}
"""The service whose published prices a provider asks for."""

FREE_PROVIDERS = frozenset({"local"})
NAMELESS = frozenset({"", "simulated"})
"""Providers whose models are called after those of any service."""

_BEGINNINGS = {
    "google": ("gemini-", "gemma-"),
    "anthropic": ("claude-",),
    "mistral": ("codestral", "devstral", "magistral", "ministral", "mistral", "mixtral", "pixtral"),
    "openai": ("chatgpt-", "gpt-", "ft:", "o1", "o3", "o4", "text-embedding-"),
}
"""How the models of a service are called."""

_PREFIX = re.compile(
    r"^(?:simulated/|plain/|gemini-api/|vertex/|models/|publishers/google/models/|projects/[^/]+/locations/[^/]+/"
    r"|openai/|anthropic/|mistral/|responses/|embeddings/)+"
)
_VERSION = re.compile(r"@.*$|-\d{3}$|-latest$")


class Server(NamedTuple):
    """A server of the setting `compat`.

    Attributes:
        price: Its own price; None for the published one of the service at this address, if there is one.
    """

    url: str
    price: Price | None = None


_chosen: str | None = None
_servers: Mapping[str, Server] = {}


def use(path: str, servers: Mapping[str, Server] | None = None) -> None:
    """Add the prices of a file to the table; an empty path goes back to what the environment names.

    Args:
        path: The file.
        servers: Servers by the provider's name, such as `compat-groq`.

    Raises:
        ConfigurationError: The file cannot be read, or is no table of prices.
    """
    global _chosen, _servers
    _chosen, _servers = path or None, dict(servers or {})
    for cache in (_files, _priced, _both):
        cache.cache_clear()
    _files()


def own_file() -> Path | None:
    """The user's file of prices; None when there is none."""
    name = _chosen or os.environ.get(VARIABLE, "")
    return Path(name).expanduser() if name else None


def models(provider: str = "vertex") -> list[str]:
    """The models of a provider that have a price, those of the user's file included."""
    from gemchain.money.published import published_models

    own = [_PREFIX.sub("", name) for file in _files() for name in file.models]
    services = sorted(set(SERVICES.values())) if provider in NAMELESS else [service_of(provider)]
    return list(dict.fromkeys([*own, *(each.name for one in services for each in published_models(one))]))


def own_models(provider: str) -> list[str]:
    """The models in the user's file that are a provider's: by their prefix, or called as its models are."""
    if own_file() is None:
        return []
    prefix, service = f"{provider}/", service_of(provider)
    return [
        name.removeprefix(prefix)
        for name in _files()[0].models
        if name.startswith(prefix) or ("/" not in name and service and _service_named(name) == service)
    ]


def service_of(provider: str) -> str:
    """The service whose published prices a provider asks for, as `genai-prices` calls it; empty for none."""
    if provider in _servers:
        from gemchain.money.published import service_at

        return service_at(_servers[provider].url)
    return SERVICES.get(provider, "")


def known(model: str, provider: str = "") -> bool:
    """Whether the model has a price at a provider; at any when none is named."""
    return price(provider, model) is not None


def usage(provider: str, model: str, counts: TokenCounts, lane: str = BATCH) -> Usage:
    """Tokens and money of one answer.

    Args:
        provider: The provider's name.
        model: The model's name there; a prefix that chooses the provider does no harm.
        counts: Tokens of the answer.
        lane: The lane in which it was answered, which sets `cost`; `full_cost` is that of `direct`.
    """
    paid, full = _both(provider, model, lane, int(time() // DAY))
    if paid is None or full is None:
        return Usage(counts.input, counts.output)
    return Usage(counts.input, counts.output, paid.dollars(counts), full.dollars(counts))


def price(provider: str, model: str, lane: str = BATCH) -> Price | None:
    """The price of a model in a lane today; None when it has none.

    Raises:
        ConfigurationError: The table of prices cannot be read.
    """
    return _priced(provider, model, lane, int(time() // DAY))


@lru_cache(maxsize=4096)
def _both(provider: str, model: str, lane: str, day: int) -> tuple[Price | None, Price | None]:
    """The prices in a lane and in the direct one. Kept for a day, on which no price changes."""
    return _priced(provider, model, lane, day), _priced(provider, model, DIRECT, day)


@lru_cache(maxsize=4096)
def _priced(provider: str, model: str, lane: str, day: int) -> Price | None:
    name = model if provider in _servers else _PREFIX.sub("", model)
    today = datetime.fromtimestamp(day * DAY, UTC).date()
    if provider in FREE_PROVIDERS:
        return FREE
    found = _from_files(provider, name, lane, today)
    if found is None and provider in _servers:
        found = _servers[provider].price
    return found or _published(provider, name, lane, today)


def _from_files(provider: str, name: str, lane: str, today: date) -> Price | None:
    for key in (f"{provider}/{name}", name, _VERSION.sub("", name)):
        for file in _files():
            if (entry := valid_on(today, file.models.get(key, ()))) is not None:
                return entry.lanes[lane]
    return None


def _published(provider: str, name: str, lane: str, today: date) -> Price | None:
    service = _service_named(name) if provider in NAMELESS else service_of(provider)
    if not service:
        return None
    from gemchain.money.published import published_price

    shares = {key: share for file in reversed(_files()) for key, share in file.batch_share.items()}
    return published_price(service, name, lane, today, shares)


def _service_named(name: str) -> str:
    """The service that has models called so; empty for names that users make up."""
    return next((key for key, each in _BEGINNINGS.items() if name.startswith(each)), "")


@lru_cache(maxsize=1)
def _files() -> tuple[PriceFile, ...]:
    """The files of prices, the strongest first."""
    return tuple(_read_files())


def _read_files() -> Iterator[PriceFile]:
    if own := own_file():
        yield read_prices(own)
    yield read_prices(TABLE)
