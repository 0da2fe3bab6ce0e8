"""One request and its answer over HTTP."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gemchain.providers.direct.endpoint import Endpoint

if TYPE_CHECKING:
    from httpx2 import AsyncHTTPTransport

__all__ = ["CutError", "NotTakenError", "Reply", "post"]

CONNECT = 10.0
"""Seconds in which a connection has to come to be."""

_HEADERS = {"accept": "application/json", "accept-encoding": "gzip", "content-type": "application/json"}


class Reply(NamedTuple):
    """What a service sent.

    Attributes:
        headers: By name, in lower case; only those that tell of limits.
        body: The JSON object; None when it is none.
        text: The beginning of a body that is no JSON object.
    """

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    text: str = ""


class NotTakenError(Exception):
    """There was no connection, so the service did not see the request."""


class CutError(Exception):
    """The service may have seen the request, and there is no whole answer.

    Attributes:
        timed_out: Whether it was waited for in vain.
    """

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


async def post(
    connection: "AsyncHTTPTransport", endpoint: Endpoint, auth: Mapping[str, str], body: bytes
) -> Reply:
    """Send a request and wait for its answer.

    Raises:
        NotTakenError: There was no connection.
        CutError: There was no whole answer.
    """
    import httpx2

    times = {"connect": CONNECT, "pool": CONNECT, "write": endpoint.timeout, "read": endpoint.timeout}
    request = httpx2.Request(
        "POST",
        endpoint.url,
        headers={**_HEADERS, **endpoint.headers, **auth},
        content=body,
        extensions={"timeout": times},
    )
    try:
        response = await connection.handle_async_request(request)
        data = await response.aread()
        await response.aclose()
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        raise NotTakenError(_words(error)) from error
    except httpx2.TimeoutException as error:
        raise CutError(f"no answer within {endpoint.timeout:g} s", timed_out=True) from error
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise CutError(_words(error)) from error
    return _reply(response.status_code, response.headers.raw, data)


def _reply(status: int, raw: list[tuple[bytes, bytes]], data: bytes) -> Reply:
    headers = {
        name.lower().decode("ascii", "replace"): value.decode("latin-1")
        for name, value in raw
        if b"ratelimit" in name.lower() or name.lower().startswith(b"retry-after")
    }
    try:
        read = orjson.loads(data)
    except ValueError:
        read = None
    if isinstance(read, list) and len(read) == 1:  # Google's errors may come as a list
        read = read[0]
    if isinstance(read, dict):
        return Reply(status, headers, read)
    return Reply(status, headers, None, data[:500].decode("utf-8", "replace"))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
