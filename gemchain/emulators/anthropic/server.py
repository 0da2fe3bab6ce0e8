"""The emulator as a whole: the REST paths, and handles for tests."""

import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from gemchain.emulators.anthropic.errors import AnthropicRefusal
from gemchain.emulators.anthropic.service import AnthropicService, StoredBatch
from gemchain.emulators.batch_answers import batch_options
from gemchain.emulators.rest import Exchange, RestEmulator
from gemchain.ports import Clock
from gemchain.simulated.anthropic import AnthropicDialect
from gemchain.simulated.dialect import Responder

__all__ = ["MODELS", "AnthropicEmulator"]

_BATCH = re.compile(r"/v1/messages/batches/([^/]+)(/cancel|/results)?\Z")

MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
"""Models in the list; any other name is served as well."""


class _Exchange(Exchange):
    """One request and its answer."""

    def answered(self, body: bytes) -> dict[str, Any] | bytes:
        """The answer; see `Exchange.answered`."""
        if not self.headers.get("x-api-key") and not self.headers.get("authorization"):
            raise AnthropicRefusal(401, "x-api-key header is required")
        address = urlsplit(self.path)
        service: AnthropicService = self.server.service
        match self.command, address.path:
            case "POST", "/v1/messages":
                return service.message(_object(body))
            case "POST", "/v1/messages/batches":
                return service.create(_object(body))
            case "GET", "/v1/messages/batches":
                return service.list_batches(dict(parse_qsl(address.query)))
            case "GET", "/v1/models":
                return {"data": [_model(each) for each in MODELS], "has_more": False}
        return self._of_batch(service, address.path)

    def _of_batch(self, service: AnthropicService, path: str) -> dict[str, Any] | bytes:
        found = _BATCH.match(path)
        if found is None:
            raise AnthropicRefusal(404, f"Not found: {path}")
        identity, action = found.groups()
        match self.command, action:
            case "POST", "/cancel":
                return service.cancel(identity)
            case "GET", "/results":
                self.extra = {"Content-Type": "application/x-jsonl"}
                return service.results(identity)
            case "DELETE", None:
                return service.delete(identity)
        return service.get(identity)


class AnthropicEmulator(RestEmulator[AnthropicService]):
    """Anthropic's API on a port of this process.

    ```python
    with AnthropicEmulator() as emulator:
        os.environ["GEMCHAIN_ANTHROPIC_ENDPOINT"] = emulator.url
    ```

    Args:
        port: The port to serve on; 0 picks a free one.
        host: The address to listen on.
        clock: Tells when batches are over.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a batch takes.
        seed: Seed of everything that is drawn.
        faults: What goes wrong, as `failed=0.1,expired=0.2,create_lost=1`.
    """

    exchange = _Exchange

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        clock: Clock | None = None,
        responder: Responder | None = None,
        turnaround: float = 5.0,
        seed: int = 0,
        faults: str = "",
    ) -> None:
        service = AnthropicService(batch_options(AnthropicDialect(), clock, responder, turnaround, seed))
        service.set_faults(faults)
        super().__init__((host, port), service)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        self._service.set_faults(text)

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first."""
        return self._service.batches()

    def bill(self) -> Counter[str]:
        """For each custom_id, how many batches have answered it: what has to be paid."""
        return Counter(custom_id for batch in self.batches() for custom_id in batch.answered)


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2025-10-01T00:00:00Z",
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(body)
    except ValueError as error:
        raise AnthropicRefusal(400, "The request body is not valid JSON.") from error
    if not isinstance(read, dict):
        raise AnthropicRefusal(400, "The request body is not a JSON object.")
    return read
