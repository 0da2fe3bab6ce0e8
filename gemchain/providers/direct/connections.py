"""Connections to one service, kept open between requests.

Each is an HTTP transport of a single connection, and the one that was used last is used next. A pool of
many connections looks at all of them at every request, which takes longer than the request itself.
"""

import asyncio
import ssl
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from httpx2 import AsyncHTTPTransport

__all__ = ["Connections", "proxy_of"]

IDLE = 60.0
"""Seconds after which a connection that nobody used is not used any more."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Servers on this machine, which no proxy can reach."""


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes 20 ms, so it is done once."""
    from httpx2 import create_ssl_context

    return create_ssl_context()


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address (`HTTPS_PROXY`, `NO_PROXY`, …); None for none."""
    address = urlsplit(url)
    host = address.hostname or ""
    if host in LOOPBACK or proxy_bypass(host):
        return None
    known = getproxies()
    found = known.get(address.scheme) or known.get("all")
    return f"http://{found}" if found and "://" not in found else found


class Connections:
    """The connections to the host of one address. Used inside the event loop only."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[AsyncHTTPTransport] = []
        self._closing: set[asyncio.Task[None]] = set()

    def take(self) -> "AsyncHTTPTransport":
        """A connection that nobody else uses."""
        if self._idle:
            return self._idle.pop()
        from httpx2 import AsyncHTTPTransport, Limits

        limits = Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE)
        return AsyncHTTPTransport(verify=_trusted(), limits=limits, proxy=proxy_of(self._url))

    def give_back(self, connection: "AsyncHTTPTransport") -> None:
        """Let others use it."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close what nobody uses."""
        while self._idle:
            task = asyncio.ensure_future(_close(self._idle.pop()))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close(connection: "AsyncHTTPTransport") -> None:
    with suppress(Exception):  # it is over either way
        await connection.aclose()
