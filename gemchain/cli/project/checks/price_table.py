"""Checks of the prices: how old they are, and which models of this state have none."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gemchain.cli.project.checks.base import Finding
from gemchain.money import prices
from gemchain.money.published import table_age
from gemchain.ports import Store

__all__ = ["check_prices", "check_used_models"]

OLD = 90
"""Days after which a table of prices is called old."""

MOST_READ = 10_000
"""Batches of which the models are read, the newest first."""


def check_prices() -> Iterator[Finding]:
    """The age of the table, and the user's own file."""
    table = table_age()
    days = (datetime.now(UTC).date() - table.newest).days
    text = f"genai-prices {table.version}; its newest price is of {table.newest}, {days} days ago"
    if days > OLD:
        yield Finding("prices", None, f"{text}. Newer ones: pip install -U genai-prices")
    else:
        yield Finding("prices", True, text)
    if own := prices.own_file():
        yield Finding("prices of one's own", True, f"{own}, which wins over the table")


def check_used_models(store: Store) -> Iterator[Finding]:
    """The models that were sent prompts and have no price."""
    used = {(each.provider, each.model) for each in store.list_batches(limit=MOST_READ)}
    for provider, model in sorted(used):
        if not prices.known(model, provider):
            text = (
                f"none is known, so {provider}:{model} counts tokens and no money. A file named in "
                f'{prices.VARIABLE} can say it: [models."{model}"] with interactive = [prompt, answer] '
                "and batch = [prompt, answer]"
            )
            yield Finding(f"price of {model}", None, text)
