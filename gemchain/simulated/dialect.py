"""What a simulated model has to know of a wire format beyond what the `Format` port says."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gemchain.ports import Format
from gemchain.simulated.faults import RowStyle

__all__ = ["TOKEN", "Dialect", "Responder", "Said"]

Said = str | dict[str, Any] | Exception
Responder = Callable[[dict[str, Any]], Said]
"""Answers a request: with a text, with a whole body of the request's format, or with a row error."""

TOKEN = 4
"""Characters that are taken for one token."""


class Dialect(Protocol):
    """How a simulated model speaks one wire format."""

    wire_format: Format

    def builtin(self, request: dict[str, Any]) -> str:
        """Answer from the request's own text. The same request always gets the same answer."""

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """What a service would say against the request; None when nothing is wrong with it."""

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request without what gemchain adds to it on its way."""

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """The response body around an answer; of a body that is given, missing fields are filled in.

        Args:
            said: The answer's text, or a body.
            request: What was asked, for the count of its tokens.
            model: The model that was asked for.
            seen_at: When it was answered, in ISO format.
        """

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """The body of an answer that was blocked, cut off or left empty, as `style.fate` says."""

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """The request as the service spells it when it echoes it."""
