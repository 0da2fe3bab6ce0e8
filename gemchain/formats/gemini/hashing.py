"""The canonical hash of a request, by which a row without a name finds its prompt.

A service echoes the request in its own spelling: keys in camelCase, unset fields as null, keys in
another order, numbers as the protocol buffer prints them. What is equal for the service hashes equal
here. Labels never take part: they change no answer, and an echo may come without them.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from gemchain.formats.gemini.fields import camel

__all__ = ["echo_hash"]

# Below these keys lie the user's own names, kept letter by letter.
_OPAQUE = frozenset({"default", "example", "responseJsonSchema", "parametersJsonSchema"})
# The keys of these are the user's own names as well, but their values are schemas again.
_NAMED_SCHEMAS = frozenset({"properties", "defs", "$defs"})
# Protocol buffers print 64-bit numbers as text.
_INT64 = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_LARGEST, _SMALLEST = 2**64, -(2**63)


def echo_hash(request: Mapping[str, Any]) -> str:
    """Canonical hash of a request: equal for what was sent and for its echo in any spelling.

    Returns:
        32 hexadecimal digits.

    Raises:
        TypeError: Something in it is not JSON.
    """
    plain = {name: value for name, value in request.items() if name != "labels"}
    text = orjson.dumps(_fields(plain), option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=16).hexdigest()


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the API: names in camelCase, unset fields left out."""
    plain: dict[str, Any] = {}
    for name, value in record.items():
        if value is None or value == []:
            continue
        key = camel(name) if "_" in name else name
        plain[key] = _BELOW.get(key, _value)(value)
    return plain


def _value(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value
    if kind is dict:
        return _fields(value)
    if kind is list:
        return [_value(each) for each in value]
    return _number(value)


def _number(value: Any) -> Any:
    """1 and 1.0 are the same number to a protocol buffer, and a number too long for it becomes a float."""
    if type(value) is float and value.is_integer() and _SMALLEST <= value < _LARGEST:
        return int(value)
    if type(value) is int and not _SMALLEST <= value < _LARGEST:
        return float(value)
    return value


def _own(value: Any) -> Any:
    """The user's own data."""
    if isinstance(value, dict):
        return {name: _own(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_own(each) for each in value]
    return _number(value)


def _call(value: Any) -> Any:
    """A function call or a function's response: only its own fields belong to the API."""
    if not isinstance(value, dict):
        return _own(value)
    kept = {camel(name): each for name, each in value.items() if each is not None and each != []}
    return {name: _own(each) for name, each in kept.items()}


def _schemas(value: Any) -> Any:
    if not isinstance(value, dict):
        return _value(value)
    return {name: _value(each) for name, each in value.items()}


def _int64(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() else _number(value)


def _type(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else _value(value)


_BELOW: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_OPAQUE, _own),
    **dict.fromkeys(_NAMED_SCHEMAS, _schemas),
    **dict.fromkeys(_INT64, _int64),
    "functionCall": _call,
    "functionResponse": _call,
    "type": _type,
}
