"""Batches of a server that has them as OpenAI does, and how it is found out whether it has."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gemchain.errors import MissingExtraError
from gemchain.ports import Blobs
from gemchain.providers.compat_servers import CompatServer
from gemchain.providers.openai.provider import TIMEOUT, OpenAIProvider

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["CompatBatches", "Probe"]

NO_KEY = "none"
"""Sent to a server that takes no key. Without one the SDK would send that of OPENAI_API_KEY to it."""

PROBE_SECONDS = 10.0
ASK_AGAIN = 60.0
"""Seconds after which a server is asked again that could not be asked."""

OK = 200
ABSENT = frozenset({404, 405, 501})
"""Statuses by which a server says that it has no such path."""


class CompatBatches(OpenAIProvider):
    """The batch jobs of one server; see `OpenAIProvider`, whose crash story holds.

    Args:
        blobs: Where the input files are, and where results are put.
        url: The address of its API.
        key: The API key; empty for none.
        headers: More headers of every call.
    """

    def __init__(self, blobs: Blobs, url: str, key: str, headers: Mapping[str, str]) -> None:
        super().__init__(blobs, key=key or NO_KEY, endpoint=url)
        self._headers = dict(headers)

    def _opened(self) -> "OpenAI":
        if self._client is None:
            try:
                from openai import OpenAI
            except ImportError as error:
                raise MissingExtraError("batches of a server like OpenAI's", "openai") from error
            self._client = OpenAI(
                api_key=self._key,
                base_url=self._endpoint,
                timeout=TIMEOUT,
                max_retries=0,
                default_headers=self._headers,
            )
        return self._client


class Probe:
    """Whether a server has batches: asked once, at the first need, and remembered by this process.

    A server that cannot be asked counts as one without, and is asked again a minute later.
    """

    def __init__(self) -> None:
        self._has: bool | None = None
        self._ask_at = float("-inf")

    def has_batches(self, server: CompatServer, headers: Mapping[str, str]) -> bool:
        """The answer, with a call of at most 10 seconds where it is not known yet."""
        if self._has is None and time.monotonic() >= self._ask_at:
            self._has = _asked(server, headers)
            self._ask_at = time.monotonic() + ASK_AGAIN
        return bool(self._has)


def _asked(server: CompatServer, headers: Mapping[str, str]) -> bool | None:
    """Whether it has batches; None when it does not say."""
    import httpx2

    try:
        reply = httpx2.get(
            f"{server.url}/batches", params={"limit": 1}, headers=dict(headers), timeout=PROBE_SECONDS
        )
    except httpx2.HTTPError:
        return None
    if reply.status_code == OK:
        return True
    return False if reply.status_code in ABSENT else None
