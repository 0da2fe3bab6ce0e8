"""The smallest thing a store commits: all of it happens, or none of it."""

from enum import Enum

from gemchain.records.chain import Chain, ChainMove
from gemchain.records.frozen import frozen
from gemchain.records.prompt import Draft, Move

__all__ = ["Unit", "Verdict"]


@frozen()
class Unit:
    """The smallest thing a store commits: all of it happens, or none of it.

    Attributes:
        token: Tells this commit from every other. A unit that is committed again under the same
            token changes nothing and counts as applied.
        chain: A chain to create; the unit conflicts when the id exists under another token.
        drafts: Prompts to create.
        moves: Prompts to move.
        ending: A chain to move.
    """

    token: str
    chain: Chain | None = None
    drafts: tuple[Draft, ...] = ()
    moves: tuple[Move, ...] = ()
    ending: ChainMove | None = None


class Verdict(Enum):
    """What became of a unit."""

    APPLIED = "applied"
    CONFLICT = "conflict"
