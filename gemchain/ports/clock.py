"""The port for time."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """The present, UTC-aware."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when that is 0 or less."""
