"""A request, its `config` and its `schema`, put together as one request in REST form."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gemchain.errors import RequestError
from gemchain.formats.gemini.inputs import Attach, as_request, by_name, camel, plain
from gemchain.formats.schema import as_schema, inlined, is_model

__all__ = ["Composed", "compose"]

BESIDE_CONTENTS = frozenset({
    "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels",
    "modelArmorConfig", "serviceTier",
})  # fmt: skip
"""Fields of google-genai's `GenerateContentConfig` that stand at the top of a REST request."""

OF_THE_CLIENT = frozenset({"automaticFunctionCalling", "shouldReturnHttpResponse"})
"""Fields that tell google-genai's client what to do, and are not sent."""

RENAMED = {"modelSelectionConfig": "modelConfig"}
SCHEMA, JSON_SCHEMA, MIME_TYPE = "responseSchema", "responseJsonSchema", "responseMimeType"
JSON = "application/json"


class Composed(NamedTuple):
    """What is sent, and what the answer must fit.

    Attributes:
        schema: The JSON schema for the answer; None for free text.
        model: The pydantic class of which `Response.parsed` is an object; None for plain data.
    """

    request: dict[str, Any]
    schema: dict[str, Any] | None = None
    model: type | None = None


def compose(given: Any, config: Any = None, schema: Any = None, attach: Attach = by_name) -> Composed:
    """Put a request together.

    Args:
        given: As for `as_request`.
        config: A `GenerateContentConfig` of google-genai, or a dict of its fields in either spelling.
            It wins over the settings that the request brings along.
        schema: A JSON schema or a pydantic model class; wins over a schema in the config.
        attach: Makes the part that stands for a local file.

    Raises:
        RequestError: Something about it can never work.
    """
    request = as_request(given, attach)
    if config is not None:
        fields = _fields(config)
        if schema is None and is_model(fields.get(SCHEMA)):
            schema = fields.pop(SCHEMA)
        request = _with_config(request, fields, attach)
    if schema is None:
        return Composed(request)
    sent, model = as_schema(schema)
    asked = {**_generation(request), MIME_TYPE: JSON, JSON_SCHEMA: sent}
    asked.pop(SCHEMA, None)
    return Composed(_with_generation(request, asked), sent, model)


def _fields(config: Any) -> dict[str, Any]:
    """The config's fields that are set, by their names in camelCase."""
    if not isinstance(config, Mapping) and not hasattr(type(config), "model_fields"):
        raise RequestError(f"config is a GenerateContentConfig of google-genai or a dict, not {config!r}")
    if not all(isinstance(name, str) for name in dict(config)):
        raise RequestError(f"config has names as keys, not {list(dict(config))!r}")
    fields = {camel(name): value for name, value in dict(config).items() if value is not None}
    nested = fields.pop("generationConfig", {})
    if "httpOptions" in fields:
        raise RequestError("config has 'http_options', which a batch cannot honour; leave them out")
    return {**_fields(nested), **fields} if nested else fields


def _with_config(request: dict[str, Any], fields: dict[str, Any], attach: Attach) -> dict[str, Any]:
    beside: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for name, value in fields.items():
        if name in BESIDE_CONTENTS:
            beside[name] = _beside(name, value, attach)
        elif name in (SCHEMA, JSON_SCHEMA):
            generation |= {**_schema(name, value), **_chosen_type(fields)}
        elif name not in OF_THE_CLIENT:
            generation[RENAMED.get(name, name)] = plain(value)
    spelled = {camel(name) for name in beside}
    kept = {name: value for name, value in request.items() if camel(name) not in spelled}
    merged = {**kept, **beside}
    return _with_generation(merged, {**_generation(request), **generation}) if generation else merged


def _chosen_type(fields: dict[str, Any]) -> dict[str, Any]:
    return {MIME_TYPE: fields[MIME_TYPE]} if MIME_TYPE in fields else {}


def _beside(name: str, value: Any, attach: Attach) -> Any:
    if name == "tools":
        _refuse_functions(value)
    if name != "systemInstruction":
        return plain(value, attach)
    contents = as_request(value, attach)
    if "contents" not in contents:
        contents = {"contents": [contents if "parts" in contents else {"parts": [contents]}]}
    return {"parts": [part for content in contents["contents"] for part in content.get("parts", [])]}


def _refuse_functions(tools: Any) -> None:
    for tool in tools if isinstance(tools, list | tuple) else [tools]:
        if callable(tool):
            raise RequestError(
                f"tool {getattr(tool, '__name__', tool)!r} is a Python function, which no batch can call; "
                "declare it as {'functionDeclarations': [{'name': …, 'parametersJsonSchema': …}]}, and "
                "answer the call in the callback"
            )


def _schema(name: str, value: Any) -> dict[str, Any]:
    """The settings for a schema: classes and types become a JSON schema, anything else stays as it is."""
    if is_model(value):
        return {MIME_TYPE: JSON, JSON_SCHEMA: as_schema(value).sent}
    if isinstance(value, type) or hasattr(value, "__origin__"):
        from pydantic import TypeAdapter

        return {MIME_TYPE: JSON, JSON_SCHEMA: inlined(TypeAdapter(value).json_schema())}
    return {MIME_TYPE: JSON, name: plain(value)}


def _generation(request: dict[str, Any]) -> dict[str, Any]:
    """The request's own generation config, in camelCase at its top."""
    found = request.get("generationConfig") or request.get("generation_config") or {}
    if not isinstance(found, dict):
        raise RequestError(f"'generationConfig' is an object, not {type(found).__name__}")
    return {camel(name): value for name, value in found.items()}


def _with_generation(request: dict[str, Any], generation: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in request.items() if camel(name) != "generationConfig"}
    return {**rest, "generationConfig": generation}
