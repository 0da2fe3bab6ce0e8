"""A call and its reply, free of any web framework."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson

__all__ = ["MOST_BYTES", "Call", "RefusedError", "Reply", "json_reply"]

MOST_BYTES = 256 * 1024
"""Bytes of a body, at most. Every notification that is meant is a few hundred bytes long."""


class RefusedError(Exception):
    """The call is answered with an error, and nothing was changed.

    Attributes:
        status: The status of the reply.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Reply(NamedTuple):
    """What is answered: JSON."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


def json_reply(status: int, data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a body of JSON."""
    return Reply(
        status, orjson.dumps(dict(data)) + b"\n", {"Content-Type": "application/json", **(headers or {})}
    )


class Call(NamedTuple):
    """One call.

    Attributes:
        path: Without the query.
        query: The first value of each name in the query.
        headers: By their names in small letters.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, path: str, headers: Mapping[str, str], body: bytes) -> "Call":
        """The call to a path, with its query behind a question mark."""
        place, _, asked = path.partition("?")
        query = {name: values[0] for name, values in parse_qs(asked).items()}
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method.upper(), place, query, lowered, body)

    def json(self) -> dict[str, Any]:
        """The body's JSON object; empty for an empty body.

        Raises:
            RefusedError: It is none.
        """
        return json_object(self.body) if self.body.strip() else {}


def json_object(data: bytes | str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RefusedError: It is none.
    """
    try:
        read = orjson.loads(data)
    except ValueError as error:
        raise RefusedError(400, f"this is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise RefusedError(400, "this is no JSON object")
    return read
