"""How many records are in each state, what retention removed, and how much space records take."""

from dataclasses import field
from typing import NamedTuple

from gemchain.records.frozen import frozen
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.records.usage import NO_USAGE, Usage

__all__ = ["Counters", "Forgotten", "Space"]


@frozen()
class Counters:
    """How many records stand where. States that no record is in may be left out."""

    prompts: dict[PromptState, int] = field(default_factory=dict)
    chains: dict[ChainState, int] = field(default_factory=dict)
    batches: dict[BatchState, int] = field(default_factory=dict)
    usage: Usage = NO_USAGE


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
