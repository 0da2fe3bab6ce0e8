"""How many records are in each state, what retention removed, and how much space records take."""

from dataclasses import field
from typing import NamedTuple, TypeVar

from gemchain.records.frozen import frozen
from gemchain.records.prompt import Prompt
from gemchain.records.states import OPEN_PROMPT, BatchState, ChainState, PromptState
from gemchain.records.usage import NO_USAGE, Usage

__all__ = ["Counters", "Forgotten", "Space", "StepCount", "step_name"]


class StepCount(NamedTuple):
    """Prompts of one step of a chain.

    Attributes:
        created: All that were ever created.
        ended: Those of them that are DONE, FAILED or CANCELLED.
    """

    created: int = 0
    ended: int = 0

    def plus(self, other: "StepCount") -> "StepCount":
        """The sum of both."""
        return StepCount(self.created + other.created, self.ended + other.ended)


def step_name(prompt: Prompt) -> str | None:
    """The name of the function that gets the answer of a prompt; None for a prompt that sends nothing."""
    if not prompt.is_sent:
        return None
    return (prompt.callback or "").rpartition(":")[2].partition("@")[0][:NAME] or LAST


NAME = 60
"""Characters of a step's name."""

LAST = "(result)"
"""The step of prompts whose answer is the chain's result: no function gets it."""

S = TypeVar("S", PromptState, ChainState, BatchState)


@frozen()
class Counters:
    """How many records stand where. States that no record is in may be left out.

    Attributes:
        steps: Prompts that send something, by the name of the function that gets their answer.
    """

    prompts: dict[PromptState, int] = field(default_factory=dict)
    chains: dict[ChainState, int] = field(default_factory=dict)
    batches: dict[BatchState, int] = field(default_factory=dict)
    usage: Usage = NO_USAGE
    steps: dict[str, StepCount] = field(default_factory=dict)

    @property
    def open_prompts(self) -> int:
        """Prompts that the engine can carry on."""
        return sum(self.prompts.get(state, 0) for state in OPEN_PROMPT)

    def plus(self, other: "Counters") -> "Counters":
        """The sum of both."""
        return Counters(
            _sum(self.prompts, other.prompts),
            _sum(self.chains, other.chains),
            _sum(self.batches, other.batches),
            self.usage.plus(other.usage),
            {
                name: self.steps.get(name, StepCount()).plus(other.steps.get(name, StepCount()))
                for name in {**self.steps, **other.steps}
            },
        )


def _sum(one: dict[S, int], other: dict[S, int]) -> dict[S, int]:
    return {state: one.get(state, 0) + other.get(state, 0) for state in {**one, **other}}


class Forgotten(NamedTuple):
    """What retention removed, or would remove.

    Attributes:
        chains: Chains of which nothing is left.
        kept_keys: Chains that keep their record, with key and result, and lost the rest.
        prompts: Prompts of both.
    """

    chains: int = 0
    kept_keys: int = 0
    prompts: int = 0


class Space(NamedTuple):
    """Bytes of a store: all that it takes, and how much of it waits to be used again."""

    size: int
    free: int
