"""The real clock."""

import time
from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present, UTC-aware."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when that is 0 or less."""
        if seconds > 0:
            time.sleep(seconds)
