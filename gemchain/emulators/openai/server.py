"""The emulator as a whole: the REST paths, and handles for tests."""

import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gemchain.base.clock import SystemClock
from gemchain.emulators.openai import refusals
from gemchain.emulators.openai.multipart import form
from gemchain.emulators.openai.records import StoredBatch, StoredFile
from gemchain.emulators.openai.service import ENDPOINTS, OpenAIService
from gemchain.emulators.rest import Exchange, RestEmulator, json_object
from gemchain.ports import Clock
from gemchain.simulated.dialect import Responder

__all__ = ["OpenAIEmulator"]

_FILE = re.compile(r"/v1/files/([^/]+)(/content)?\Z")
_BATCH = re.compile(r"/v1/batches/([^/]+)(/cancel)?\Z")
_MODEL = re.compile(r"/v1/models/([^/]+)\Z")

OK = 200


class _Exchange(Exchange):
    """One request and its answer."""

    def answered(self, body: bytes) -> dict[str, Any] | bytes:
        """The answer; see `Exchange.answered`."""
        service: OpenAIService = self.server.service
        service.counts[self.command, urlsplit(self.path).path] += 1
        if service.instead:
            return service.instead.pop(0)
        if service.calls.latency:
            time.sleep(service.calls.latency)
        if not self.headers.get("Authorization", "").removeprefix("Bearer "):
            raise refusals.keyless()
        service.fail_by_chance()
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query))
        if self.command == "POST":
            return self._posted(address.path, body)
        if found := _FILE.match(address.path):
            return self._of_file(*found.groups())
        if self.command == "GET":
            return self._shown(address.path, query)
        raise self._unknown(address.path)

    def _posted(self, path: str, body: bytes) -> dict[str, Any] | bytes:
        service: OpenAIService = self.server.service
        if path in ENDPOINTS:
            return self._one(path, json_object(body))
        if path == "/v1/files":
            return self._uploaded(body)
        if path == "/v1/batches":
            return service.create(json_object(body))
        if (found := _BATCH.match(path)) and found.group(2):
            return service.cancel(found.group(1))
        raise self._unknown(path)

    def _shown(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        service: OpenAIService = self.server.service
        if path == "/v1/files":
            return service.list_files(query)
        if path == "/v1/batches":
            return service.list_batches(query)
        if (found := _BATCH.match(path)) and not found.group(2):
            return service.get(found.group(1))
        if path == "/v1/models":
            return {"object": "list", "data": [_model(each) for each in service.known or ()]}
        if found := _MODEL.match(path):
            return _model(service.model(found.group(1)))
        raise self._unknown(path)

    def _of_file(self, file_id: str, content: str | None) -> dict[str, Any] | bytes:
        service: OpenAIService = self.server.service
        if self.command == "DELETE":
            return service.delete_file(file_id)
        file = service.file(file_id)
        if not content:
            return file.resource()
        self._break_by_chance(len(file.data))
        return file.data

    def _uploaded(self, body: bytes) -> dict[str, Any]:
        fields = form(self.headers.get("Content-Type", ""), body)
        if "file" not in fields or "purpose" not in fields:
            raise refusals.invalid("A form with 'file' and 'purpose' is needed.", "file")
        lives = fields.get("expires_after[seconds]")
        return self.server.service.keep_file(  # type: ignore[no-any-return]
            fields["file"].filename,
            fields["purpose"].data.decode(),
            fields["file"].data,
            int(lives.data) if lives else None,
        )

    def _one(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("stream"):
            raise refusals.invalid("The emulator does not stream.", "stream")
        status, answer = self.server.service.answer(path, request)
        if status == OK:
            self._break_by_chance(len(str(answer)))
            return dict(answer)
        said = answer["error"]
        pause = self.server.service.calls.retry_after or None
        raise refusals.ApiRefusal(
            status,
            said["type"],
            said["message"],
            name=said["code"],
            param=said["param"],
            retry_after=pause if status == 429 else None,  # noqa: PLR2004 -- HTTP's own number
        )

    def _break_by_chance(self, size: int) -> None:
        if self.server.service.happens("cut"):
            self.cut = size // 2

    def _unknown(self, path: str) -> refusals.ApiRefusal:
        return refusals.missing(f"Invalid URL ({self.command} {path})")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "emulated"}


class OpenAIEmulator(RestEmulator[OpenAIService]):
    """OpenAI's API on a port of this process.

    ```python
    with OpenAIEmulator() as emulator:
        os.environ["OPENAI_BASE_URL"] = emulator.url
        os.environ["OPENAI_API_KEY"] = "emulated"
    ```

    Args:
        port: The port to serve on; 0 picks a free one.
        host: The address to listen on.
        clock: Tells when batches are over.
        responder: Answers the requests in place of the built-in one; gets the body without `model`.
        turnaround: Seconds that a batch takes.
        seed: Seed of everything that is drawn.
        faults: What goes wrong, as `failed=0.1,expired=0.2,create_lost=0.5,list_lag=30,cut=0.1`.
        models: The models that exist; None serves any name, and lists none.
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
        seed: int = 0,
        faults: str = "",
        models: tuple[str, ...] | None = None,
    ) -> None:
        service = OpenAIService(
            (clock or SystemClock()).now,
            responder=responder,
            turnaround=turnaround,
            seed=seed,
            known=models,
        )
        service.set_faults(faults)
        super().__init__((host, port), service)

    @property
    def url(self) -> str:
        """`http://HOST:PORT/v1`, as OPENAI_BASE_URL wants it."""
        return f"{super().url}/v1"

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        self._service.set_faults(text)

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first."""
        return self._service.batches()

    def answer_next(self, body: bytes) -> None:
        """Answer the next call with these bytes, as a broken proxy does."""
        self._service.instead.append(body)

    def calls(self, method: str, path: str) -> int:
        """How often a path was asked for, as `GET`, `/v1/batches`."""
        return self._service.counts[method, path]

    def files(self) -> list[StoredFile]:
        """All files, the oldest first."""
        return self._service.files()
