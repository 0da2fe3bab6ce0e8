"""Numbers, times, tokens and money as text for people."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from gemchain.formats.embeddings.names import without_prefix
from gemchain.money.prices import known
from gemchain.records import Batch, RowCounts, Usage
from gemchain.records.lanes import BATCH

__all__ = [
    "KINDS",
    "Models",
    "age",
    "amount",
    "count",
    "duration",
    "lane_of",
    "models_of",
    "moment",
    "money",
    "outcomes",
    "sent_to",
    "tokens",
]

SIMULATED = "simulated"
KINDS = {"join": "waits for its branches", "wait": "waits for a person", "chain": "waits for another chain"}
"""Kinds of prompts that send no request, and what each waits for."""

CENT = 0.01
PRECISE = 10
"""Durations below so many seconds are shown with tenths."""


class Models(NamedTuple):
    """The models that were used, as pairs of provider and model."""

    used: frozenset[tuple[str, str]] = frozenset()

    def plus(self, used: Iterable[tuple[str, str]]) -> "Models":
        """These models and more."""
        return Models(self.used | {(provider, model) for provider, model in used if model})

    @property
    def real(self) -> frozenset[str]:
        """Those of real providers."""
        return frozenset(model for provider, model in self.used if provider != SIMULATED)

    @property
    def simulated(self) -> frozenset[str]:
        """Those of the simulated provider."""
        return frozenset(without_prefix(model) for provider, model in self.used if provider == SIMULATED)

    @property
    def priced(self) -> frozenset[str]:
        """Those whose price is known."""
        return frozenset(without_prefix(model) for provider, model in self.used if known(model, provider))

    def without_price(self) -> list[str]:
        """Those whose price is not known."""
        used = self.used
        return sorted({without_prefix(model) for provider, model in used if not known(model, provider)})


def models_of(batches: Collection[Batch]) -> Models:
    """The models of these batches."""
    return Models().plus((batch.provider, batch.model) for batch in batches)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 prompt`, `1,200 prompts`."""
    return f"{number:,} {noun if number == 1 else plural or (noun + ('es' if noun.endswith('ch') else 's'))}"


def outcomes(rows: RowCounts) -> str:
    """What became of the rows of a batch: `699 done, 1 callback put off`.

    The count tells of the row at the time of its batch: the callback may have run since, or failed for good.
    """
    words = {"waiting": count(rows.waiting, "callback") + " put off"}
    return ", ".join(
        words.get(name, f"{number:,} {name}") for name, number in rows._asdict().items() if number
    )


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3.5 min`, `2.1 h`, `4.0 d`."""
    if seconds < PRECISE:
        return f"{max(seconds, 0.0):.1f} s"
    for size, name, next_size in ((1, "s", 120), (60, "min", 7200), (3600, "h", 172_800)):
        if seconds < next_size:
            return f"{seconds / size:.0f} {name}" if size == 1 else f"{seconds / size:.1f} {name}"
    return f"{seconds / 86_400:.1f} d"


def sent_to(batch: Batch) -> str:
    """The model of a batch, with its lane unless that is `batch`: `openai:gpt-5-mini direct`."""
    lane = f" {lane_of(batch)}" if batch.lane != BATCH else ""
    return f"{batch.provider}:{batch.model}{lane}"


def lane_of(batch: Batch) -> str:
    """How a batch is sent: `batch`, `direct`, or `batch, then direct`."""
    return batch.lane if batch.next_lane is None else f"{batch.lane}, then {batch.next_lane}"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago."""
    return "" if since is None else duration((now - since) / timedelta(seconds=1))


def moment(at: datetime | None) -> str:
    """A time of day for people, in their own zone; with the date unless it is today."""
    if at is None:
        return ""
    local = at.astimezone()
    today = datetime.now(tz=local.tzinfo).date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def amount(dollars: float) -> str:
    """Dollars: two digits after the point from a dollar on, four from a cent on, else six."""
    if dollars >= 1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.4f}" if dollars >= CENT else f"${dollars:.6f}"


def tokens(usage: Usage) -> str:
    """Tokens of the requests and of the answers."""
    return f"{usage.prompt_tokens:,} tokens asked, {usage.answer_tokens:,} answered"


def money(usage: Usage, models: Models) -> str:
    """The cost, what its lanes saved, and the models without a known price."""
    unknown = ", ".join(models.without_price()) if usage.prompt_tokens + usage.answer_tokens else ""
    if not unknown:
        return _priced(usage, models)
    return "; ".join(filter(None, (_priced(usage, models), f"no price known for {unknown}: tokens only")))


def _priced(usage: Usage, models: Models) -> str:
    if not usage.cost and not usage.full_cost:
        return ""
    saved = amount(usage.full_cost - usage.cost)
    prices = f"{amount(usage.cost)} as sent, {amount(usage.full_cost)} interactive, {saved} saved"
    if models.real and not models.simulated:
        return f"{amount(usage.cost)} spent, {saved} saved against {amount(usage.full_cost)} interactive"
    if not models.simulated:
        return f"at the list price: {prices}"
    if not models.real:
        names = ", ".join(sorted(models.simulated & models.priced))
        return f"simulated, no money spent; at the list price of {names}: {prices}"
    names = ", ".join(sorted(models.simulated))
    return f"at list prices {prices}; what {names} answered was simulated and cost nothing"
