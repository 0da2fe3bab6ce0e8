"""The wire format of Gemini's `embedContent`, in REST form.

https://ai.google.dev/api/embeddings#method:-models.embedcontent
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.embeddings.base import VectorFormat, check_options
from gemchain.formats.embeddings.vectors import vector_of
from gemchain.formats.foreign_forms import without
from gemchain.formats.gemini import errors, hashing
from gemchain.formats.gemini import usage as counts
from gemchain.formats.gemini.compose import plain
from gemchain.formats.gemini.fields import camel
from gemchain.formats.gemini.spelling import file_part
from gemchain.formats.plain_data import attached, config_fields
from gemchain.formats.setting_kinds import Kind, Names, check_fields
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options, TokenCounts

__all__ = ["GEMINI_EMBEDDINGS", "GeminiEmbeddingFormat"]

SETTINGS: dict[str, Kind] = {
    "taskType": Kind("text"),
    "title": Kind("text"),
    "outputDimensionality": Kind("integer", 1),
}
"""Beside `content`, as google-genai 2.34 sends them to the Gemini API. A test compares its own type."""

_NAMES = Names(
    "config", spelled=camel, others="it has task_type, title and output_dimensionality in the Gemini API"
)
_MOST = 1 << 40
"""Tokens that no request has."""


class GeminiEmbeddingFormat(VectorFormat):
    """Requests and answers of `embedContent`. The stored request never holds the model's name."""

    name = "gemini_embeddings"
    failure = staticmethod(errors.failure)
    echo_hash = staticmethod(hashing.echo_hash)
    reported_usage = staticmethod(counts.reported_usage)

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """A text, a file's `Path`, a list of both with a file in it, or a dict; see `Format.compose`.

        A list is one content of several parts, and has one vector. Multimodal models alone take files.
        """
        check_options(options, schema)
        settings = {} if config is None else plain(config_fields(config))
        if "content" in settings:
            raise RequestError("config has 'content', which is the request; hand it over as the request")
        request = {**_request(given, attach), **{camel(name): value for name, value in settings.items()}}
        return Composed(request)

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse what has no content; see `Format.check`."""
        del model
        words = _problem(request)
        if words is not None:
            raise RequestError(words)

    def check_settings(self, request: Mapping[str, Any]) -> None:
        """See `Format.check_settings`."""
        settings = {name: value for name, value in request.items() if name != "content"}
        check_fields(settings, SETTINGS, "config", _NAMES)

    def embedding(self, body: Mapping[str, Any]) -> list[float]:
        """See `EmbeddingFormat.embedding`."""
        found = body.get("embedding")
        return vector_of(found.get("values")) if isinstance(found, dict) else []

    def usage(self, body: Mapping[str, Any]) -> TokenCounts:
        """See `Format.usage`."""
        found = body.get("tokenCount")
        if type(found) is int and 0 <= found < _MOST:
            return TokenCounts(input=found)
        return counts.usage(body)


def _request(given: Any, attach: Attach | None) -> dict[str, Any]:
    if isinstance(given, str | Path):
        return {"content": {"parts": [_part(given, attach)]}}
    if isinstance(given, Mapping) or (hasattr(given, "model_dump") and not isinstance(given, type)):
        found = plain(given, attach)
        return {"content": found} if isinstance(found, dict) and "parts" in found else dict(found)
    if isinstance(given, list | tuple) and given and all(isinstance(each, str | Path) for each in given):
        if len(given) > 1 and not any(isinstance(each, Path) for each in given):
            raise RequestError(
                "an embedding is made of one text; gemchain.embed([…]) makes one of each text in a list"
            )
        return {"content": {"parts": [_part(each, attach) for each in given]}}
    raise RequestError(
        "an embedding is made of a text, a Path, a list of both, or a dict with 'content', not of "
        f"{type(given).__name__}"
    )


def _part(given: str | Path, attach: Attach | None) -> dict[str, Any]:
    if isinstance(given, Path):
        return file_part(attached(given, attach))
    if not given.strip():
        raise RequestError("the request is empty")
    return {"text": given}


def _problem(request: Mapping[str, Any]) -> str | None:
    if request.get("model"):
        return "the request has 'model'; leave it out: the model is the one that is named beside the request"
    content = request.get("content")
    if not content:
        return without(request, "content", "Gemini's embedContent")
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(each, dict) for each in parts):
        return f"'content' is an object with a list of 'parts', not {content!r:.80}"
    texts = [each["text"] for each in parts if "text" in each]
    if not all(isinstance(each, str) and each.strip() for each in texts):
        return "the request has a part whose text is empty"
    return None


GEMINI_EMBEDDINGS = GeminiEmbeddingFormat()
