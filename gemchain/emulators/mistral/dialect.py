"""How the service answers: chat completions, and embeddings where a request has an `input`."""

from collections.abc import Mapping
from typing import Any

from gemchain.formats.mistral.format import MISTRAL
from gemchain.ports import Format
from gemchain.simulated.dialect import Dialect
from gemchain.simulated.embeddings import OpenAIEmbeddingDialect
from gemchain.simulated.faults import RowStyle
from gemchain.simulated.mistral import MistralDialect

__all__ = ["MistralApiDialect"]

CHAT: Dialect = MistralDialect()
EMBEDDINGS: Dialect = OpenAIEmbeddingDialect()


class MistralApiDialect:
    """See `Dialect`."""

    wire_format: Format = MISTRAL

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        return _of(request).builtin(request)

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        return _of(request).problem(request)

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. A request that is sent alone names the model."""
        return CHAT.as_submitted(request)

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        return _of(request).as_body(said, request, model, seen_at)

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`."""
        return (EMBEDDINGS if "data" in body else CHAT).spoiled(body, style)

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The service echoes none."""
        return CHAT.echoed(request, style)


def _of(request: Mapping[str, Any]) -> Dialect:
    return EMBEDDINGS if "input" in request else CHAT
