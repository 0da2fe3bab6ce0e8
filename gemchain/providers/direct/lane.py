"""The lanes `direct` and `flex` of one provider."""

from collections.abc import Callable
from random import Random

from gemchain.providers.direct.channel import Channel
from gemchain.providers.direct.connections import Connections
from gemchain.providers.direct.endpoint import Endpoint
from gemchain.providers.direct.limits import Budgets
from gemchain.providers.direct.run import HttpRun
from gemchain.records import Batch

__all__ = ["DirectLane"]


class DirectLane:
    """Starts runs, and lets those of one model share its limits.

    ```python
    self._lane = DirectLane(self._endpoint)  # once
    return self._lane.start(batch)  # the provider's `start`
    ```

    Args:
        endpoint_of: Where the requests of a batch go, by its model and its lane. Asked at each start, so that
            a key that was mended counts. May raise `ConfigurationError`.
        random: Draws the jitter of pauses.
        connect: Makes the connections to an address.
    """

    def __init__(
        self,
        endpoint_of: Callable[[Batch], Endpoint],
        random: Random | None = None,
        connect: Callable[[str], Connections] = Connections,
    ) -> None:
        self._endpoint_of = endpoint_of
        self._connect = connect
        self._random = random or Random()
        self._channels: dict[tuple[str, str, str], Channel] = {}
        self._budgets: dict[str, Budgets] = {}

    def start(self, batch: Batch) -> HttpRun:
        """A run for this batch; nothing is sent yet. See `Provider.start`."""
        endpoint = self._endpoint_of(batch)
        key = endpoint.url, endpoint.model, endpoint.lane
        channel = self._channels.get(key)
        if channel is None:
            budgets = self._budgets.setdefault(endpoint.model, Budgets())
            channel = self._channels[key] = Channel(
                self._connect(endpoint.url), endpoint.concurrency, budgets, self._random
            )
        return HttpRun(channel, endpoint)
