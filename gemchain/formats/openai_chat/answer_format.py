"""The `response_format` of a chat completion: the schema that the answer must fit."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.json_schema import TYPES
from gemchain.formats.openai_chat.dialect import Dialect
from gemchain.formats.strict_schema import resolved, strict_schema

__all__ = ["openai_schema", "passed_schema", "response_format"]

LONGEST_NAME = 64
"""https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"""


def response_format(dialect: Dialect, schema: Mapping[str, Any], model: type | None) -> dict[str, Any]:
    """The setting that asks for an answer that fits the schema.

    Raises:
        RequestError: The service never takes such a schema.
    """
    named = model.__name__ if model is not None else schema.get("title")
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", str(named or "answer"))[:LONGEST_NAME]
    try:
        text = orjson.dumps(schema)
    except TypeError as error:
        raise RequestError(f"the JSON schema is not JSON: {error}") from error
    return {"type": "json_schema", "json_schema": {"name": name, **_spelled(dialect.json_schema, text)}}


@lru_cache(maxsize=256)
def _spelled(spell: Callable[[Mapping[str, Any]], dict[str, Any]], text: bytes) -> dict[str, Any]:
    """The schema as the service takes it; many prompts have the same."""
    return spell(orjson.loads(text))


def openai_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in strict form, or as it is where it has none.

    Raises:
        RequestError: It is not one of an object.
    """
    root = resolved(schema, schema)
    kind = root.get("type")
    if kind != "object" and (kind in TYPES or not isinstance(kind, str)):  # a slip is told by its own check
        raise RequestError(
            f"OpenAI's answers are objects, and the schema is of type {kind!r}; put it into an object, such "
            "as {'type': 'object', 'properties': {'items': …}, 'required': ['items']}, or use a Gemini model"
        )
    strict = strict_schema(schema)
    if strict is not None:
        return {"schema": strict, "strict": True}
    whole = {**root, "$defs": schema["$defs"]} if "$ref" in schema else dict(schema)
    return {"schema": whole, "strict": False}


def passed_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as it is: most servers make a grammar of any schema, and some know the strict form only."""
    return {"schema": dict(schema), "strict": strict_schema(schema) == schema}
