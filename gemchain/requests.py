"""What users may hand to `submit` as a request, brought into one form: a dict in REST form."""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain import jsontext
from gemchain.errors import RequestError

__all__ = ["as_request", "as_schema"]


def as_request(given: Any) -> dict[str, Any]:
    """The request as a dict.

    Args:
        given: A text (one user turn), a list of contents (texts are user turns), a dict in REST
            form, or a pydantic or google-genai object.

    Raises:
        RequestError: It is empty, of another type, or not JSON.
    """
    if isinstance(given, str):
        return {"contents": [_turn(given)]}
    if isinstance(given, list | tuple):
        return {"contents": [_content(each) for each in given]}
    if isinstance(given, Mapping) or hasattr(given, "model_dump"):
        return _plain(given)
    kind = type(given).__name__
    raise RequestError(f"a request is a text, a list of contents, a dict or a google-genai object, no {kind}")


def _turn(text: str) -> dict[str, Any]:
    if not text.strip():
        raise RequestError("the request is empty")
    return {"role": "user", "parts": [{"text": text}]}


def _content(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return _turn(given)
    plain = _plain(given)
    if "parts" in plain:
        return plain
    return {"role": "user", "parts": [plain]}


def _plain(given: Any) -> dict[str, Any]:
    try:
        plain = orjson.loads(jsontext.dump_bytes(given))
    except TypeError as error:
        raise RequestError(f"the request is not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise RequestError(f"the request must be a JSON object, not {type(plain).__name__}")
    if not plain:
        raise RequestError("the request is empty")
    return plain


def as_schema(given: Any) -> dict[str, Any]:
    """A JSON schema: as given, or that of a pydantic model class.

    Raises:
        RequestError: It is neither.
    """
    model_schema = getattr(given, "model_json_schema", None)
    if callable(model_schema):
        found = model_schema()
        return dict(found)
    if isinstance(given, Mapping):
        return dict(given)
    raise RequestError(f"a schema is a JSON schema (a dict) or a pydantic model class, not {given!r}")


def with_schema(request: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The request, asking for an answer that fits the schema."""
    name = "generation_config" if "generation_config" in request else "generationConfig"
    config = {**request.get(name, {}), "responseMimeType": "application/json", "responseJsonSchema": schema}
    return {**request, name: config}
