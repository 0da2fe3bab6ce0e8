"""Which chains `gemchain export` writes, and `gemchain chains` lists."""

from collections.abc import Iterator
from typing import NamedTuple

from gemchain.cli.state.matching import is_function
from gemchain.cli.state.owners import owner_named
from gemchain.cli.state.standing import PARKED, WAITING
from gemchain.errors import InvalidInputError
from gemchain.ports import Store
from gemchain.records import Chain
from gemchain.records.states import ChainState

__all__ = ["PAGE", "Selection", "select_chains"]

PAGE = 500
"""Chains that are read at a time."""

STATES = (*(state.value for state in ChainState), PARKED, WAITING)


class Selection(NamedTuple):
    """Which chains are chosen: those that fit all that is given.

    Attributes:
        function: `module:function` or FILE:FUNCTION that started them, or the function's name alone.
        state: Their state; PARKED and WAITING as `gemchain run` says them.
        key: How their keys begin.
        run: The run that started them, or the program.
    """

    function: str | None = None
    state: str | None = None
    key: str | None = None
    run: str | None = None

    def checked(self) -> "Selection":
        """The same, with the state as the records spell it.

        Raises:
            InvalidInputError: There is no such state.
        """
        if self.state is None:
            return self
        if self.state.upper() not in STATES:
            raise InvalidInputError(f"--only takes {', '.join(STATES)}, not {self.state!r}")
        return self._replace(state=self.state.upper())

    @property
    def stored_state(self) -> ChainState | None:
        """The state to ask the store for."""
        if self.state is None:
            return None
        return ChainState.RUNNING if self.state in {PARKED, WAITING} else ChainState(self.state)

    def takes(self, chain: Chain) -> bool:
        """Whether a chain fits, its state left aside."""
        fits_key = self.key is None or (chain.key is not None and chain.key.startswith(self.key))
        return fits_key and (self.function is None or is_function(chain.function, self.function))


def select_chains(store: Store, selection: Selection, page_size: int | None = None) -> Iterator[Chain]:
    """The chains that fit, in the store's order; of PARKED and WAITING all that are RUNNING in the store.

    Args:
        store: Whose chains.
        selection: Which of them.
        page_size: How many are read at a time; `PAGE` when None.

    Raises:
        InvalidInputError: There is no such run.
    """
    after = None
    owner = None if selection.run is None else owner_named(store, selection.run)
    while page := store.list_chains(
        state=selection.stored_state, owner=owner, limit=page_size or PAGE, after=after
    ):
        after = page[-1].id
        yield from filter(selection.takes, page)
