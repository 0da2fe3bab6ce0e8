"""Awaits of what gemchain does not know: asyncio, HTTP clients and their like, told apart and explained."""

from typing import Any

__all__ = ["explained", "foreign"]

_NO_LOOP = ("no running event loop", "no current event loop", "should be used inside a task")
"""How asyncio says that there is no event loop."""

_NO_LOOP_CLASSES = frozenset({"AsyncLibraryNotFoundError", "NoEventLoopError"})
"""How sniffio and anyio say it, on which HTTP clients such as httpx stand."""


def foreign(awaited: Any) -> TypeError:
    """The error for something that a chain cannot await."""
    kind = "nothing that gemchain knows" if awaited is None else f"a {type(awaited).__name__}"
    return TypeError(f"{_RULE}; here it awaits {kind}. {_WAY_OUT}")


def explained(error: Exception) -> Exception:
    """The error that a program let out; one about a missing event loop says what to do instead."""
    found = _about_a_loop(error)
    if found is None:
        return error
    better = TypeError(f"{_RULE}; here something looked for an event loop ({found}). {_WAY_OUT}")
    better.__cause__ = error
    return better


_RULE = "a chain can await gemchain.prompt(), gather(), wait() and chains, and async functions that do so"
_WAY_OUT = (
    "asyncio has no event loop here: what it waits for (asyncio.sleep, httpx, a database) would not survive "
    "a crash. Fetch it before the chain starts and pass it as an argument, let another process bring it with "
    "gemchain.wait() and gemchain.resume(), or use a blocking call where doing it twice does no harm"
)


def _about_a_loop(error: Exception) -> str | None:
    """What an error says about a missing event loop; None when it is about something else."""
    if type(error) is RuntimeError:
        text = str(error)
        return text if any(words in text for words in _NO_LOOP) else None
    name = type(error).__name__
    return name if name in _NO_LOOP_CLASSES else None
