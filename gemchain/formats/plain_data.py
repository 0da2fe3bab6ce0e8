"""What users hand to `submit`, as plain JSON data."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import RequestError
from gemchain.formats.files import mime_type
from gemchain.ports import Attach, FileContent

__all__ = ["attached", "config_fields", "plain_data"]

OF_THE_CLIENT = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})
"""Arguments of the SDKs that tell their clients what to do."""


def attached(path: Path, attach: Attach | None) -> FileContent:
    """A local file as the provider reads it; only its name where `attach` is None."""
    return FileContent(mime_type(path), uri=path.name) if attach is None else attach(path)


def config_fields(config: Any) -> dict[str, Any]:
    """The settings of a `config=`: a dict, or an object with `model_dump`. What is None is not set.

    Raises:
        RequestError: It is neither, or a setting is one of an SDK's client.
    """
    if isinstance(config, Mapping):
        fields = dict(config)
    elif callable(getattr(config, "model_dump", None)) and not isinstance(config, type):
        fields = dict(config.model_dump(exclude_none=True, by_alias=True))
    else:
        raise RequestError(
            f"config is a dict in the provider's own words or an object of its SDK, not {config!r}"
        )
    if not all(isinstance(name, str) for name in fields):
        raise RequestError(f"config has names as keys, not {list(fields)!r}")
    for name in OF_THE_CLIENT & fields.keys():
        raise RequestError(f"config has {name!r}, which tells an SDK's client what to do; leave it out")
    return {name: value for name, value in fields.items() if value is not None}


def plain_data(given: Any, file_part: Callable[[FileContent], Any], attach: Attach | None = None) -> Any:
    """Plain JSON data of what a request may consist of.

    Args:
        given: Data in which there may be objects of an SDK and paths.
        file_part: How a file is spelled where there is a path.
        attach: Called for each `Path`. None names files only.

    Raises:
        RequestError: Something in it is not JSON, or a file cannot be attached.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, Path):
            return file_part(attached(value, attach))
        dump_model = getattr(value, "model_dump", None)
        if callable(dump_model) and not isinstance(value, type):
            return dump_model(mode="json", by_alias=True, exclude_none=True)
        if isinstance(value, Mapping):
            return dict(value)
        raise TypeError(f"{type(value).__name__} is not JSON")

    try:
        text = orjson.dumps(given, default=convert)
    except orjson.JSONEncodeError as error:
        raise _refusal(error) from error
    if b"null" in text:
        _refuse_lost_numbers(given)
    return orjson.loads(text)


def _refusal(error: orjson.JSONEncodeError) -> Exception:
    """What lies behind an error of the writer, if that is more than something that is not JSON."""
    cause = error.__cause__
    if isinstance(cause, Exception) and not isinstance(cause, TypeError):
        return cause
    return RequestError(f"the request is not JSON: {cause or error}")


def _refuse_lost_numbers(given: Any) -> None:
    """Refuse an infinity and what is not a number: orjson writes both as null."""
    try:
        json.dumps(given, allow_nan=False, skipkeys=True, default=lambda _: None)
    except ValueError as error:
        raise RequestError(
            "the request is not JSON, which has neither infinity nor nan; use a text"
        ) from error
