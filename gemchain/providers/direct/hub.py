"""The event loop that all single requests of this process run in, in a daemon thread of its own.

A process that was forked begins a loop of its own. Nothing that is in the loop survives the process, and
nothing needs to.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["loop", "soon"]

_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def loop() -> asyncio.AbstractEventLoop:
    """The loop, started at the first call."""
    global _running  # noqa: PLW0603 -- one for the process, as the docstring says
    with _lock:
        if _running is None or _running[0] != os.getpid():
            made = asyncio.new_event_loop()
            threading.Thread(target=made.run_forever, name="gemchain-direct", daemon=True).start()
            _running = os.getpid(), made
        return _running[1]


def soon(call: Callable[..., object], *args: Any) -> None:
    """Call something inside the loop, and return at once."""
    loop().call_soon_threadsafe(call, *args)
