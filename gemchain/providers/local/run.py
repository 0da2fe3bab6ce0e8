"""Requests of one batch to the server of a local model: a `DirectRun` that outlives the server.

The requests themselves are sent by a run of `providers.direct`. When the server dies, its successor has
another address: the run is replaced, and what was not answered is fed to the new one.

Crash story. Nothing is kept: a request counts as answered once the engine has taken its row and written it
down. What was on its way when this process or the server died is asked again, and costs only time.
"""

import time
from collections.abc import Callable, Sequence
from math import inf

import orjson

from gemchain.ports import DirectRun
from gemchain.providers.local.keeper import ServerKeeper
from gemchain.providers.local.servers import Address
from gemchain.records import InputRow

__all__ = ["LocalRun"]


class LocalRun:
    """The requests of one batch; see `DirectRun`.

    Args:
        keeper: Knows where the model's server is.
        sender: Makes a run that sends to a server.
        model: The model's name, for people.
    """

    def __init__(self, keeper: ServerKeeper, sender: Callable[[Address], DirectRun], model: str) -> None:
        self._keeper = keeper
        self._sender = sender
        self._model = model
        self._address: Address | None = None
        self._run: DirectRun | None = None
        self._fed: dict[str, InputRow] = {}
        self._came: list[bytes] = []
        self._stopped = False
        self._until = inf

    def room(self) -> int:
        """None while the server is being started; see `DirectRun.room`."""
        run = self._current()
        return 0 if run is None or self._stopped else run.room()

    def feed(self, rows: Sequence[InputRow]) -> None:
        """See `DirectRun.feed`."""
        self._fed.update({each.prompt_id: each for each in rows})
        if self._run is not None and not self._stopped:
            self._run.feed(rows)

    def allow(self, seconds: float) -> None:
        """See `DirectRun.allow`."""
        self._until = time.monotonic() + seconds
        if self._run is not None:
            self._run.allow(seconds)

    def take(self) -> list[bytes]:
        """See `DirectRun.take`."""
        self._collect()
        if not self._came:
            self._current()
        came, self._came = self._came, []
        return came

    @property
    def pending(self) -> int:
        """See `DirectRun.pending`."""
        if self._stopped:
            return len(self._came) + (0 if self._run is None else self._run.pending)
        return len(self._fed) + len(self._came)

    @property
    def held_up(self) -> str:
        """That the model takes long to be loaded, or what requests wait for; see `DirectRun.held_up`."""
        if self._run is not None:
            return self._run.held_up
        return f"the model {self._model!r} is still being loaded" if self._keeper.is_slow else ""

    def stop(self, drain: float = 0.0) -> None:
        """See `DirectRun.stop`."""
        self._stopped = True
        if self._run is not None:
            self._run.stop(drain)

    def _current(self) -> DirectRun | None:
        """The run to the server that serves now; a new one where that is another server than before."""
        if self._stopped:
            return self._run
        address = self._keeper.address()
        if address != self._address:
            self._replace(address)
        return self._run

    def _replace(self, address: Address | None) -> None:
        if self._run is not None:
            self._run.stop()
            self._collect()
        self._address, self._run = address, None
        if address is not None:
            self._run = self._sender(address)
            self._run.allow(self._until - time.monotonic())
            self._run.feed(list(self._fed.values()))

    def _collect(self) -> None:
        lines = self._run.take() if self._run is not None else []
        for line in lines:
            self._fed.pop(orjson.loads(line)["direct"], None)
        if lines:
            self._keeper.answered()
            self._came += lines
