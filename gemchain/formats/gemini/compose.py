"""What users may hand to `submit`, put together as one request in REST form: input, `config` and `schema`."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.gemini.fields import camel
from gemchain.formats.gemini.spelling import file_part, spelled, with_options
from gemchain.formats.portable import conversation
from gemchain.formats.schema import as_schema, inlined, is_model
from gemchain.ports import NO_OPTIONS, Attach, Composed, Options

__all__ = ["as_request", "compose"]

BESIDE_CONTENTS = frozenset({
    "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels",
    "modelArmorConfig", "serviceTier",
})  # fmt: skip
"""Fields of google-genai's `GenerateContentConfig` that stand at the top of a REST request."""

OF_THE_CLIENT = frozenset({"automaticFunctionCalling", "shouldReturnHttpResponse"})
"""Fields that tell google-genai's client what to do, and are not sent."""

RENAMED = {"modelSelectionConfig": "modelConfig"}
SCHEMA, JSON_SCHEMA, MIME_TYPE = "responseSchema", "responseJsonSchema", "responseMimeType"
JSON_TYPE = "application/json"


def compose(
    given: Any,
    config: Any = None,
    schema: Any = None,
    attach: Attach | None = None,
    options: Options = NO_OPTIONS,
) -> Composed:
    """The request that will be sent; see `Format.compose`.

    Args:
        given: As for `as_request`.
        config: A `GenerateContentConfig` of google-genai, or a dict of its fields in either spelling.
            It wins over the settings that the request brings along.
        schema: A JSON schema or a pydantic model class; wins over a schema in the config.
        attach: Called for each local file. None names files only, to compare requests.
        options: Settings that mean the same for every provider; they win over the config.

    Raises:
        RequestError: It can never work.
    """
    request = as_request(given, attach)
    if config is not None:
        fields = _fields(config)
        if schema is None and is_model(fields.get(SCHEMA)):
            schema = fields.pop(SCHEMA)
        request = _with_config(request, fields, attach)
    if options != NO_OPTIONS:
        request = with_options(request, options)
    if schema is None:
        return Composed(request)
    sent, model = as_schema(schema)
    asked = {**_generation(request), MIME_TYPE: JSON_TYPE, JSON_SCHEMA: sent}
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


def _with_config(request: dict[str, Any], fields: dict[str, Any], attach: Attach | None) -> dict[str, Any]:
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


def _beside(name: str, value: Any, attach: Attach | None) -> Any:
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
        return {MIME_TYPE: JSON_TYPE, JSON_SCHEMA: as_schema(value).sent}
    if isinstance(value, type) or hasattr(value, "__origin__"):
        from pydantic import TypeAdapter

        return {MIME_TYPE: JSON_TYPE, JSON_SCHEMA: inlined(TypeAdapter(value).json_schema())}
    return {MIME_TYPE: JSON_TYPE, name: plain(value)}


def _generation(request: dict[str, Any]) -> dict[str, Any]:
    """The request's own generation config, in camelCase at its top."""
    found = request.get("generationConfig") or request.get("generation_config") or {}
    if not isinstance(found, dict):
        raise RequestError(f"'generationConfig' is an object, not {type(found).__name__}")
    return {camel(name): value for name, value in found.items()}


def _with_generation(request: dict[str, Any], generation: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in request.items() if camel(name) != "generationConfig"}
    return {**rest, "generationConfig": generation}


def as_request(given: Any, attach: Attach | None = None) -> dict[str, Any]:
    """The request as a dict.

    Args:
        given: A text (one user turn), messages `{"role", "content"}`, a list of contents and of
            parts (texts and files among them; parts that follow each other are one user turn), a file's
            `Path`, a dict in REST form, or a pydantic or google-genai object.
        attach: Called for each `Path`, wherever there is one.

    Raises:
        RequestError: It is empty, of another type, or not JSON; or a file cannot be attached.
    """
    if isinstance(given, str):
        return {"contents": [_turn([_text(given)])]}
    if isinstance(given, list | tuple):
        if given and isinstance(given[0], Mapping) and given[0].keys() & {"content", "tool_calls"}:
            return spelled(conversation(given, attach))
        return {"contents": _contents(given, attach)}
    if isinstance(given, Mapping) or hasattr(given, "model_dump") or isinstance(given, Path):
        whole = _object(given, attach)
        if isinstance(given, Mapping) or "contents" in whole:
            return whole
        return {"contents": [_with_role(whole) if "parts" in whole else _turn([whole])]}
    kind = type(given).__name__
    raise RequestError(f"a request is a text, a list of contents, a dict or a google-genai object, no {kind}")


def _contents(given: Iterable[Any], attach: Attach | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for each in given:
        one = _text(each) if isinstance(each, str) else _object(each, attach)
        if "parts" not in one:
            parts.append(one)
            continue
        if parts:
            found.append(_turn(parts))
            parts = []
        found.append(one if isinstance(each, Mapping) else _with_role(one))
    return [*found, _turn(parts)] if parts else found


def _text(text: str) -> dict[str, Any]:
    if not text.strip():
        raise RequestError("the request is empty")
    return {"text": text}


def _turn(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": "user", "parts": parts}


def _with_role(content: dict[str, Any]) -> dict[str, Any]:
    """A google-genai `Content` may go without a role, which then is the user's."""
    return {"role": "user", **content}


def _object(given: Any, attach: Attach | None) -> dict[str, Any]:
    found = plain(given, attach)
    if not isinstance(found, dict):
        raise RequestError(f"the request must be a JSON object, not {type(found).__name__}")
    if not found:
        raise RequestError("the request is empty")
    return found


def plain(given: Any, attach: Attach | None = None) -> Any:
    """Plain JSON data in REST form of what a request may consist of.

    Models are spelled in camelCase without what is None, bytes become base64, and paths parts.

    Raises:
        RequestError: Something in it is not JSON, or a file cannot be attached.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, Path):
            return {"file": value.name} if attach is None else file_part(attach(value))
        if getattr(value, "uri", None) and getattr(value, "mime_type", None):
            # google-genai's `File`, as its `files.upload` returns it, is no part by itself.
            return {"fileData": {"fileUri": value.uri, "mimeType": value.mime_type}}
        dump_model = getattr(value, "model_dump", None)
        if callable(dump_model) and not isinstance(value, type):
            # Not mode="json": google-genai would write bytes in the URL-safe alphabet.
            return dump_model(mode="python", by_alias=True, exclude_none=True)
        if isinstance(value, bytes | bytearray):
            return base64.b64encode(value).decode()
        if isinstance(value, set | frozenset):
            return sorted(value)
        raise TypeError(f"{type(value).__name__} is not JSON")

    try:
        text = orjson.dumps(given, default=convert, option=orjson.OPT_NON_STR_KEYS)
        if b"null" in text:
            _refuse_lost_numbers(given)
        return orjson.loads(text)
    except TypeError as error:
        if isinstance(error, orjson.JSONEncodeError):
            raise _refusal(error) from error
        raise RequestError(f"the request is not JSON: {error}") from error


def _refuse_lost_numbers(given: Any) -> None:
    """Refuse an infinity and what is not a number: orjson writes both as null."""
    try:
        json.dumps(given, allow_nan=False, skipkeys=True, default=_fields_inside)
    except ValueError as error:
        raise RequestError(
            "the request is not JSON: JSON has neither infinity nor 'not a number' (nan); use None or a text"
        ) from error


def _fields_inside(value: Any) -> Any:
    """Where numbers may be in an object that JSON does not know."""
    if isinstance(value, set | frozenset):
        return list(value)
    dump_model = getattr(value, "model_dump", None)
    return dump_model() if callable(dump_model) and not isinstance(value, type) else None


def _refusal(error: orjson.JSONEncodeError) -> Exception:
    """What lies behind an error of the writer, if that is more than something that is not JSON."""
    cause = error.__cause__
    if isinstance(cause, Exception) and not isinstance(cause, TypeError):
        return cause
    return RequestError(f"the request is not JSON: {cause or error}")
