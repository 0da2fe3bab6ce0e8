"""Which chains `gemchain export` writes."""

from typing import NamedTuple

from gemchain.cli.state.matching import is_function
from gemchain.errors import InvalidInputError
from gemchain.records import Chain
from gemchain.records.states import ChainState

__all__ = ["PARKED", "WAITING", "Selection"]

PARKED, WAITING = "PARKED", "WAITING"
"""States of chains that cannot go on without a person; the store knows them as RUNNING."""

STATES = (*(state.value for state in ChainState), PARKED, WAITING)


class Selection(NamedTuple):
    """Which chains are exported: those that fit all that is given.

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
