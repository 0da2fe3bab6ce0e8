"""How many requests a batch may have, as learned from batches for which the account had no room.

An account may have so many tokens in batches of one model at one time; the limit depends on the account, and
no call tells it. A batch that would pass it fails as a whole with `token_limit_exceeded`, and costs nothing.
Then the next one is cut to half of its requests. Each batch that comes through doubles the number again.

It is kept in memory only. After a restart, and in another process, the first batch is as large as ever and
may fail once more, which costs nothing but the time. The port has one limit for all models of a provider, so
batches of other models are cut as well while one is.
"""

from gemchain.ports import Limits

__all__ = ["Room"]


class Room:
    """The limits of a provider, narrowed while there is no room.

    Args:
        limits: What the service takes when there is.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most: dict[str, int] = {}

    @property
    def limits(self) -> Limits:
        """What to send now."""
        return self._limits._replace(max_requests=min([self._limits.max_requests, *self._most.values()]))

    def lacked(self, model: str, requests: int) -> None:
        """A batch with so many requests of this model was not taken."""
        self._most[model] = max(1, min(requests // 2, self._most.get(model, requests)))

    def had(self, model: str) -> None:
        """A batch of this model came through."""
        if model in self._most:
            self._most[model] *= 2
            if self._most[model] >= self._limits.max_requests:
                del self._most[model]
