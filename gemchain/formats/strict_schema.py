"""JSON schemas in the strict form of OpenAI, which holds the model to the schema.

In the strict form every object is closed, all its properties are required, and only some keywords are known.
https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas

A property that may be left out takes null instead; `formats.absent` reads such a null as left out. A limit
that the strict form does not know, such as `minLength`, is told in the description. Where a schema cannot be
put that way, there is no strict form of it, and the service can only be asked to keep to it.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["as_named", "resolved", "strict_schema", "takes_null"]

KEPT = frozenset({
    "type", "enum", "const", "description", "title", "pattern", "format", "multipleOf", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
})  # fmt: skip
"""Keywords that the strict form has and whose values are no schemas."""

DROPPED = frozenset({
    "default", "discriminator", "examples", "example", "$comment", "$schema", "$id", "deprecated", "readOnly",
    "writeOnly",
})  # fmt: skip
"""Keywords that the strict form does not take, and that allow no more or less."""

TOLD = frozenset({"minLength", "maxLength", "uniqueItems", "pattern", "format", "contentEncoding"})
"""Keywords that the strict form does not take, or not with every value, and that are told in words."""

OF_OBJECTS = frozenset({"properties", "required", "additionalProperties"})

FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
})  # fmt: skip

LOOKING_AROUND = ("(?=", "(?!", "(?<=", "(?<!")
"""What a pattern of the strict form has not."""

DEEPEST, MOST_PROPERTIES, MOST_ENUMERATED = 10, 5000, 1000
"""Objects and lists inside each other, properties of all objects, and values of all enums, at most."""

NAMED = "#/$defs/"
NULL = {"type": "null"}


class _NotStrictError(Exception):
    """The schema has no strict form."""


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in strict form; None when it has none, as when it is no valid schema."""
    try:
        root = resolved(schema, schema)
        if root.get("type") != "object":
            return None
        named = schema.get("$defs")
        return _Making(schema).schema({**root, "$defs": named} if named else root, 0)
    except (_NotStrictError, RecursionError, TypeError, AttributeError):
        return None


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a schema which only refers to one of `$defs` stands for; any other as it is."""
    seen: set[str] = set()
    while isinstance(schema.get("$ref"), str) and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        found = as_named(schema["$ref"], root)
        if found is None:
            break
        schema = found
    return schema


def as_named(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a `$ref` names; None where it is nothing in `$defs`."""
    named = root.get("$defs")
    found = named.get(reference.removeprefix(NAMED)) if isinstance(named, Mapping) else None
    if reference == "#":
        return root
    return found if reference.startswith(NAMED) and isinstance(found, Mapping) else None


def takes_null(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether null fits a schema."""
    if not isinstance(schema, Mapping):
        return schema is True
    schema = resolved(schema, root)
    kind = schema.get("type")
    if kind is not None and "null" not in (kind if isinstance(kind, list) else [kind]):
        return False
    if "const" in schema or "enum" in schema:
        return None in schema.get("enum", [schema.get("const", 0)])
    choices = schema.get("anyOf") or schema.get("oneOf")
    return any(takes_null(each, root) for each in choices) if isinstance(choices, list) else True


class _Making:
    """Turns one schema, and counts what the service counts."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._properties = 0
        self._enumerated = 0

    def schema(self, given: Any, depth: int) -> dict[str, Any]:
        if not isinstance(given, Mapping) or depth > DEEPEST or not _says_something(given):
            raise _NotStrictError
        if "$ref" in given:
            return self._reference(given)
        if isinstance(given.get("allOf"), list) and len(given["allOf"]) == 1:
            rest = {name: value for name, value in given.items() if name != "allOf"}
            return self.schema({**given["allOf"][0], **rest}, depth)
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in DROPPED and name not in OF_OBJECTS:
                found |= self._keyword(name, value, given, depth)
        told = [f"{name}: {given[name]}" for name in sorted(TOLD & given.keys()) if name not in found]
        if "type" not in found and found.keys() & {"enum", "const"}:
            found["type"] = _types(found.get("enum", [found.get("const")]))
        described = _described(found, "; ".join(told))
        return described | self._object(given, depth) if _is_object(given) else described

    def _reference(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A reference, which stands alone in the strict form."""
        if not isinstance(given["$ref"], str) or as_named(given["$ref"], self._root) is None:
            raise _NotStrictError
        if given.keys() - DROPPED - {"$ref", "title", "description"}:
            raise _NotStrictError
        return {"$ref": given["$ref"]}

    def _keyword(self, name: str, value: Any, given: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if name in KEPT and _is_strict_value(name, value):
            self._count(name, value)
            return {name: value}
        if name in TOLD:
            return {}
        if name == "items":
            return {name: self.schema(value, depth + 1)}
        # With a discriminator no value fits two of the choices, so any of them is one of them.
        if isinstance(value, list) and (name == "anyOf" or (name == "oneOf" and "discriminator" in given)):
            return {"anyOf": [self.schema(each, depth) for each in value]}
        if name == "$defs" and isinstance(value, Mapping):
            return {name: {key: self.schema(each, 0) for key, each in value.items()}}
        raise _NotStrictError

    def _count(self, name: str, value: Any) -> None:
        if name == "enum":
            self._enumerated += len(value)
        if self._enumerated > MOST_ENUMERATED:
            raise _NotStrictError

    def _object(self, given: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties, required = given.get("properties"), given.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise _NotStrictError
        if given.get("additionalProperties", False) is not False or set(required) - properties.keys():
            raise _NotStrictError
        self._properties += len(properties)
        if self._properties > MOST_PROPERTIES:
            raise _NotStrictError
        inside = {
            name: self._property(each, depth, required=name in required) for name, each in properties.items()
        }
        return {"properties": inside, "required": list(properties), "additionalProperties": False}

    def _property(self, given: Any, depth: int, *, required: bool) -> dict[str, Any]:
        found = self.schema(given, depth + 1)
        if required or takes_null(given, self._root):
            return found
        described: dict[str, Any] = {
            name: found.pop(name) for name in ("title", "description") if name in found
        }
        choices = found["anyOf"] if found.keys() == {"anyOf"} else [found]
        default = given.get("default")
        words = "" if default is None else f"null for the default, {default!r}"
        return _described({**described, "anyOf": [*choices, NULL]}, words)


def _described(schema: dict[str, Any], words: str) -> dict[str, Any]:
    """The schema with these words in its description."""
    if not words:
        return schema
    return {**schema, "description": f"{schema.get('description') or ''} ({words})".strip()}


def _is_strict_value(name: str, value: Any) -> bool:
    """Whether the strict form has the keyword with this value."""
    if name == "format":
        return value in FORMATS
    if name == "pattern":
        return isinstance(value, str) and not any(each in value for each in LOOKING_AROUND)
    return name != "enum" or isinstance(value, list)


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _types(values: list[Any]) -> str | list[str]:
    """The type of these values, which the strict form wants to be told."""
    names = {_TYPES.get(type(each), "") for each in values}
    if not names or "" in names:
        raise _NotStrictError
    return names.pop() if len(names) == 1 else sorted(names)


def _is_object(given: Mapping[str, Any]) -> bool:
    kind = given.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in given


def _says_something(given: Mapping[str, Any]) -> bool:
    return bool(given.keys() & {"type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const"})
