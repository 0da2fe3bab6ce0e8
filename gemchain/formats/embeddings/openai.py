"""The wire format of OpenAI's and Mistral's `/v1/embeddings`, which servers like them speak as well.

A request has one input, so that each prompt has a vector of its own. Vectors come as base64 of 32-bit floats
unless a request says otherwise: a third of the size, and not less exact, since these are what models compute.

https://developers.openai.com/api/reference/resources/embeddings/methods/create
https://docs.mistral.ai/api/endpoint/embeddings
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gemchain.errors import RequestError
from gemchain.formats.embeddings.base import VectorFormat, check_options
from gemchain.formats.embeddings.vectors import vector_of
from gemchain.formats.file_content import as_text, is_text
from gemchain.formats.foreign_forms import without
from gemchain.formats.openai_chat import errors, hashing
from gemchain.formats.plain_data import attached, config_fields, plain_data
from gemchain.formats.setting_kinds import Kind, Names, check_fields
from gemchain.ports import NO_OPTIONS, Attach, Composed, FileContent, Options, TokenCounts

__all__ = ["OPENAI_EMBEDDINGS", "OpenAIEmbeddingFormat"]

SETTINGS: dict[str, Kind] = {
    "dimensions": Kind("integer", 1),
    "encoding_format": Kind("text"),
    "user": Kind("text"),
    "output_dimension": Kind("integer", 1),
    "output_dtype": Kind("text"),
    "metadata": Kind("object"),
}
"""Beside `input`: the first three are OpenAI's, the last three Mistral's. A test compares both SDKs."""

FLOATS = (None, "float")
"""Values of `output_dtype` that mean 32-bit floats."""

_NAMES = Names("config", others="it has those of OpenAI's and Mistral's embeddings")
_MOST = 1 << 40
"""Tokens that no request has."""


class OpenAIEmbeddingFormat(VectorFormat):
    """Requests and answers of `/v1/embeddings`. The stored request never holds the model's name."""

    name = "openai_embeddings"
    failure = staticmethod(errors.failure)
    echo_hash = staticmethod(hashing.echo_hash)

    def compose(
        self,
        given: Any,
        config: Any = None,
        schema: Any = None,
        attach: Attach | None = None,
        options: Options = NO_OPTIONS,
    ) -> Composed:
        """A text, the `Path` of a text file, or a dict of this form; see `Format.compose`."""
        check_options(options, schema)
        settings = {} if config is None else plain_data(config_fields(config), _no_file)
        if "input" in settings:
            raise RequestError("config has 'input', which is the request; hand it over as the request")
        if isinstance(given, Mapping) or (hasattr(given, "model_dump") and not isinstance(given, type)):
            return Composed({**plain_data(given, _no_file), **settings})
        packed = {"encoding_format": "base64"} if settings.get("output_dtype") in FLOATS else {}
        return Composed({"input": _text(given, attach), **packed, **settings})

    def check(self, model: str, request: Mapping[str, Any]) -> None:
        """Refuse what has no input, or several; see `Format.check`."""
        del model
        words = _problem(request)
        if words is not None:
            raise RequestError(words)

    def check_settings(self, request: Mapping[str, Any]) -> None:
        """See `Format.check_settings`."""
        settings = {name: value for name, value in request.items() if name != "input"}
        check_fields(settings, SETTINGS, "config", _NAMES)
        if settings.get("output_dtype") not in FLOATS and settings.get("encoding_format") == "base64":
            raise RequestError(
                f"vectors of {settings['output_dtype']!r} are not read from base64; leave encoding_format out"
            )

    def embedding(self, body: Mapping[str, Any]) -> list[float]:
        """See `EmbeddingFormat.embedding`."""
        data = body.get("data")
        first = data[0] if isinstance(data, list) and data else None
        return vector_of(first.get("embedding")) if isinstance(first, dict) else []

    def usage(self, body: Mapping[str, Any]) -> TokenCounts:
        """See `Format.usage`."""
        found = self.reported_usage(body).get("prompt_tokens")
        return TokenCounts(input=found if type(found) is int and 0 <= found < _MOST else 0)

    def reported_usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """See `Format.reported_usage`."""
        found = body.get("usage")
        return found if isinstance(found, dict) else {}


def _text(given: Any, attach: Attach | None) -> str:
    if isinstance(given, list | tuple) and len(given) == 1:
        return _text(given[0], attach)
    if isinstance(given, Path):
        file = attached(given, attach)
        return as_text(file, "an embedding model") if is_text(file.mime_type) else _no_file(file)
    if not isinstance(given, str):
        raise RequestError(
            f"an embedding is made of one text, or of one text file's Path, not of {type(given).__name__}; "
            "gemchain.embed([…]) makes one of each text in a list"
        )
    if not given.strip():
        raise RequestError("the request is empty")
    return given


def _no_file(file: FileContent) -> str:
    raise RequestError(
        f"embeddings of OpenAI and Mistral are made of text, not of a file of kind {file.mime_type}; use a "
        "multimodal model of gemini-api/, such as gemini-embedding-2"
    )


def _problem(request: Mapping[str, Any]) -> str | None:
    if request.get("model"):
        return "the request has 'model'; leave it out: the model is the one that is named beside the request"
    given = request.get("input")
    if isinstance(given, str):
        return None if given.strip() else "the request is empty"
    if not given:
        return without(request, "input", "OpenAI's embeddings")
    if isinstance(given, list) and all(type(each) is int for each in given):
        return None  # a text as the tokens of its model
    return "'input' is one text, since each prompt has one vector; gemchain.embed([…]) takes several texts"


OPENAI_EMBEDDINGS = OpenAIEmbeddingFormat()
