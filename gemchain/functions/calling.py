"""Calling a user's function: what ends a process elsewhere is a failure of the function here."""

from collections.abc import Callable
from typing import Any

__all__ = ["call", "exit_as_error"]

_CANCELLING = frozenset({"asyncio", "trio", "concurrent"})
"""Packages whose BaseExceptions mean that something was cancelled, and not that the process ends."""


def call(function: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """What the function returns.

    Raises:
        RuntimeError: It called `sys.exit`, or let out a `GeneratorExit` or a `CancelledError`.
        KeyboardInterrupt: A person stops the process.
        SystemExit: The handler of a signal, such as SIGTERM, ends the process while the function runs.
        Exception: Whatever else it raises.
    """
    try:
        return function(*args, **params)
    except Exception:
        raise
    except BaseException as error:
        described = exit_as_error(error)
        if described is None:
            raise
        raise described from error


def exit_as_error(error: BaseException) -> RuntimeError | None:
    """The failure that an exception outside of `Exception` stands for; None when it is to go through."""
    if isinstance(error, SystemExit):
        if _comes_from_a_signal(error):
            return None
        return RuntimeError(
            f"the function called sys.exit({error.code!r}); the process goes on. To fail at once, raise "
            "gemchain.Abort('why'); to end well, return"
        )
    if isinstance(error, GeneratorExit) or type(error).__module__.partition(".")[0] in _CANCELLING:
        return RuntimeError(f"the function let out a {type(error).__name__}; to fail, raise an Exception")
    return None


def _comes_from_a_signal(error: SystemExit) -> bool:
    """Whether the handler of a signal raised it, which had nothing to do with the function that ran."""
    import signal

    handlers = {getattr(signal.getsignal(each), "__code__", None) for each in signal.valid_signals()} - {None}
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code not in handlers:
        step = step.tb_next
    return step is not None
