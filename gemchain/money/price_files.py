"""Files of prices: the built-in one, and one of the user's that adds models and replaces prices."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gemchain.errors import ConfigurationError
from gemchain.money.rates import MILLION, Price, Rates, Step
from gemchain.records.lanes import BATCH, DIRECT, FLEX

__all__ = ["Entry", "PriceFile", "read_prices", "valid_on"]

VARIABLE = "GEMCHAIN_PRICES"


class Entry(NamedTuple):
    """The prices of a model from a day on.

    Attributes:
        lanes: The price in each lane.
    """

    since: date
    lanes: Mapping[str, Price]


class PriceFile(NamedTuple):
    """What a file of prices says.

    Attributes:
        models: The entries of each model.
        batch_share: For each service, the share of the interactive price that its batches cost where no price
            of their own is known.
    """

    models: Mapping[str, tuple[Entry, ...]]
    batch_share: Mapping[str, float]


def valid_on(day: date, entries: tuple[Entry, ...]) -> Entry | None:
    """The entry that has begun last; None when none has."""
    return max((each for each in entries if each.since <= day), key=lambda each: each.since, default=None)


def read_prices(path: Path) -> PriceFile:
    """Read a file.

    Raises:
        ConfigurationError: It cannot be read, or is no table of prices.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        shares = content.get("batch_share", {})
        models = content.get("models", {}) if shares else content["models"]
        return PriceFile(
            {str(name): _entries(entry) for name, entry in models.items()},
            {str(name): float(share) for name, share in shares.items()},
        )
    except OSError as error:
        raise ConfigurationError(
            f"the prices in {str(path)!r} cannot be read: {error.strerror}; {VARIABLE} names the file"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} is no table of prices: {error}; an entry reads "
            '[models."name"] with interactive = [prompt, answer] and batch = [prompt, answer]'
        ) from error


def _entries(given: Any) -> tuple[Entry, ...]:
    entries = given if isinstance(given, list) else [given]
    return tuple(Entry(each.get("from", date.min), _lanes(each)) for each in entries)


def _lanes(entry: Mapping[str, Any]) -> dict[str, Price]:
    batch = _price(entry, "batch")
    return {
        BATCH: batch,
        FLEX: _price(entry, "flex") if "flex" in entry else batch,
        DIRECT: _price(entry, "interactive"),
    }


def _price(entry: Mapping[str, Any], name: str) -> Price:
    long = entry.get("long")
    steps = (Step(int(long["above"]), _rates(long, name)),) if long else ()
    return Price(_rates(entry, name), steps)


def _rates(entry: Mapping[str, Any], name: str) -> Rates:
    prompt, answer = (float(each) / MILLION for each in entry[name])
    if min(prompt, answer) < 0:
        raise ValueError("a price cannot be negative")
    return Rates(prompt, prompt, answer)
