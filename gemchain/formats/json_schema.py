"""Check of a JSON schema before it is sent, with the path to what is wrong in it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError

__all__ = ["check_schema", "check_schema_text"]

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
GEMINI_TYPES = (*TYPES, "type_unspecified")

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "defs", "dependentSchemas"})
"""Keywords whose values are schemas by names of the user's own."""

_ONE = frozenset({
    "additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "additionalItems",
})  # fmt: skip
"""Keywords whose value is a schema."""

_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""

_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
"""Keywords whose value is a number of things."""

_OTHER = frozenset({
    "type", "enum", "const", "required", "title", "description", "default", "examples", "example", "format",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "pattern",
    "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties",
    "dependentRequired", "dependencies", "$ref", "$schema", "$id", "$comment", "$anchor", "$dynamicRef",
    "$dynamicAnchor", "$vocabulary", "deprecated", "readOnly", "writeOnly", "contentEncoding",
    "contentMediaType",
    "contentSchema", "discriminator", "nullable", "propertyOrdering", "ref", "strict", "xml", "externalDocs",
})  # fmt: skip

KEYWORDS = _NAMED | _ONE | _SEVERAL | _OTHER

SLIP = 0.85
"""How much alike a word and a keyword are, from 0 to 1, when the word counts as the keyword mistyped."""


@lru_cache(maxsize=1024)
def check_schema_text(text: str) -> None:
    """Refuse the JSON text of a schema that is none; what was found sound is remembered.

    Raises:
        RequestError: As for `check_schema`.
    """
    schema = orjson.loads(text)
    check_schema(schema, "schema")
    _check_by_draft(schema, "schema")


def check_schema(schema: Any, place: str, *, gemini: bool = False) -> None:
    """Refuse a JSON schema that is none.

    Args:
        schema: A JSON schema of draft 2020-12, as plain data.
        place: How to call it.
        gemini: Whether it is in the form of Gemini's `responseSchema`: types in capitals, numbers as texts.

    Raises:
        RequestError: The message has the path to what is wrong, and the word that may have been meant.
    """
    for words in _problems(schema, place, gemini=gemini):
        raise RequestError(f"the JSON schema is not valid: {words}")
    if not gemini:
        _check_references(schema, schema, place)


def _problems(schema: Any, place: str, *, gemini: bool) -> Iterator[str]:
    """What is wrong in a schema and below."""
    if isinstance(schema, bool) and not gemini:
        return
    if not isinstance(schema, dict):
        yield f"{place} is {schema!r}, and must be an object such as {{'type': 'string'}}"
        return
    yield from _type_problems(schema, place, gemini=gemini)
    for name, value in schema.items():
        here = f"{place}.{name}"
        if name in _OTHER:
            yield from _value_problems(name, value, here, gemini=gemini)
        elif name not in KEYWORDS and (meant := _near(name, KEYWORDS, SLIP)):
            yield f"{here}: {name!r} is no keyword; did you mean {meant!r}?"
        elif name in KEYWORDS:
            yield from _problems_below(name, value, here, gemini=gemini)


def _problems_below(name: str, value: Any, place: str, *, gemini: bool) -> Iterator[str]:
    """What is wrong in the schemas that a keyword holds."""
    if name in _SEVERAL:
        yield from _list_problems(value, place, gemini=gemini)
    elif name in _ONE:
        if not isinstance(value, bool):
            yield from _problems(value, place, gemini=gemini)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _problems(each, f"{place}.{key}", gemini=gemini)
    else:
        yield f"{place} is {value!r}, and must be an object of schemas"


def _value_problems(name: str, value: Any, place: str, *, gemini: bool) -> Iterator[str]:
    """What is wrong with the value of a keyword that holds no schemas."""
    if name == "required" and not _are_texts(value):
        yield f"{place} is {value!r}, and must be a list of names"
    elif name == "enum" and not isinstance(value, list):
        yield f"{place} is {value!r}, and must be a list of values"
    elif name in _COUNTS and not _is_count(value, gemini=gemini):
        yield f"{place} is {value!r}, and must be a whole number of at least 0"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_count(value: Any, *, gemini: bool) -> bool:
    if gemini and isinstance(value, str):
        return value.isdecimal()
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)
    )


def _list_problems(value: Any, place: str, *, gemini: bool) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{place} is {value!r}, and must be a list of schemas"
        return
    for index, each in enumerate(value):
        yield from _problems(each, f"{place}[{index}]", gemini=gemini)


def _type_problems(schema: Mapping[str, Any], place: str, *, gemini: bool) -> Iterator[str]:
    known = GEMINI_TYPES if gemini else TYPES
    given = schema.get("type")
    if given is None and "type" not in schema:
        return
    names = given if isinstance(given, list) and not gemini else [given]
    for name in names:
        spelled = name.lower() if gemini and isinstance(name, str) else name
        if spelled not in known:
            meant = _near(name.lower(), known, 0.5) if isinstance(name, str) else None
            hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(TYPES)}"
            yield f"{place}.type is {name!r}, which is no type; {hint}"


def _near(name: Any, known: Any, cutoff: float) -> str | None:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    found = get_close_matches(str(name), known, n=1, cutoff=cutoff)
    return found[0] if found else None


def _check_references(value: Any, root: Any, place: str) -> None:
    """Refuse a `$ref` into the schema itself that leads nowhere."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            _check_references(each, root, f"{place}[{index}]")
    if not isinstance(value, dict):
        return
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith("#/") and not _leads_somewhere(target, root):
        raise RequestError(f"the JSON schema is not valid: {place}.$ref is {target!r}, which is not in it")
    for name, each in value.items():
        if name not in ("enum", "const", "default", "examples", "example"):
            _check_references(each, root, f"{place}.{name}")


def _leads_somewhere(target: str, root: Any) -> bool:
    found = root
    for step in target.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return False
    return True


def _check_by_draft(schema: Any, place: str) -> None:
    """Whatever else the draft says: numbers for limits, lists for `required`, and so on."""
    import jsonschema  # 60 ms, and only for schemas that were not seen before

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        raise RequestError(f"the JSON schema is not valid: {place}{path}: {error.message}") from error
