"""What every stand-in is beside the service it stands in for: a `with` block, and a program of its own."""

import argparse
import signal
import socketserver
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from gemchain.errors import GemchainError

__all__ = ["Listener", "StandIn", "parser", "serve"]

TICK = 0.5
"""Seconds between two looks of a program at what has become due."""


class StandIn(ABC):
    """Serves from `start` to `stop`, or inside a `with` block."""

    @abstractmethod
    def start(self) -> None:
        """Begin to serve."""

    @abstractmethod
    def stop(self) -> None:
        """Stop serving. What was stopped stays stopped."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Listener(socketserver.ThreadingTCPServer):
    """A thread for each connection, and none of them keeps the process alive."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error of ours; clients that vanish are nothing to report."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


S = TypeVar("S", bound=StandIn)


def _nothing(_: StandIn) -> None:
    pass


def parser(program: str, description: str, *, port: int) -> argparse.ArgumentParser:
    """The arguments of a stand-in's program: where it listens, to which others are added."""
    made = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    made.add_argument(
        "--port", type=int, default=port, help=f"port to serve on; 0 picks a free one (default {port})"
    )
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    return made


def serve(
    make: Callable[[], S],
    options: argparse.Namespace,
    ready: Callable[[S], str],
    *,
    tick: Callable[[S], object] = _nothing,
) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        make: Makes the stand-in.
        options: Where it listens, as `parser` reads it.
        ready: What to say when it serves.
        tick: Called twice a second.

    Returns:
        The exit status.
    """
    try:
        stand_in = make()
    except GemchainError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"Cannot listen on {options.host}:{options.port}: {error.strerror}. Try --port 0.")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with stand_in:
        print(ready(stand_in), flush=True)  # noqa: T201 -- a program's own words
        while not stopped.wait(TICK):
            tick(stand_in)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1
