"""The emulator as a whole: the REST paths, and handles for tests."""

import itertools
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from gemchain import prices
from gemchain.clock import SystemClock
from gemchain.emulators.gemini_api.service import GeminiApiService, StoredBatch
from gemchain.emulators.vertex.refusals import Refusal, invalid, not_found
from gemchain.gemini.responders import Responder, builtin
from gemchain.ports import Clock

__all__ = ["GeminiApiEmulator"]

_UPLOAD = "/upload/v1beta/files"
_CREATE = re.compile(r"/v1beta/models/([^/:]+):batchGenerateContent\Z")
_BATCH = re.compile(r"/v1beta/(batches/[^/:]+)(:cancel)?\Z")
_FILE = re.compile(r"/v1beta/(files/[^/:]+)(:download)?\Z")


class GeminiApiEmulator:
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
        faults: What goes wrong, as `failed=0.1,expired=0.2`.
        serves: Whether a model exists; all that have a price when None.
    """

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
        serves: Callable[[str], bool] | None = None,
    ) -> None:
        self._service = GeminiApiService(
            (clock or SystemClock()).now,
            responder=responder or builtin,
            turnaround=turnaround,
            seed=seed,
            serves=serves or prices.known,
        )
        self._service.set_faults(faults)
        self._server = _Server((host, port), _Exchange)
        self._server.service = self._service
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """`http://HOST:PORT`, as GEMCHAIN_GEMINI_API_ENDPOINT wants it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; batches that are not over draw by it too."""
        self._service.set_faults(text)

    def refuse_next(self, refusal: Refusal) -> None:
        """Answer the next call with this error."""
        self._server.refusals.append(refusal)

    def batches(self) -> list[StoredBatch]:
        """All batches, the oldest first."""
        return self._service.batches()

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving. An emulator that was stopped stays stopped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: GeminiApiService

    def __init__(self, address: tuple[str, int], exchange: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, exchange)
        self.uploads: dict[str, bytearray] = {}
        self.refusals: list[Refusal] = []
        self.numbers = itertools.count(1)


class _Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together: apart, each answer waits 40 ms for the other side
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._extra: dict[str, str] = {}
        try:
            if self.server.refusals:
                raise self.server.refusals.pop(0)
            status, answer = 200, self._answered(body)
        except Refusal as refusal:
            status, answer = refusal.code, refusal.body()
        data = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in self._extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer  # noqa: N815 -- the names that http.server looks for

    def _answered(self, body: bytes) -> dict[str, Any] | bytes:
        address = urlsplit(self.path)
        path, service = address.path, self.server.service
        if self.command == "POST" and path.startswith(_UPLOAD):
            return self._uploaded(path, body)
        if found := _CREATE.match(path):
            return service.create(found.group(1), _json(body))
        if found := _FILE.match(path):
            return service.read_file(found.group(1)) if found.group(2) else service.file(found.group(1))
        if path == "/v1beta/batches":
            return service.list_batches(dict(parse_qsl(address.query)))
        if found := _BATCH.match(path):
            return service.cancel(found.group(1)) if found.group(2) else service.get(found.group(1))
        raise not_found(f"The requested URL {path} was not found on this server.")

    def _uploaded(self, path: str, body: bytes) -> dict[str, Any]:
        """A resumable upload: a start that names the address for the bytes, then pieces up to a final one."""
        command = self.headers.get("X-Goog-Upload-Command", "")
        session = path.removeprefix(_UPLOAD).strip("/")
        if command == "start":
            session = str(next(self.server.numbers))
            self.server.uploads[session] = bytearray()
            url = f"http://{self.headers['Host']}{_UPLOAD}/{session}"
            self._extra = {"X-Goog-Upload-URL": url, "X-Goog-Upload-Status": "active"}
            return {}
        if session not in self.server.uploads:
            raise not_found("The upload session does not exist.")
        self.server.uploads[session] += body
        if "finalize" not in command:
            self._extra = {"X-Goog-Upload-Status": "active"}
            return {}
        self._extra = {"X-Goog-Upload-Status": "final"}
        return {"file": self.server.service.keep_file(bytes(self.server.uploads.pop(session)))}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
        """Nothing: who calls knows what it called."""


def _json(body: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(body)
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(read, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return read
