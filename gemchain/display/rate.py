"""How fast something rises, over the last half minute."""

from collections import deque

__all__ = ["Rate"]

WINDOW = 30.0
"""Seconds over which a rate is taken."""


FEWEST = 2
"""Moments that are kept in any case."""


class Rate:
    """The rate of a number that only rises."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, at: float, number: int) -> float:
        """Note the number at a moment in seconds; how much it rose in a second, 0 when that is not known."""
        self._seen.append((at, number))
        while len(self._seen) > FEWEST and self._seen[0][0] < at - WINDOW:
            self._seen.popleft()
        first_at, first = self._seen[0]
        return (number - first) / (at - first_at) if at > first_at else 0.0
