"""What tokens cost: batch and interactive prices from a dated table, `prices.toml`.

A model without a known price counts tokens and no money; `known` tells, so that callers can say so. A
`simulated/…` model is priced as the model it is called after: hypothetical, and callers say that too.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.errors import ConfigurationError
from gemchain.ports import TokenCounts
from gemchain.records import Usage

__all__ = ["Price", "known", "models", "price", "usage", "use"]

VARIABLE = "GEMCHAIN_PRICES"
TABLE = Path(__file__).with_name("prices.toml")
MILLION = 1_000_000

_PREFIX = re.compile(
    r"^(?:simulated/|plain/|embeddings/|gemini-api/|vertex/|models/|publishers/google/models/|projects/[^/]+/locations/[^/]+/)+"
)
_VERSION = re.compile(r"@.*$|-\d{3}$|-latest$")


class Rates(NamedTuple):
    """US dollars for one token."""

    prompt: float
    answer: float
    full_prompt: float
    full_answer: float


class Price(NamedTuple):
    """What a model costs.

    Attributes:
        usual: For prompts up to `above` tokens.
        long: For longer ones.
        above: Tokens of a prompt beyond which `long` holds; 0 when there is no such limit.
    """

    usual: Rates
    long: Rates
    above: int = 0


_chosen: str | None = None


def use(path: str) -> None:
    """Add the prices of a file to the table; an empty path goes back to what the environment names.

    Raises:
        ConfigurationError: The file cannot be read, or is no table of prices.
    """
    global _chosen  # noqa: PLW0603 -- one table for one application
    _chosen = path or None
    _table.cache_clear()
    price.cache_clear()
    _table()


def models() -> list[str]:
    """The models that have a price."""
    return list(_table())


def known(model: str) -> bool:
    """Whether the model has a price."""
    return price(model) is not None


def usage(model: str, counts: TokenCounts) -> Usage:
    """Tokens and money of one answer.

    Args:
        model: The model's name, with or without the prefix of a provider.
        counts: Tokens of the answer. Cached tokens count in full: their discount does not add to that of
            batches.
    """
    found = price(model)
    if found is None:
        return Usage(counts.input, counts.output)
    rates = found.long if found.above and counts.input > found.above else found.usual
    return Usage(
        counts.input,
        counts.output,
        counts.input * rates.prompt + counts.output * rates.answer,
        counts.input * rates.full_prompt + counts.output * rates.full_answer,
    )


@lru_cache(maxsize=1024)
def price(model: str) -> Price | None:
    """The price of a model; None when it has none.

    Raises:
        ConfigurationError: The table of prices cannot be read.
    """
    name = _PREFIX.sub("", model)
    table = _table()
    return table.get(name) or table.get(_VERSION.sub("", name))


@lru_cache(maxsize=1)
def _table() -> dict[str, Price]:
    extra = _chosen or os.environ.get(VARIABLE, "")
    table = _read(TABLE)
    if extra:
        table |= _read(Path(extra).expanduser())
    return table


def _read(path: Path) -> dict[str, Price]:
    import tomllib

    try:
        models = tomllib.loads(path.read_text(encoding="utf-8"))["models"]
        return {str(name): _price_on(_today(), entry) for name, entry in models.items()}
    except OSError as error:
        raise ConfigurationError(
            f"the prices in {str(path)!r} cannot be read: {error.strerror}; {VARIABLE} names the file"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} is no table of prices: {error}; an entry reads "
            '[models."name"] with interactive = [prompt, answer] and batch = [prompt, answer]'
        ) from error


def _today() -> date:
    return datetime.now(UTC).date()


def _price_on(day: date, entry: Any) -> Price:
    entries = entry if isinstance(entry, list) else [entry]
    first = date.min
    when: Callable[[Any], date] = lambda each: each.get("from", first)  # noqa: E731
    valid = max((each for each in entries if when(each) <= day), key=when)
    usual = _rates(valid)
    long = valid.get("long")
    return Price(usual, _rates(long), int(long["above"])) if long else Price(usual, usual)


def _rates(entry: Mapping[str, Any]) -> Rates:
    numbers = [float(each) / MILLION for name in ("batch", "interactive") for each in entry[name]]
    if min(numbers) < 0:
        raise ValueError("a price cannot be negative")
    return Rates(*numbers)
