"""An event loop whose time passes at once, for what is paced by seconds."""

import asyncio
import selectors


class StalledError(Exception):
    """Everything waits, and nothing is scheduled that would end the waiting."""


class _Selector:
    """Waits by moving the loop's time; nothing comes from outside."""

    def __init__(self, loop):
        self._loop = loop
        self._inner = selectors.DefaultSelector()

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def select(self, timeout=None):
        ready = self._inner.select(0)
        if not ready and timeout is None:
            raise StalledError
        if not ready and timeout > 0:
            self._loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at 1,000 seconds."""

    def __init__(self):
        self.now = 1_000.0
        super().__init__(_Selector(self))

    def time(self):
        return self.now

    def pass_until(self, condition, most=5_000.0):
        """Let time pass until the condition holds; fails after so many seconds of the loop."""
        self.run_until_complete(asyncio.wait_for(_held(condition), most))

    def pass_seconds(self, seconds):
        """Let so much time pass."""
        self.run_until_complete(asyncio.sleep(seconds))


async def _held(condition):
    while not condition():  # noqa: ASYNC110 -- it costs no time, and any condition will do
        await asyncio.sleep(0.05)
