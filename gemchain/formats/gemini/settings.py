"""Check of the settings of a new request: unknown names, and values of a wrong kind or out of range.

The table in `settings_table.py` decides, and google-genai's own types only add names that the table does not
have yet, when the process has loaded them already. Importing google-genai takes a second, which a submit must
not cost; and a table decides the same on every machine. A test compares both.

Many prompts have the same settings, so what was found sound is remembered by its text.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.gemini.fields import camel
from gemchain.formats.gemini.settings_table import BESIDE, GENERATION, RENAMED, Kind
from gemchain.formats.json_schema import check_schema

__all__ = ["check_settings"]

_GENERATION = GENERATION | {rest: GENERATION[name] for rest, name in RENAMED.items()}
_CHECKED = frozenset({"generationConfig", *BESIDE})


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuse settings that no service knows or takes; see `Format.check_settings`."""
    if len(request) == 1:
        return
    settings = {name: value for name, value in request.items() if value and camel(name) in _CHECKED}
    if settings:
        _check_text(orjson.dumps(settings))


@lru_cache(maxsize=1024)
def _check_text(text: bytes) -> None:
    for name, value in orjson.loads(text).items():
        field = camel(name)
        if field == "generationConfig":
            _check_object(value, _GENERATION, "config")
        else:
            _check_value(value, BESIDE[field], name)


def _check_object(value: Any, fields: Mapping[str, Kind] | None, place: str) -> None:
    if not isinstance(value, dict):
        raise RequestError(f"{place} is an object, not {value!r}")
    if fields is None:
        return
    for name, inner in value.items():
        kind = fields.get(camel(name))
        if kind is not None:
            _check_value(inner, kind, f"{place}.{name}")
        elif not (place == "config" and _is_known_to_genai(camel(name))):
            raise RequestError(_unknown(name, fields, place))


def _unknown(name: str, fields: Mapping[str, Kind], place: str) -> str:
    from difflib import get_close_matches  # rarely needed, and 1 ms to import

    near = get_close_matches(camel(name), fields, n=3)
    if near:
        return f"{place} has no field {name!r}; did you mean {' or '.join(map(repr, near))}?"
    if place != "config":
        return f"{place} has no field {name!r}; there are {', '.join(sorted(fields))}"
    return (
        f"config has no field {name!r}; its fields are those of google-genai's GenerateContentConfig. One "
        "that is newer than this gemchain is taken where a google-genai that knows it is imported"
    )


def _is_known_to_genai(name: str) -> bool:
    """Whether google-genai, if it is loaded, has a setting of this name."""
    types = sys.modules.get("google.genai.types")
    classes = [getattr(types, each, None) for each in ("GenerateContentConfig", "GenerationConfig")]
    fields = [field for each in classes for field in getattr(each, "model_fields", {}).values()]
    return any(field.alias == name for field in fields)


_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "text": "a text",
    "boolean": "true or false",
    "texts": "a list of texts",
    "objects": "a list of objects",
    "text_or_object": "a text or an object",
}


def _check_value(value: Any, kind: Kind, place: str) -> None:
    if value is None or kind.name == "any":
        return
    if kind.name in ("schema", "json_schema"):
        check_schema(value, place, gemini=kind.name == "schema")
    elif kind.name == "object" or (kind.name == "text_or_object" and not isinstance(value, str)):
        _check_object(value, kind.fields, place)
    elif not _fits(value, kind.name):
        raise RequestError(f"{place} takes {_WORDS[kind.name]}, not {value!r}")
    elif kind.name == "objects":
        for index, each in enumerate(value):
            _check_object(each, kind.fields, f"{place}[{index}]")
    elif (kind.low is not None and value < kind.low) or (kind.high is not None and value > kind.high):
        limits = f"at least {kind.low}" if kind.high is None else f"from {kind.low} to {kind.high}"
        raise RequestError(f"{place} takes {_WORDS[kind.name]} {limits}, not {value!r}")


def _fits(value: Any, name: str) -> bool:
    match name:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "texts":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "objects":
            return isinstance(value, list)
    return isinstance(value, str)
