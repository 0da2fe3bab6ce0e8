"""Tokens and money."""

from typing import NamedTuple

__all__ = ["NO_USAGE", "Usage"]


class Usage(NamedTuple):
    """Tokens and money, added up over all attempts.

    `cost` is what the price of their lane makes of the tokens, `full_cost` what the interactive price
    makes of them, both in US dollars; both stay 0 for a model without a known price.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0
    full_cost: float = 0.0

    def plus(self, other: "Usage") -> "Usage":
        """The sum of both."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.cost + other.cost,
            self.full_cost + other.full_cost,
        )

    def minus(self, other: "Usage") -> "Usage":
        """What came on top of `other`."""
        return Usage(
            self.prompt_tokens - other.prompt_tokens,
            self.answer_tokens - other.answer_tokens,
            self.cost - other.cost,
            self.full_cost - other.full_cost,
        )


NO_USAGE = Usage()
