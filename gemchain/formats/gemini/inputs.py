"""What users may hand to `submit` as a request, brought into one form: a dict in REST form."""

import base64
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from gemchain.base.jsontext import check_numbers
from gemchain.errors import RequestError

__all__ = ["Attach", "as_request", "by_name", "camel", "plain"]

Attach = Callable[[Path], dict[str, Any]]
"""Makes the part that stands for a local file."""


def by_name(path: Path) -> dict[str, Any]:
    """A part that only names the file: for comparing requests where the file itself may be gone."""
    return {"file": path.name}


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """The camelCase spelling of a field's name; `responseSchema` for `response_schema`."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest) if head else name


def as_request(given: Any, attach: Attach = by_name) -> dict[str, Any]:
    """The request as a dict.

    Args:
        given: A text (one user turn), a list of contents and of parts (texts and files among them;
            parts that follow each other are one user turn), a file's `Path`, a dict in REST form, or
            a pydantic or google-genai object.
        attach: Makes the part that stands for a `Path`, wherever there is one.

    Raises:
        RequestError: It is empty, of another type, or not JSON; or a file cannot be attached.
    """
    if isinstance(given, str):
        return {"contents": [_turn([_text(given)])]}
    if isinstance(given, list | tuple):
        return {"contents": _contents(given, attach)}
    if isinstance(given, Mapping) or hasattr(given, "model_dump") or isinstance(given, Path):
        whole = _object(given, attach)
        if isinstance(given, Mapping) or "contents" in whole:
            return whole
        return {"contents": [_with_role(whole) if "parts" in whole else _turn([whole])]}
    kind = type(given).__name__
    raise RequestError(f"a request is a text, a list of contents, a dict or a google-genai object, no {kind}")


def _contents(given: Iterable[Any], attach: Attach) -> list[dict[str, Any]]:
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


def _object(given: Any, attach: Attach) -> dict[str, Any]:
    found = plain(given, attach)
    if not isinstance(found, dict):
        raise RequestError(f"the request must be a JSON object, not {type(found).__name__}")
    if not found:
        raise RequestError("the request is empty")
    return found


def plain(given: Any, attach: Attach = by_name) -> Any:
    """Plain JSON data in REST form of what a request may consist of.

    Models are spelled in camelCase without what is None, bytes become base64, and paths parts.

    Raises:
        RequestError: Something in it is not JSON, or a file cannot be attached.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, Path):
            return attach(value)
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
        check_numbers(given, text)
        return orjson.loads(text)
    except TypeError as error:
        if isinstance(error, orjson.JSONEncodeError):
            raise _refusal(error) from error
        raise RequestError(f"the request is not JSON: {error}") from error


def _refusal(error: orjson.JSONEncodeError) -> Exception:
    """What lies behind an error of the writer, if that is more than something that is not JSON."""
    cause = error.__cause__
    if isinstance(cause, Exception) and not isinstance(cause, TypeError):
        return cause
    return RequestError(f"the request is not JSON: {cause or error}")
