"""A request in a channel, and what a channel needs to know of the run that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gemchain.providers.direct.endpoint import Endpoint
from gemchain.records import Failure, InputRow

__all__ = ["Asker", "Waiting"]

BYTES_OF_TOKEN = 4
"""Bytes of a request that are taken for a token, where the service limits tokens."""


class Asker(Protocol):
    """A run, as its channel sees it.

    Attributes:
        flying: Requests that are on their way.
    """

    endpoint: Endpoint
    flying: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more of it is to be sent."""

    @property
    def may_send(self) -> bool:
        """Whether it is allowed to send now."""

    def ended(
        self, row: InputRow, status: int, body: Mapping[str, Any] | None, failure: Failure | None = None
    ) -> None:
        """A request has its row."""

    def fail(self, error: Exception) -> None:
        """A person has to mend something: `take` says so once, and nothing more is sent."""

    def dropped(self) -> None:
        """The channel has taken notice that it was stopped."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that is to be sent, or on its way.

    Attributes:
        tries: How often it was sent in vain.
        renewed: Whether credentials were renewed for it.
    """

    run: Asker
    row: InputRow
    body: bytes
    tries: int = 0
    renewed: bool = False

    @property
    def tokens(self) -> int:
        """How many it is estimated to take."""
        return len(self.body) // BYTES_OF_TOKEN
