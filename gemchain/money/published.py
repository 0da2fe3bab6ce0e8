"""Published prices, from the data of the package `genai-prices`: nothing is fetched.

https://github.com/pydantic/genai-prices

The package takes 0.2 to 0.4 s to import, so it is loaded when the first price is asked for. Its lookup is
generous: `gemini-3.5-flash-lite-image` finds `gemini-3.5-flash-lite`. Here a name counts only if it is one of
the model's own names, with or without a version at its end: a wrong price is worse than none.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gemchain.money.rates import MILLION, Price, Rates, Step
from gemchain.records.lanes import BATCH, DIRECT, FLEX

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = ["Published", "Table", "has_flex", "published_models", "published_price", "service_at", "table_age"]

BATCHES = {"processing": "batch"}
CONTEXTS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    DIRECT: (),
    BATCH: (BATCHES,),
    FLEX: ({"service_tier": "flex"}, BATCHES),
}
"""How the package calls the lanes; of several names the first that has a price. Flex costs what a batch does:
https://ai.google.dev/gemini-api/docs/flex-inference, https://developers.openai.com/api/docs/guides/flex-processing.
"""

OFFERED = {"google": ("gemini-", "gemma-")}
"""How the models begin that our providers ask for, of services that offer others', too."""

_VERSION = re.compile(
    r"(?:@.*|-latest|-preview-\d\d-\d{4}|-\d{3}|-\d{4}|-\d{6}|-\d{8}|-\d{4}-\d\d-\d\d|[-.:]+)\Z"
)
_TUNED = re.compile(r"(ft:[^:]+):.*\Z")
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d\d-\d\d|\d{8})\Z")
"""At the end of a name: a snapshot, which costs what its model does unless it has an entry of its own."""

_NOT_TEXT = re.compile(
    r"audio|computer-use|image|live|moderation|nano-banana|ocr|omni|realtime|robotics|search|transcribe|tts"
    r"|voxtral|whisper|^ada\Z|babbage|curie|davinci|turbo-instruct|:free|:extended|^ft:|\.ft-"
    r"|^gemini-flash-1|^gemini-pro"
)
"""In names of models that answer no prompts, or not by the APIs of today, or that other services invented."""


class Published(NamedTuple):
    """A model of the table.

    Attributes:
        context: Tokens of a request at most; None where it is not known.
        retired: Whether its service is about to stop it.
    """

    name: str
    context: int | None
    retired: bool


def published_price(
    service: str, model: str, lane: str, day: date, shares: Mapping[str, float]
) -> Price | None:
    """The price of a model on a day; None when it has none.

    Args:
        service: The service as the package calls it: `google`, `openai`, …
        model: The model's name there.
        lane: How it is asked; see `records.lanes`.
        day: The day, in UTC.
        shares: What a batch costs of the interactive price, for services that say so for all their models.
    """
    found = _find(service, model)
    if found is None:
        return None
    when = datetime.combine(day, time(12), UTC)
    for context in CONTEXTS[lane]:
        if _has_variant(found, context, when):
            return _price(vars(found.get_prices(when, context)))
    share = 1.0 if lane == DIRECT else shares.get(service, 1.0)
    return _price(vars(found.get_prices(when)), share)


@lru_cache(maxsize=1024)
def has_flex(service: str, model: str) -> bool:
    """Whether the lane `flex` of a model has a price of its own; False for a model that is not known."""
    found = _find(service, model)
    return found is not None and any(each.when == CONTEXTS[FLEX][0] for each in found.price_variants or ())


def published_models(service: str) -> list[Published]:
    """The models of a service that answer prompts with text, or embed.

    Those with a batch price of their own come first, as the ones that are served today; among them
    the newest of each family.
    """
    now = datetime.now(UTC)
    provider = _provider(service)
    found = [
        each
        for each in (provider.models if provider else ())
        if not _NOT_TEXT.search(each.id)
        and published_price(service, each.id, DIRECT, now.date(), {}) is not None
    ]
    found.sort(key=lambda each: (not _has_variant(each, BATCHES, now), _newest_first(each.id)))
    return [Published(each.id, each.context_window, bool(each.deprecated)) for each in found]


@lru_cache(maxsize=64)
def service_at(url: str) -> str:
    """The service whose API has this address; empty when none of the table has."""
    return next((each.id for each in _providers() if re.match(each.api_pattern, url)), "")


class Table(NamedTuple):
    """How old the table is.

    Attributes:
        version: Of the package.
        newest: The day of its newest price that is not one of the future.
    """

    version: str
    newest: date


def table_age() -> Table:
    """The version and the newest day of the table.

    The package does not say when its data was gathered. A price that begins after the package was installed
    was announced before, so it does not count.
    """
    from importlib.metadata import version

    import genai_prices

    installed = datetime.fromtimestamp(Path(genai_prices.__file__).stat().st_mtime, UTC).date()
    days = (day for provider in _providers() for model in provider.models for day in _days(model))
    return Table(version("genai-prices"), max(day for day in days if day <= installed))


def _days(model: "ModelInfo") -> Iterator[date]:
    from genai_prices.types import StartDateConstraint

    for each in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())):
        if isinstance(each.constraint, StartDateConstraint):
            yield each.constraint.start_date


def _providers() -> "list[Provider]":
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot().providers


def _provider(service: str) -> "Provider | None":
    return next((each for each in _providers() if each.id == service), None)


def _find(service: str, model: str) -> "ModelInfo | None":
    provider = _provider(service)
    name = _TUNED.sub(r"\1", model.lower())
    if provider is None or not name.startswith(OFFERED.get(service, "")) or not name:
        return None
    found = provider.find_model(name) or provider.find_model(_SNAPSHOT.sub("", name))
    if found is None:
        return None
    stem = _stem(name)
    return found if any(stem == _stem(each) for each in (found.id, *_names(found.match))) else None


def _stem(name: str) -> str:
    """A name without the version at its end."""
    while (shorter := _VERSION.sub("", name)) != name:
        name = shorter
    return name


def _names(match: Any) -> Iterator[str]:
    """The names by which a model is looked up."""
    for key, value in vars(match).items():
        if key in {"or_", "and_"}:
            for each in value:
                yield from _names(each)
        elif key != "regex":
            yield value.lower()


def _has_variant(model: "ModelInfo", context: Mapping[str, str], when: datetime) -> bool:
    """Whether the package knows the price in a context, be it the usual one."""
    return any(
        each.when == context and (each.constraint is None or each.constraint.active(when))
        for each in model.price_variants or ()
    )


def _price(entries: Mapping[str, Any], share: float = 1.0) -> Price | None:
    """The price that the package's entries say; None when they are not about tokens."""
    prompt = entries.get("input_mtok")
    if prompt is None:
        return None
    answer, cached = entries.get("output_mtok"), entries.get("cache_read_mtok")
    starts = {tier.start for each in (prompt, answer, cached) for tier in getattr(each, "tiers", ())}

    def rates(tokens: int) -> Rates:
        of_prompt, of_answer = _at(prompt, tokens) * share, _at(answer, tokens) * share
        # The discounts of a cache and of a batch do not add up where nothing says that they do.
        of_cached = of_prompt if cached is None else min(of_prompt, _at(cached, tokens))
        return Rates(of_prompt, of_cached, of_answer)

    return Price(rates(0), tuple(Step(start, rates(start + 1)) for start in sorted(starts)))


def _at(entry: Any, tokens: int) -> float:
    """Dollars for one token of a request of this length."""
    dollars = getattr(entry, "base", entry) or 0
    for tier in getattr(entry, "tiers", ()):
        if tokens > tier.start:
            dollars = tier.price
    return float(dollars) / MILLION


def _newest_first(name: str) -> list[tuple[int, ...] | str]:
    """A key that sorts words forwards and versions backwards."""
    key: list[tuple[int, ...] | str] = []
    for place, each in enumerate(re.split(r"(\d+(?:[.-]\d+)*)", name)):
        if place % 2 == 0:
            key.append(each)
        else:
            numbers = [-int(number) for number in re.split(r"[.-]", each)]
            key.append(tuple([*numbers, 0, 0, 0][: max(len(numbers), 3)]))
    return key
