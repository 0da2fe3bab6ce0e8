"""A model's server, kept open for as long as this process wants it, without ever waiting for it.

A server takes seconds or minutes to load a model, and the engine must not stand still meanwhile: a thread
waits. A server that died is opened again; one that dies again and again without an answer is given up.
"""

import threading
import time

from gemchain.errors import ConfigurationError, ProviderUnavailableError
from gemchain.providers.local.servers import Address, ModelServer

__all__ = ["ServerKeeper"]

LOOK_EVERY = 0.5
"""Seconds between two looks whether the server still runs."""

LONG = 10.0
"""Seconds that a server takes to load its model, from which on people are told."""

DEATHS = 3
"""A server that died so often since its last answer is not started again by itself."""


class ServerKeeper:
    """Opens one model's server in a thread of its own. Its methods return at once.

    Args:
        server: The server.
    """

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._opening: threading.Thread | None = None
        self._address: Address | None = None
        self._failure: Exception | None = None
        self._deaths = 0
        self._looked_at = float("-inf")
        self._opened_at = float("inf")

    @property
    def is_slow(self) -> bool:
        """Whether the server has been starting for long."""
        return self._opening is not None and time.monotonic() - self._opened_at > LONG

    def address(self) -> Address | None:
        """Where the server is; None while it is being started.

        Raises:
            ConfigurationError: It cannot be started, or dies again and again. The next call tries anew.
        """
        with self._lock:
            if self._opening is not None:
                if self._opening.is_alive():
                    return None
                self._opening = None
                self._settle()
            elif self._address is not None and self._is_dead(self._address):
                self._died("while it answered")
            if self._address is None:
                self._open()
                return None
            return self._address

    def answered(self) -> None:
        """The server has answered: if it dies, it is not for what was asked before."""
        self._deaths = 0

    def close(self) -> None:
        """Use the server no more; `address` opens it again."""
        with self._lock:
            opening, self._opening = self._opening, None
            if opening is not None:
                opening.join()
            self._server.close()
            self._address = self._failure = None

    def _open(self) -> None:
        def opening() -> None:
            try:
                self._address = self._server.open()
            except (ConfigurationError, ProviderUnavailableError, OSError) as error:
                self._failure = error

        self._opened_at = time.monotonic()
        self._opening = threading.Thread(target=opening, name="gemchain-local-server", daemon=True)
        self._opening.start()

    def _settle(self) -> None:
        """Tell what went wrong while the server was started, if anything did."""
        failure, self._failure = self._failure, None
        if isinstance(failure, ProviderUnavailableError):
            self._died(str(failure))
        elif failure is not None:
            raise ConfigurationError(str(failure)) from failure

    def _is_dead(self, address: Address) -> bool:
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = now
        return not self._server.alive(address)

    def _died(self, why: str) -> None:
        self._address = None
        self._deaths += 1
        if self._deaths >= DEATHS:
            self._deaths = 0
            raise ConfigurationError(
                f"the server of the model {self._server.model.name!r} died {DEATHS} times without an answer "
                f"in between, at last {why}; {self._server.last_words()}"
            )
