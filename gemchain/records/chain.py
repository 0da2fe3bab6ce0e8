"""A chain: all prompts that descend from one start."""

from datetime import datetime
from typing import NamedTuple

from gemchain.base import jsontext
from gemchain.records.failure import Failure
from gemchain.records.frozen import frozen
from gemchain.records.states import ChainState

__all__ = ["SIGNED", "Chain", "ChainMove"]

SIGNED = "signed"
"""Beside the arguments of an async chain: its function as signed text, where it was stored by value."""


@frozen(kw_only=True)
class Chain:
    """All prompts that descend from one start.

    Attributes:
        key: The user's key, or the chain's own id where a function that may run again started it; None for
            a chain that cannot be started twice.
        function: `module:qualname` of the function that started it.
        args: JSON text of the function's arguments, for people and for replay; see `arguments`.
        code_version: The version of an async chain that it runs on to its end.
        budget: US dollars it may spend; None for no limit.
        result: JSON text of the chain's value, once DONE.
        token: Mark of the commit that created it.
    """

    id: str
    key: str | None = None
    function: str
    args: str = "{}"
    code_version: int | None = None
    labels: str | None = None
    budget: float | None = None
    deadline_at: datetime | None = None
    created_at: datetime
    state: ChainState = ChainState.RUNNING
    result: str | None = None
    failure: Failure | None = None
    ended_at: datetime | None = None
    token: str = ""
    version: int = 0

    @property
    def arguments(self) -> str:
        """JSON text of the arguments alone, for people: without a function that is stored with them."""
        if f'"{SIGNED}":' not in self.args:
            return self.args
        return jsontext.dump(
            {name: value for name, value in jsontext.load(self.args).items() if name != SIGNED}
        )


class ChainMove(NamedTuple):
    """A change of a chain. Applies only while the chain is in state `before`.

    Attributes:
        version: The version that the chain was read with, in state `before`, where the change rests on more
            than that: it applies only while the chain has not moved since. None where the state is enough.
    """

    chain_id: str
    before: ChainState
    after: ChainState
    result: str | None = None
    failure: Failure | None = None
    ended_at: datetime | None = None
    version: int | None = None
