"""The waker of the embedded engine: its loop looks at the store, and a hint only cuts its rest short."""

import threading

from gemchain.records import Batch, Part

__all__ = ["LoopWaker"]


class LoopWaker:
    """Remembers that something changed. Hints of other processes do not come; the loop polls for those."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def dispatch(self, part: Part, /) -> None:  # noqa: ARG002 -- the loop finds the part by itself
        """A part waits to be dispatched."""
        self.hurry()

    def look(self, batch: Batch, /) -> None:  # noqa: ARG002 -- the loop finds the batch by itself
        """A batch is worth a look."""
        self.hurry()

    def hurry(self) -> None:
        """Something changed."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Return after so many seconds, or as soon as something changed; tells whether that was so.

        Whoever waits reads the store afterwards, and so finds what was recorded before a hint.
        """
        was_set = self._event.wait(max(0.0, seconds))
        self._event.clear()
        return was_set

    def take(self) -> bool:
        """Whether something changed since the last call."""
        was_set = self._event.is_set()
        self._event.clear()
        return was_set
