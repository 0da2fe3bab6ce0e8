"""The emulator as a whole: the REST paths, and handles for tests."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gemchain.base.clock import SystemClock
from gemchain.emulators.gemini_api.service import GeminiApiService, StoredBatch
from gemchain.emulators.refusals import not_found
from gemchain.emulators.rest import Exchange, RestEmulator, json_object
from gemchain.money import prices
from gemchain.ports import Clock
from gemchain.simulated.dialect import Responder

__all__ = ["GeminiApiEmulator"]

_UPLOAD = "/upload/v1beta/files"
_CREATE = re.compile(r"/v1beta/models/([^/:]+):(batchGenerateContent|asyncBatchEmbedContent)\Z")
_GENERATE = re.compile(r"/v1beta/models/([^/:]+):(generateContent|embedContent)\Z")
_BATCH = re.compile(r"/v1beta/(batches/[^/:]+)(:cancel)?\Z")
_FILE = re.compile(r"/v1beta/(files/[^/:]+)(:download)?\Z")


class _Exchange(Exchange):
    """One request and its answer."""

    def answered(self, body: bytes) -> dict[str, Any] | bytes:
        """The answer; see `Exchange.answered`."""
        address = urlsplit(self.path)
        path = address.path
        service: GeminiApiService = self.server.service
        if self.command == "POST" and path.startswith(_UPLOAD):
            return self._uploaded(path, body)
        if found := _CREATE.match(path):
            embeds = found.group(2) == "asyncBatchEmbedContent"
            return service.create(found.group(1), json_object(body), embeds=embeds)
        if found := _GENERATE.match(path):
            time.sleep(service.latency)
            embeds = found.group(2) == "embedContent"
            return service.answer(found.group(1), json_object(body), embeds=embeds)
        if found := _FILE.match(path):
            return service.read_file(found.group(1)) if found.group(2) else service.file(found.group(1))
        if path == "/v1beta/batches":
            return service.list_batches(dict(parse_qsl(address.query)))
        if found := _BATCH.match(path):
            return service.cancel(found.group(1)) if found.group(2) else service.get(found.group(1))
        raise not_found(f"The requested URL {path} was not found on this server.")

    def _uploaded(self, path: str, body: bytes) -> dict[str, Any]:
        """A resumable upload: a start that names the address for the bytes, then pieces up to a final one."""
        service: GeminiApiService = self.server.service
        command = self.headers.get("X-Goog-Upload-Command", "")
        session = path.removeprefix(_UPLOAD).strip("/")
        if command == "start":
            session = str(next(service.upload_numbers))
            service.uploads[session] = bytearray()
            url = f"http://{self.headers['Host']}{_UPLOAD}/{session}"
            self.extra = {"X-Goog-Upload-URL": url, "X-Goog-Upload-Status": "active"}
            return {}
        if session not in service.uploads:
            raise not_found("The upload session does not exist.")
        service.uploads[session] += body
        if "finalize" not in command:
            self.extra = {"X-Goog-Upload-Status": "active"}
            return {}
        self.extra = {"X-Goog-Upload-Status": "final"}
        return {"file": service.keep_file(bytes(service.uploads.pop(session)))}


class GeminiApiEmulator(RestEmulator[GeminiApiService]):
    """The Gemini API's batch mode on a port of this process.

    ```python
    with GeminiApiEmulator() as emulator:
        os.environ["GEMCHAIN_GEMINI_API_ENDPOINT"] = emulator.url
    ```

    Args:
        port: The port to serve on; 0 picks a free one.
        host: The address to listen on.
        clock: Tells when batches are over.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a batch takes.
        seed: Seed of everything that is drawn.
        latency: Seconds that a single request takes.
        faults: What goes wrong, as `failed=0.1,expired=0.2`.
        serves: Whether a model exists; all that have a price when None.
    """

    exchange = _Exchange

    def __init__(  # noqa: PLR0913 -- named options of a public call
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        clock: Clock | None = None,
        responder: Responder | None = None,
        turnaround: float = 5.0,
        latency: float = 0.0,
        seed: int = 0,
        faults: str = "",
        serves: Callable[[str], bool] | None = None,
    ) -> None:
        service = GeminiApiService(
            (clock or SystemClock()).now,
            responder=responder,
            turnaround=turnaround,
            seed=seed,
            serves=serves or partial(prices.known, provider="gemini-api"),
        )
        service.latency = latency
        service.set_faults(faults)
        super().__init__((host, port), service)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        self._service.set_faults(text)

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first."""
        return self._service.batches()
