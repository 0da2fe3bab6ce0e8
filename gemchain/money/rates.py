"""The price of a model in one lane, as a function of token counts. Every answer is priced with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gemchain.ports import TokenCounts

__all__ = ["FREE", "MILLION", "Price", "Rates", "Step", "flat_price"]

MILLION = 1_000_000


class Rates(NamedTuple):
    """US dollars for one token.

    Attributes:
        prompt: Of the request, if it was not read from a cache.
        cached: Of the request, if it was.
        answer: Of the answer, thinking included.
    """

    prompt: float
    cached: float
    answer: float


class Step(NamedTuple):
    """Rates that hold for every token of a request that is longer than `above` tokens, and of its answer."""

    above: int
    rates: Rates


class Price(NamedTuple):
    """What a model costs in one lane.

    Attributes:
        usual: For requests of any length that no step is about.
        steps: For longer ones, the shortest first.
    """

    usual: Rates
    steps: tuple[Step, ...] = ()

    def dollars(self, counts: TokenCounts) -> float:
        """What one answer costs, in US dollars."""
        rates = self.usual
        for step in self.steps:
            if counts.input > step.above:
                rates = step.rates
        cached = min(counts.cached, counts.input)
        return (counts.input - cached) * rates.prompt + cached * rates.cached + counts.output * rates.answer


FREE = Price(Rates(0.0, 0.0, 0.0))
"""What a model on this machine costs."""


def flat_price(given: Mapping[str, Any]) -> Price:
    """The price that `{"input": …, "output": …}` says, in US dollars for a million tokens.

    `cached` may be given, too; without it, tokens from a cache cost what others do.

    Raises:
        ValueError: A number is missing, is none, or is negative, or there is another entry.
    """
    if unknown := given.keys() - {"input", "output", "cached"}:
        raise ValueError(f"prices are input, output and cached, not {', '.join(sorted(unknown))}")
    try:
        prompt, answer = float(given["input"]), float(given["output"])
        cached = float(given.get("cached", prompt))
    except (KeyError, TypeError) as error:
        raise ValueError("prices have an input and an output, as US dollars for a million tokens") from error
    if not min(prompt, answer, cached) >= 0:
        raise ValueError("a price cannot be negative")
    return Price(Rates(prompt / MILLION, cached / MILLION, answer / MILLION))
