"""Where the requests of one model go in one lane, and how they are spelled on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from gemchain.errors import ConfigurationError
from gemchain.ports import Format
from gemchain.records.lanes import DIRECT, FLEX

__all__ = ["TIMEOUTS", "Auth", "Endpoint", "FixedHeaders"]

TIMEOUTS = {DIRECT: 600.0, FLEX: 1_800.0}
"""Seconds without a byte after which a request is given up, by lane.

Answers are not streamed, so nothing comes while a model thinks. The SDKs of OpenAI and Anthropic wait 600
seconds. A flex request may wait for capacity: 15 minutes at OpenAI
(https://developers.openai.com/api/docs/guides/flex-processing), up to 30 at Vertex AI
(https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/flex-paygo).
"""


class Auth(Protocol):
    """The headers by which a service knows who asks."""

    def headers(self) -> Mapping[str, str] | None:
        """The headers, at once; None when they have to be renewed first."""

    def refused(self) -> bool:
        """The service did not accept them. Returns whether others can be had."""

    def renew(self) -> None:
        """Get new headers; may block.

        Raises:
            ConfigurationError: There are no usable credentials.
            ProviderUnavailableError: It may work later.
        """


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """Headers that stay as they are, such as those of a key."""

    fixed: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in self.fixed.items():
            if not (value.isascii() and value.isprintable()):
                raise ConfigurationError(
                    f"the key for the header {name!r} has a line end, or a character that no key has; "
                    "copy it again"
                )

    def headers(self) -> Mapping[str, str]:
        """See `Auth.headers`."""
        return self.fixed

    def refused(self) -> bool:
        """See `Auth.refused`."""
        return False

    def renew(self) -> None:
        """See `Auth.renew`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What is needed to send the requests of one model in one lane.

    Attributes:
        provider: The provider's name.
        service: What people call the service.
        model: The model's name there.
        url: Where requests are posted.
        format: Their wire format; reads refusals.
        auth: Who asks.
        headers: More headers.
        fields: Fields that are added to each body, such as `model`. They win over the request's own.
        timeout: Seconds without a byte after which a request is given up.
        concurrency: Requests that are on their way at the same time, at most.
        requests_per_minute: A limit that is kept to beside what the service tells; 0 for none.
        tokens_per_minute: The same for tokens, of requests and answers together.
        key_help: What to do when the service does not accept who asks.
        model_help: What to do when there is no such model.
    """

    provider: str
    service: str
    model: str
    url: str
    format: Format
    auth: Auth
    lane: str = DIRECT
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = TIMEOUTS[DIRECT]
    concurrency: int = 64
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    key_help: str = "check the key"
    model_help: str = "check the model's name"

    def body(self, request: str) -> bytes:
        """A stored request as it is sent.

        Raises:
            ValueError: It is no JSON object.
        """
        if not self.fields:
            return request.encode()
        if not request.startswith("{"):
            raise ValueError(f"the stored request is no JSON object: {request[:80]!r}")
        if any(f'"{name}"' in request for name in self.fields):  # a key, or a text that looks like one
            return orjson.dumps({**orjson.loads(request), **self.fields})
        added, rest = orjson.dumps(self.fields), request[1:].lstrip()
        return added[:-1] + (b"}" if rest == "}" else b"," + rest.encode())
