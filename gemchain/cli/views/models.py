"""`gemchain models`: what each provider can do, and what its models cost."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from gemchain.cli.output.json_data import print_json
from gemchain.cli.output.tables import Column, fitted_table
from gemchain.cli.state.opening import providers_to_describe
from gemchain.display.console import PlainConsole
from gemchain.errors import GemchainError, InvalidInputError, ModelError
from gemchain.money import prices
from gemchain.money.published import Published, published_models, table_age
from gemchain.money.rates import MILLION, Price
from gemchain.ports import Capabilities, Limits
from gemchain.providers.capabilities import TABLE
from gemchain.providers.choice import model_prefix
from gemchain.providers.compat_servers import PREFIX
from gemchain.records.lanes import BATCH, DIRECT
from gemchain.runtime import Providers

__all__ = ["list_models"]

SHOWN = 15
"""Models of a provider that are shown without `--all`."""

COLUMNS = (Column("model", 20), Column("batch"), Column("interactive"), Column("context", 4), Column("", 7))

ANY_NAME = {
    "simulated": "any name; priced as the model that it is called after, and nothing is spent",
    "local": "models on this machine; they cost nothing",
}
"""What is said of providers whose models are not listed."""


class Model(NamedTuple):
    """A model with a known price.

    Attributes:
        name: As it is written in `submit`.
        lanes: The lanes that it has.
        prices: What it costs in each.
        interactive: What a single request costs at the full price, also where no lane sends one.
        context: Tokens of a request at most; None where it is not known.
        retired: Whether its service is about to stop it.
    """

    name: str
    lanes: tuple[str, ...]
    prices: dict[str, Price]
    interactive: Price | None
    context: int | None = None
    retired: bool = False


class Described(NamedTuple):
    """A provider and its models.

    Attributes:
        prefix: What the names of its models begin with.
        can: What it can do, with models that can do all of it; None when it cannot tell before it is set up,
            for the reason in `note`.
        limits: What one batch takes.
    """

    name: str
    prefix: str
    can: Capabilities | None
    limits: Limits | None
    note: str
    models: list[Model]


def list_models(provider: str | None, *, everything: bool, as_json: bool) -> None:
    """Print the providers with their models.

    Raises:
        InvalidInputError: There is no such provider; the message names those that there are.
    """
    providers = providers_to_describe()
    if provider is not None and provider not in providers.names:
        raise InvalidInputError(f"no provider is called {provider!r}; there are {', '.join(providers.names)}")
    found = [_described(providers, name) for name in ([provider] if provider else providers.names)]
    age = table_age()
    if as_json:
        print_json(
            {
                "prices": {"version": age.version, "newest": str(age.newest)},
                "providers": list(map(_data, found)),
            }
        )
        return
    console = PlainConsole()
    console.print(Text("US dollars for a million tokens, request / answer; + is more for long requests."))
    console.print(Text(f"From genai-prices {age.version}, whose newest price is of {age.newest}."))
    for each in found:
        _print(console, each, everything=everything)


def _described(providers: Providers, name: str) -> Described:
    prefix = model_prefix(name)
    try:
        provider = providers.named(name)
        can = TABLE[name] if name in TABLE else provider.capabilities("")
        limits, note = provider.limits, ANY_NAME.get(name, "")
    except GemchainError as error:
        return Described(name, prefix, None, None, str(error), [])
    if name in ANY_NAME:
        return Described(name, prefix, can, limits, note, [])
    service = prices.service_of(name)
    known = [Published(each, None, retired=False) for each in prices.own_models(name)]
    known += published_models(service) if service else []
    models = [
        _model(name, prefix, each, provider.capabilities(each.name).lanes)
        for each in {each.name: each for each in reversed(known)}.values()
        if _is_chosen(providers, name, f"{prefix}{each.name}")
    ]
    return Described(name, prefix, can, limits, _any_price(name), models[::-1])


def _is_chosen(providers: Providers, provider: str, model: str) -> bool:
    """Whether a model's name chooses this provider: Vertex AI has models that gemchain does not ask for."""
    try:
        return providers.split(model)[0] == provider
    except ModelError:
        return False


def _model(provider: str, prefix: str, each: Published, lanes: tuple[str, ...]) -> Model:
    priced = {lane: price for lane in lanes if (price := prices.price(provider, each.name, lane))}
    interactive = prices.price(provider, each.name, DIRECT)
    return Model(f"{prefix}{each.name}", lanes, priced, interactive, each.context, each.retired)


def _any_price(name: str) -> str:
    """What is said of a server of the setting `compat`, whose models all cost the same; empty for others."""
    if not name.startswith(PREFIX) or prices.service_of(name):
        return ""
    price = prices.price(name, "", DIRECT)
    said = f"{_dollars(price)} in every lane" if price else "no price is known: add prices to its entry"
    return f"any model of the server, {said}"


def _data(each: Described) -> dict[str, Any]:
    return {
        "name": each.name,
        "prefix": each.prefix,
        "capabilities": each.can,
        "batch_limits": each.limits if each.can and BATCH in each.can.lanes else None,
        "note": each.note,
        "models": [
            {
                "name": model.name,
                "lanes": model.lanes,
                "context": model.context,
                "retired": model.retired,
                "interactive": None if model.interactive is None else _price_data(model.interactive),
                "prices": {lane: _price_data(price) for lane, price in model.prices.items()},
            }
            for model in each.models
        ],
    }


def _price_data(price: Price) -> dict[str, Any]:
    def rates(given: Any) -> dict[str, float]:
        return {
            "input": _per_million(given.prompt),
            "cached": _per_million(given.cached),
            "output": _per_million(given.answer),
        }

    return rates(price.usual) | {
        "longer": [{"above": step.above, **rates(step.rates)} for step in price.steps]
    }


def _per_million(dollars: float) -> float:
    return round(dollars * MILLION, 6)


def _print(console: Console, each: Described, *, everything: bool) -> None:
    console.print()
    console.print(Text(each.name, style="bold"))
    for line in _about(each):
        console.print(Text(f"  {line}"))
    shown = each.models if everything else [one for one in each.models if not one.retired][:SHOWN]
    if shown:
        lanes = each.can.lanes if each.can else ()
        rows = [[Text(cell) for cell in _cells(model, lanes)] for model in shown]
        console.print(fitted_table(COLUMNS, rows, console.width), highlight=False)
    if len(shown) < len(each.models):
        hint = f"{len(shown)} of {len(each.models)}; all: gemchain models --provider {each.name} --all"
        console.print(Text(hint, style="dim"), soft_wrap=True)


def _about(each: Described) -> Iterator[str]:
    if each.can is not None:
        yield f"lanes {', '.join(each.can.lanes)}"
        if each.limits is not None and BATCH in each.can.lanes:
            yield f"a batch takes {each.limits.max_requests:,} prompts, {each.limits.max_bytes / 1e6:,.0f} MB"
    if each.note:
        yield each.note


def _cells(model: Model, lanes: tuple[str, ...]) -> tuple[str, ...]:
    batch, interactive = _dollars(model.prices.get(BATCH)), _dollars(model.interactive)
    lacking = [lane for lane in lanes if lane not in model.lanes]
    without = f"no {', '.join(lacking)}" if lacking else ""
    return model.name, batch, interactive, _tokens(model.context), without


def _dollars(price: Price | None) -> str:
    if price is None:
        return "-"
    more = "+" if price.steps else ""
    return f"{_per_million(price.usual.prompt):g} / {_per_million(price.usual.answer):g}{more}"


def _tokens(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number / MILLION:.3g}M" if number >= MILLION else f"{number / 1000:.3g}k"
