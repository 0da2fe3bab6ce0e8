"""The port for the lanes in which a process of ours sends one request at a time."""

from collections.abc import Sequence
from typing import Protocol

from gemchain.records import InputRow

__all__ = ["DirectRun"]


class DirectRun(Protocol):
    """Requests of one batch that are on their way now, many at the same time.

    Its methods are called by one thread, return at once and never block on the service. The engine feeds it
    as there is room, takes what was answered, and writes that down: what was not taken is lost with the
    process.

    A request that the service did not take (too many requests, overloaded, no connection) is sent again by
    the run itself, at the pace that the service asks for. A request that was refused, or that failed for
    another reason several times, gives a row with the failure.
    """

    def room(self) -> int:
        """How many more requests it wants now."""

    def feed(self, rows: Sequence[InputRow]) -> None:
        """Send these requests, each as soon as there is room for it.

        A request that cannot be sent at all gives a row with a failure.
        """

    def allow(self, seconds: float) -> None:
        """Send for so many seconds from now, and no longer unless this is called again.

        It holds for what was fed before, too. Whoever stalls while he should renew a lease has no more
        requests sent that another process may be sending by then.
        """

    def take(self) -> list[bytes]:
        """The rows that came in since the last call, each a line of `formats.direct_rows`.

        Raises:
            ConfigurationError: A person has to mend something first, such as credentials. What was answered
                before can be taken by calling again.
        """

    @property
    def pending(self) -> int:
        """How many requests were fed whose row was not taken yet.

        After `stop`, those that are not on their way are forgotten and do not count.
        """

    @property
    def held_up(self) -> str:
        """What it waits for, for people, when nothing gets through; else empty."""

    def stop(self, drain: float = 0.0) -> None:
        """Send nothing more.

        Requests on their way may be answered for so many seconds; rows are taken as before, until none is
        `pending`.
        """
