"""The port for hints that work is waiting."""

from typing import Protocol

from gemchain.records import Batch, Part

__all__ = ["Waker"]


class Waker(Protocol):
    """Passes hints to hurry. Nothing depends on their arrival: the sweep finds everything again."""

    def dispatch(self, part: Part, /) -> None:
        """A part waits to be dispatched."""

    def look(self, batch: Batch, /) -> None:
        """A SENT batch is worth a look now: its job may be over, or it waits to be performed by us."""

    def hurry(self) -> None:
        """Something changed; the driver of the engine may look now rather than later."""
