"""Values to JSON text and back. JSON is all that survives a crash, a deploy and a change of machine."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

__all__ = ["check_numbers", "dump", "dump_bytes", "join", "load"]

_OPTIONS = orjson.OPT_NON_STR_KEYS


def _plain(value: Any) -> Any:
    """Pydantic models and google-genai objects, without importing either."""
    dump_model = getattr(value, "model_dump", None)
    if callable(dump_model):
        # A None of the user's own is a value; of google-genai's classes it is one of many fields left out.
        foreign = type(value).__module__.startswith("google.")
        return dump_model(mode="json", by_alias=True, exclude_none=foreign)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def dump_bytes(value: Any) -> bytes:
    """JSON of a value: plain data, dataclasses, times, UUIDs, sets, pydantic models.

    Raises:
        TypeError: Something in it is not JSON; the message names its type.
    """
    try:
        text = orjson.dumps(value, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise TypeError(str(error.__cause__ or error)) from error
    check_numbers(value, text)
    return text


def check_numbers(value: Any, text: bytes) -> None:
    """Refuse what JSON has no number for, and what would come back as null.

    Args:
        value: What was written.
        text: What it became.

    Raises:
        TypeError: It holds an infinity, or what is not a number.
    """
    # From the right, since that search is four times as fast; most texts have none.
    if text.rfind(b"null") >= 0 and not _is_finite(value):
        raise TypeError("JSON has neither infinity nor 'not a number' (nan); use None or a text")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    if callable(getattr(value, "model_dump", None)) and not isinstance(value, type):
        return _is_finite(value.model_dump())
    return True


def dump(value: Any) -> str:
    """The same, as text."""
    return dump_bytes(value).decode()


def load(text: str | bytes) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: It is not JSON.
    """
    return orjson.loads(text)


def join(values: Iterable[str]) -> str:
    """JSON text of the list of values that are JSON text already."""
    return f"[{','.join(values)}]"
