"""What a rehearsal counts: rows, chains, prompts, tokens, money and errors."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gemchain.base import jsontext
from gemchain.cli.run.parameters import Params
from gemchain.errors import InvalidInputError
from gemchain.money import prices
from gemchain.money.estimates import tokens_of
from gemchain.ports import TokenCounts
from gemchain.records import NO_USAGE, Draft, Unit, Usage
from gemchain.records.lanes import split

__all__ = ["Estimate", "Rehearsal", "request_of"]


class Estimate(NamedTuple):
    """Prompts of one model in one lane, and about how many tokens their requests have."""

    prompts: int = 0
    usage: Usage = NO_USAGE


class FirstRequest(NamedTuple):
    """The first request that would be sent, and the row that it is for."""

    row: Params
    draft: Draft


@dataclass(slots=True)
class Rehearsal:
    """What starting the rows would do.

    Attributes:
        rows: Rows of the input.
        known: Rows whose chains exist already: nothing is started for them.
        ended: Chains that would end at once, since their function submits nothing.
        waits: Waits for a person, for branches or for another chain.
        models: Prompts by provider, model and lane.
        failures: How often each error came, and the place of the first row with it.
    """

    rows: int = 0
    known: int = 0
    started: int = 0
    ended: int = 0
    waits: int = 0
    models: dict[tuple[str, str, str], Estimate] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    first: FirstRequest | None = None

    def add(self, row: Params, unit: Unit) -> None:
        """Count what the start of a row would record."""
        self.started += 1
        self.ended += not unit.drafts
        for draft in unit.drafts:
            if not draft.prompt.is_sent:
                self.waits += 1
                continue
            self.first = self.first or FirstRequest(row, draft)
            lane, _ = split(draft.prompt.lane)
            key = draft.prompt.provider, draft.prompt.model, lane
            known = self.models.get(key, Estimate())
            tokens = tokens_of(request_of(draft))
            usage = prices.usage(draft.prompt.provider, draft.prompt.model, TokenCounts(input=tokens), lane)
            self.models[key] = Estimate(known.prompts + 1, known.usage.plus(usage))

    def add_failure(self, row: Params, function: Callable[..., Any], error: Exception) -> None:
        """Count a row whose function raised."""
        raised = f"{function.__name__}() raised {type(error).__name__}: {error}"
        what = str(error) if isinstance(error, InvalidInputError) else raised
        self.failures[what] += 1
        self.examples.setdefault(what, row.row.place)


def request_of(draft: Draft) -> dict[str, Any]:
    """The request of a prompt as it would be sent."""
    request: dict[str, Any] = jsontext.load(draft.request)
    return request
