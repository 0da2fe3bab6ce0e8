"""JSON schemas as Claude is held to them: closed objects, and only the keywords that it knows.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations

Limits of numbers, texts and lists are not enforced by the service. They are told to the model in the
description, and `Response.parsed` checks the answer against the schema that the user gave.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gemchain.formats.schema import inlined

__all__ = ["enforced"]

_WORDS = frozenset({"title", "description"})
_DROPPED = frozenset({
    "$schema", "$id", "$comment", "discriminator", "deprecated", "readOnly", "writeOnly", "examples",
    "example", "propertyOrdering", "xml", "externalDocs",
})  # fmt: skip
"""Keywords that say nothing about which answers fit."""

_TOLD = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "pattern", "format", "minItems", "maxItems", "uniqueItems", "default", "contentEncoding",
    "contentMediaType",
})  # fmt: skip
"""Keywords that are told in words where the service does not know them."""

_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip
_LISTS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_OBJECT = frozenset({"properties", "required", "additionalProperties"})
_KNOWN = _WORDS | _DROPPED | _TOLD | _LISTS.keys() | _OBJECT | {"type", "enum", "const", "items"}
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})


class _FreeError(Exception):
    """The schema allows what Claude cannot be held to."""


def enforced(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in the form that the service holds the model to; None when it has no such form.

    It has none where it refers to itself or to elsewhere, has objects with properties of any name, or
    keywords such as `not` and `prefixItems`.
    """
    try:
        return _closed(inlined(dict(schema)))
    except (_FreeError, RecursionError):
        return None


def _closed(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict) or schema.keys() - _KNOWN:
        raise _FreeError
    words = {name: schema[name] for name in ("title", "description") if name in schema}
    told = {name: schema[name] for name in sorted(_TOLD & schema.keys()) if not _is_kept(name, schema)}
    return _described({**words, **_constraint(schema)}, told)


def _constraint(schema: dict[str, Any]) -> dict[str, Any]:
    """What the service enforces of a schema."""
    for name, spelled in _LISTS.items():
        if name in schema:
            return {spelled: _choices(name, schema)}
    for name in ("enum", "const"):
        if name in schema:
            return {name: _plain(schema[name], several=name == "enum")}
    kinds = schema.get("type")
    if isinstance(kinds, list) and len(kinds) > 1:
        return {"anyOf": [_of_type(each, schema) for each in kinds]}
    return _of_type(kinds[0] if isinstance(kinds, list) and kinds else kinds, schema)


def _choices(name: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(schema[name], list) or schema.keys() - _WORDS - _DROPPED - {name, "default"}:
        raise _FreeError  # what stands beside the choices would be lost
    return [_closed(each) for each in schema[name]]


def _plain(value: Any, *, several: bool) -> Any:
    values = value if several and isinstance(value, list) else [value]
    if not values or not all(each is None or isinstance(each, str | int | float) for each in values):
        raise _FreeError
    return value


def _of_type(kind: Any, schema: dict[str, Any]) -> dict[str, Any]:
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema)
    if kind == "array":
        kept = {"minItems": schema["minItems"]} if _is_kept("minItems", schema) else {}
        return {"type": "array", "items": _closed(schema.get("items")), **kept}
    if kind not in _SCALARS:
        raise _FreeError
    kept = {"format": schema["format"]} if kind == "string" and _is_kept("format", schema) else {}
    return {"type": kind, **kept}


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required", [])
    if schema.get("additionalProperties", False) is not False or not isinstance(properties, dict):
        raise _FreeError
    if not isinstance(required, list) or any(each not in properties for each in required):
        raise _FreeError
    inside = {name: _closed(each) for name, each in properties.items()}
    return {"type": "object", "properties": inside, "required": required, "additionalProperties": False}


def _is_kept(name: str, schema: dict[str, Any]) -> bool:
    """Whether the service enforces a keyword with this value."""
    if name == "format":
        return schema.get("format") in _FORMATS
    return name == "minItems" and schema.get("minItems") in (0, 1)


def _described(schema: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    if not told:
        return schema
    words = "; ".join(f"{name}: {orjson.dumps(value).decode()}" for name, value in told.items())
    return {**schema, "description": f"{schema.get('description', '')} ({words})".strip()}
