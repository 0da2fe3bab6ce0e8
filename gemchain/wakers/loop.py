"""The waker of the embedded engine: its loop looks at the store, and a hint only cuts its rest short."""

import threading

from gemchain.records import Part

__all__ = ["LoopWaker"]


class LoopWaker:
    """Remembers that something changed. Hints of other processes do not come; the loop polls for those."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def dispatch(self, part: Part, /) -> None:  # noqa: ARG002 -- the loop finds the part by itself
        """A part waits to be dispatched."""
        self.hurry()

    def hurry(self) -> None:
        """Something changed."""
        self._event.set()

    def take(self) -> bool:
        """Whether something changed since the last call."""
        was_set = self._event.is_set()
        self._event.clear()
        return was_set
