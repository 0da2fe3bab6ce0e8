"""How a simulated model speaks the wire formats of embeddings.

What a responder says as a text is embedded; the one that is built in says what it was asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.embeddings.gemini import GEMINI_EMBEDDINGS
from gemchain.formats.embeddings.openai import OPENAI_EMBEDDINGS
from gemchain.formats.embeddings.vectors import packed
from gemchain.formats.gemini.fields import field_of
from gemchain.ports import Format
from gemchain.simulated.dialect import TOKEN
from gemchain.simulated.faults import RowFate, RowStyle
from gemchain.simulated.vectors import SIZE, vector

__all__ = ["GeminiEmbeddingDialect", "OpenAIEmbeddingDialect"]


class _EmbeddingDialect(ABC):
    """See `Dialect`."""

    wire_format: Format

    @abstractmethod
    def builtin(self, request: dict[str, Any]) -> str:
        """The text to embed; see `Dialect.builtin`."""

    def problem(self, request: Mapping[str, Any]) -> str | None:
        """See `Dialect.problem`."""
        try:
            self.wire_format.check("embeddings", request)
        except RequestError as error:
            return str(error)
        return None

    def as_submitted(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `Dialect.as_submitted`. Nothing was added: the row's key names the prompt."""
        return request

    def echoed(self, request: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.echoed`. The fields come in another order."""
        del style
        return dict(reversed(request.items()))


class OpenAIEmbeddingDialect(_EmbeddingDialect):
    """Speaks `/v1/embeddings`."""

    wire_format: Format = OPENAI_EMBEDDINGS

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        given = request.get("input")
        return given if isinstance(given, str) else " ".join(map(str, given or ()))

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        del seen_at
        asked = -(-len(self.builtin(dict(request))) // TOKEN)
        around = {
            "object": "list",
            "model": f"simulated/{model}",
            "usage": {"prompt_tokens": asked, "total_tokens": asked},
        }
        if not isinstance(said, str):
            return {**around, **said}
        made = vector(said, _size(request.get("dimensions") or request.get("output_dimension")))
        written = packed(made) if request.get("encoding_format") == "base64" else list(made)
        return {"data": [{"object": "embedding", "index": 0, "embedding": written}], **around}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`. An embedding is there or not: nothing is blocked or cut off."""
        return body if style.fate is RowFate.ANSWERED else {**body, "data": []}


class GeminiEmbeddingDialect(_EmbeddingDialect):
    """Speaks `embedContent`."""

    wire_format: Format = GEMINI_EMBEDDINGS

    def builtin(self, request: dict[str, Any]) -> str:
        """See `Dialect.builtin`."""
        content = request.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        return "\n".join(
            str(part.get("text") or field_of(part, "fileData") or "a file") for part in parts or ()
        )

    def as_body(
        self, said: str | dict[str, Any], request: Mapping[str, Any], model: str, seen_at: str
    ) -> dict[str, Any]:
        """See `Dialect.as_body`."""
        del model, seen_at
        around = {"tokenCount": -(-len(self.builtin(dict(request))) // TOKEN)}
        if not isinstance(said, str):
            return {**around, **said}
        return {
            "embedding": {"values": list(vector(said, _size(field_of(request, "outputDimensionality"))))},
            **around,
        }

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Dialect.spoiled`. An embedding is there or not: nothing is blocked or cut off."""
        return body if style.fate is RowFate.ANSWERED else {**body, "embedding": {}}


def _size(asked: Any) -> int:
    return asked if type(asked) is int and asked > 0 else SIZE
