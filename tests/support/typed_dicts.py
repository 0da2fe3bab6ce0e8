"""Whether a request has the form that an SDK's own types describe."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import TypeAdapter

__all__ = ["assert_fits"]


def assert_fits(kind: Any, body: Any) -> None:
    """Validate a body against a TypedDict of an SDK; fields that it does not have are found as well.

    pydantic leaves out what a TypedDict does not name, so what comes out must be what went in.
    """
    assert _read(_adapter(kind).validate_python(body)) == body


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Kept: an `Iterable` that is not read yet needs the adapter that made it."""
    return TypeAdapter(kind)


def _read(value: Any) -> Any:
    """The value with everything in it validated: pydantic reads an `Iterable` only when it is asked."""
    if isinstance(value, dict):
        return {name: _read(each) for name, each in value.items()}
    if isinstance(value, list | tuple | Iterator):
        return [_read(each) for each in value]
    return value
