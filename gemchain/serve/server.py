"""Serving the routes with uvicorn, and driving the engine beside it.

Crash story. The driver keeps no state of its own, and a call has done all when it is answered, so the process
may be killed at any moment. On Ctrl-C and SIGTERM the server answers what it has begun, then the driver gives
back what it holds. A driver that fails for good ends the server as well, with the driver's error: a process
that answers while nothing works would look healthy.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from gemchain.engine.drive import drive
from gemchain.engine.operations.hasten import hasten
from gemchain.errors import ConfigurationError, MissingExtraError
from gemchain.runtime import Runtime, using
from gemchain.serve.followups import FollowUps
from gemchain.serve.keys import Keys
from gemchain.serve.routes import Pushes
from gemchain.serve.web import application
from gemchain.wakers.loop import LoopWaker

if TYPE_CHECKING:
    import uvicorn

__all__ = ["Serving", "listen"]

GRACE = 3
"""Seconds that calls on their way may take to end, when the server stops."""


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on; port 0 picks a free one.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error}; another program may use the port: try --port 0, "
            "which picks a free one"
        ) from error


class Serving:
    """Answers calls, and does the engine's work meanwhile.

    Args:
        runtime: The state.
        keys: The secrets of the routes.
        work: Whether this process drives the engine, for all owners. If not, others find what is due.

    Attributes:
        pushes: What answers the calls.

    Raises:
        MissingExtraError: The extra `serve` is not installed.
    """

    def __init__(self, runtime: Runtime, keys: Keys, *, work: bool) -> None:
        waker, again = LoopWaker(), FollowUps()
        self._runtime = replace(runtime, waker=waker) if work else runtime
        self.pushes = Pushes(self._runtime, keys, again=again if work else None)
        self._server = _server(self.pushes)
        self._worker = _Worker(self._runtime, waker, again, self.stop) if work else None

    def run(self, listening: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until `stop`, or in the main thread until SIGINT or SIGTERM.

        Args:
            listening: The socket to serve on; it is closed in the end.
            ready: Called before the first call is answered.

        Raises:
            GemchainError: The driver failed for good.
        """
        with listening, using(self._runtime), _terminated_like_interrupted():
            try:
                if self._worker is not None:
                    self._worker.start()
                ready()
                self._server.run(sockets=[listening])
            finally:
                if self._worker is not None:
                    self._worker.stop()
        if self._worker is not None and self._worker.error is not None:
            raise self._worker.error

    def stop(self) -> None:
        """Let `run` return. For any thread."""
        self._server.should_exit = True


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """A block that SIGINT and SIGTERM end without an error, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _server(pushes: Pushes) -> "uvicorn.Server":
    app = application(pushes)
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("gemchain serve", "serve") from error
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,  # a secret may stand in the query
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


class _Worker(threading.Thread):
    """Drives the engine until it is told to stop; the thread does not keep the process alive.

    Attributes:
        error: Why it ended before it was told to.
    """

    def __init__(
        self, runtime: Runtime, waker: LoopWaker, again: FollowUps, failed: Callable[[], None]
    ) -> None:
        super().__init__(name="gemchain-worker", daemon=True)
        self._runtime = runtime
        self._waker = waker
        self._again = again
        self._failed = failed
        self._stopped = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Drive."""
        try:
            drive(
                self._runtime,
                until=self._stopped.is_set,
                until_idle=False,
                nap=self._nap,
            )
        except BaseException as error:  # noqa: BLE001 -- the main thread raises it
            self.error = error
            self._failed()

    def _nap(self, seconds: float) -> bool:
        """Rest until somebody wakes us, or until a batch that was announced is to be asked about again."""
        store, next_at = self._runtime.store, self._again.next_at()
        if next_at is not None:
            seconds = min(seconds, (next_at - store.now()).total_seconds())
        woken = self._waker.wait(seconds)
        names = self._again.take_due(store.now())
        due = hasten(self._runtime, store.batches(names).values()) if names else []
        self._again.forget(set(names) - {each.id for each in due})
        return woken or bool(due)

    def stop(self) -> None:
        """Let it end its turn, and wait for that."""
        self._stopped.set()
        self._waker.hurry()
        self.join()
