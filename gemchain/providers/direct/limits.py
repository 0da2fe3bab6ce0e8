"""How fast one model may be asked: a window that follows refusals, and budgets for each minute. Pure.

Times are in seconds of any clock that does not go back.
"""

from collections.abc import Mapping
from random import Random

from gemchain.providers.direct.told import Left

__all__ = ["LONGEST", "SHORTEST", "Budget", "Budgets", "Window", "backoff"]

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
MINUTE = 60.0

SHORTEST = 0.1
"""Seconds after which a service is asked again at the earliest when it asks to wait."""

LONGEST = 3_600.0
"""Seconds after which a service is asked again in any case, whatever it says."""


def backoff(times: int, random: Random) -> float:
    """Seconds to rest after so many refusals in a row, from 1 on: doubling, at most 60, with jitter."""
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(times - 1, 10))
    return longest * random.uniform(0.5, 1.0)


class Window:
    """How many requests may be on their way: halved by a refusal, and grown by one for each full round.

    Args:
        most: The largest size; where it begins.
        random: Draws the jitter of pauses.
    """

    def __init__(self, most: int, random: Random) -> None:
        self.most = max(1, most)
        self.size = self.most
        self._random = random
        self._succeeded = 0
        self._cut_at = float("-inf")
        self._streak = 0
        self._paused_until = float("-inf")

    def resize(self, most: int) -> None:
        """Set another largest size."""
        if most != self.most:
            self.size = max(1, most) if self.size == self.most else min(self.size, max(1, most))
            self.most = max(1, most)

    def wait(self, now: float) -> float:
        """Seconds until anything may be sent."""
        return max(0.0, self._paused_until - now)

    def succeeded(self) -> None:
        """A request got through."""
        self._streak = 0
        if self.size < self.most:
            self._succeeded += 1
            if self._succeeded >= self.size:
                self.size += 1
                self._succeeded = 0

    def refused(self, now: float, sent_at: float, after: float | None, *, crowded: bool = True) -> None:
        """A request was not taken.

        Args:
            now: The present.
            sent_at: When it was sent. Requests that were on their way at the last cut tell nothing new.
            after: Seconds that the service asks to wait, for everybody.
            crowded: Whether fewer requests at a time may help.
        """
        if after is not None:
            self._paused_until = max(self._paused_until, now + after)
        if sent_at <= self._cut_at:
            return
        self._cut_at = now
        self._streak += 1
        if crowded:
            self.size, self._succeeded = max(1, self.size // 2), 0
        if after is None:
            self._paused_until = max(self._paused_until, now + backoff(self._streak, self._random))


class Budget:
    """A limit for each minute, spent evenly.

    In any minute at most `per_minute` are spent, and what one request takes beyond that. Where the service
    tells what is left, that is kept to as well.

    Args:
        per_minute: The limit; 0 for none.
    """

    def __init__(self, per_minute: float = 0) -> None:
        # A store of one second: 60 seconds and the store together give what a minute may have.
        self._rate = per_minute / (MINUTE + 1)
        self._store = max(1.0, self._rate)
        self._level = self._store
        self._seen_at: float | None = None
        self._left: float | None = None
        self._resets_at = float("-inf")

    @property
    def known(self) -> bool:
        """Whether there is any limit to keep to."""
        return self._rate > 0 or self._left is not None

    def told(self, now: float, remaining: int, seconds: float) -> None:
        """The service says what is left for so many seconds."""
        later = now + min(seconds, LONGEST)
        if self._left is not None and now < self._resets_at and remaining > self._left:
            # Answers overtake each other. What is left grows only as the service gives back.
            self._left = max(self._left, 0.0) if later <= self._resets_at else float(remaining)
        else:
            self._left = float(remaining)
        self._resets_at = later

    def wait(self, now: float, cost: float) -> float:
        """Seconds until so much may be spent."""
        self._refill(now)
        waits = 0.0
        if self._rate > 0:
            waits = max(0.0, (min(cost, self._store) - self._level) / self._rate)
        if self._left is not None and self._left < cost:
            waits = max(waits, self._resets_at - now)
        return waits

    def spend(self, cost: float) -> None:
        """Take so much; what was estimated too high is given back by a negative cost."""
        self._level -= cost
        if self._left is not None:
            self._left -= cost

    def _refill(self, now: float) -> None:
        if self._seen_at is not None:
            self._level = min(self._store, self._level + (now - self._seen_at) * self._rate)
        self._seen_at = now
        if self._left is not None and now >= self._resets_at:
            self._left = None


class Budgets:
    """Requests and tokens of one model for each minute, in all of its lanes."""

    def __init__(self) -> None:
        self._requests = Budget()
        self._tokens = Budget()
        self._set = (0, 0)

    def limit(self, requests: int, tokens: int) -> None:
        """Keep to these limits for each minute; 0 for none."""
        if (requests, tokens) != self._set:
            self._requests, self._tokens, self._set = Budget(requests), Budget(tokens), (requests, tokens)

    @property
    def settles_tokens(self) -> bool:
        """Whether the tokens of an answer are to be counted as well."""
        return self._set[1] > 0

    def told(self, now: float, left: Mapping[str, Left]) -> None:
        """What the service says is left."""
        for name, budget in (("requests", self._requests), ("tokens", self._tokens)):
            if name in left:
                budget.told(now, left[name].remaining, left[name].seconds)

    def wait(self, now: float, tokens: int) -> float:
        """Seconds until a request of so many tokens may be sent."""
        return max(self._requests.wait(now, 1), self._tokens.wait(now, tokens))

    def spend(self, tokens: int) -> None:
        """A request of so many tokens is sent."""
        self._requests.spend(1)
        self._tokens.spend(tokens)

    def settle(self, estimated: int, took: int) -> None:
        """It took so many tokens in the end."""
        self._tokens.spend(took - estimated)
