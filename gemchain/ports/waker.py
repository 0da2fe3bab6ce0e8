"""The port for hints that work is waiting."""

from typing import Protocol

from gemchain.records import Part

__all__ = ["Waker"]


class Waker(Protocol):
    """Passes hints to hurry. Nothing depends on their arrival: the sweep finds everything again."""

    def dispatch(self, part: Part, /) -> None:
        """A part waits to be dispatched."""

    def hurry(self) -> None:
        """Something changed; the driver of the engine may look now rather than later."""
