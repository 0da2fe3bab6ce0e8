"""Faults on demand: refused calls, lost replies, and calls that stand still."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gemchain.emulators.firestore.messages import grpc
from gemchain.emulators.firestore.refusals import Refusal

__all__ = ["Faults"]


@dataclass
class _Fault:
    method: str
    code: grpc.StatusCode
    first: int
    last: int
    applied: bool
    message: str
    seen: int = 0

    def strikes(self, call: int) -> bool:
        return self.first <= call <= self.last


class Call:
    """One call on its way through the faults."""

    def __init__(self, refusal: Refusal | None, *, applied: bool) -> None:
        self._refusal = refusal
        self._applied = applied

    def before(self) -> None:
        """Raise the fault that keeps the call from being applied."""
        if self._refusal is not None and not self._applied:
            raise self._refusal

    def after(self) -> None:
        """Raise the fault that loses the reply of a call that was applied."""
        if self._refusal is not None and self._applied:
            raise self._refusal


class Faults:
    """What shall go wrong. Every method may be called from any thread.

    Method names are those of the API: `Commit`, `BatchGetDocuments`, `RunQuery`, ...
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._faults: list[_Fault] = []
        self._paused: set[str] = set()
        self._waiting = 0

    def fail(
        self,
        method: str,
        code: grpc.StatusCode,
        *,
        nth: int = 1,
        times: int = 1,
        applied: bool = False,
        message: str = "a fault that was asked for",
    ) -> None:
        """Let a coming call of a method fail.

        Args:
            method: The method.
            code: The status to answer with.
            nth: Which call from now on fails first, starting at 1.
            times: How many calls in a row fail.
            applied: Whether the call takes effect and only its reply is lost.
            message: The status message.
        """
        with self._changed:
            self._faults.append(_Fault(method, code, nth, nth + times - 1, applied, message))

    def clear(self) -> None:
        """Forget every fault and resume every call."""
        with self._changed:
            self._faults.clear()
            self._paused.clear()
            self._changed.notify_all()

    def pause(self, method: str) -> None:
        """Hold calls of a method before they take effect, until `resume`."""
        with self._changed:
            self._paused.add(method)

    def resume(self, method: str) -> None:
        """Let the calls of a method go on."""
        with self._changed:
            self._paused.discard(method)
            self._changed.notify_all()

    @contextmanager
    def paused(self, method: str) -> Iterator[None]:
        """Hold calls of a method for the length of a block."""
        self.pause(method)
        try:
            yield
        finally:
            self.resume(method)

    def wait_for_paused(self, calls: int = 1, timeout: float = 10.0) -> None:
        """Wait until this many calls stand still.

        Raises:
            TimeoutError: They did not come within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting >= calls, timeout):
                raise TimeoutError(f"{self._waiting} of {calls} calls were paused within {timeout} seconds")

    def enter(self, method: str) -> Call:
        """Take a call in: hold it while its method is paused, and decide its fate."""
        with self._changed:
            fault = self._pick(method)
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: method not in self._paused)
            self._waiting -= 1
        if fault is None:
            return Call(None, applied=False)
        return Call(Refusal(fault.code, fault.message), applied=fault.applied)

    def _pick(self, method: str) -> _Fault | None:
        chosen = None
        for fault in [fault for fault in self._faults if fault.method == method]:
            fault.seen += 1
            if fault.strikes(fault.seen) and chosen is None:
                chosen = fault
            if fault.seen >= fault.last:
                self._faults.remove(fault)
        return chosen
