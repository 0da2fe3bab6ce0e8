"""The emulator as a whole: the REST paths, and handles for tests."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from gemchain import prices
from gemchain.clock import SystemClock
from gemchain.emulators.vertex.jobs import VertexJob
from gemchain.emulators.vertex.refusals import Refusal, invalid, not_found
from gemchain.emulators.vertex.service import VertexService
from gemchain.emulators.vertex.storage import CloudStorage, Storage
from gemchain.gemini.responders import Responder, builtin
from gemchain.ports import Clock

__all__ = ["VertexEmulator"]

_PATH = re.compile(
    r"/(?:v1|v1beta1)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/batchPredictionJobs"
    r"(?:/(?P<number>[^/:]+))?(?::(?P<verb>\w+))?\Z"
)


class VertexEmulator:
    """Batch prediction on a port of this process.

    ```python
    with VertexEmulator() as emulator:
        os.environ["GEMCHAIN_VERTEX_ENDPOINT"] = emulator.url
    ```

    Jobs live in memory and are gone when the emulator stops; their files stay where they were written.

    Args:
        port: The port to serve on; 0 picks a free one.
        host: The address to listen on.
        clock: Tells when jobs are over.
        storage: Where files are; Cloud Storage or its emulator when None.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a job takes.
        seed: Seed of everything that is drawn.
        faults: What goes wrong, as `failed=0.1,expired=0.2,create_lost=0.5,list_lag=30`.
        serves: Whether a model exists; all that have a price when None.
        echoes_key: Whether rows come back with the `key` they went out with.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        clock: Clock | None = None,
        storage: Storage | None = None,
        responder: Responder | None = None,
        turnaround: float = 5.0,
        seed: int = 0,
        faults: str = "",
        serves: Callable[[str], bool] | None = None,
        echoes_key: bool = False,
    ) -> None:
        self._service = VertexService(
            storage or CloudStorage(),
            (clock or SystemClock()).now,
            responder=responder or builtin,
            turnaround=turnaround,
            seed=seed,
            serves=serves or prices.known,
            echoes_key=echoes_key,
        )
        self._service.set_faults(faults)
        self._server = _Server((host, port), _Exchange)
        self._server.service = self._service
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """`http://HOST:PORT`, as GEMCHAIN_VERTEX_ENDPOINT wants it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; jobs that are not over draw by it too."""
        self._service.set_faults(text)

    def settle(self) -> None:
        """End the jobs whose time has come, which else happens when somebody asks after them."""
        self._service.settle()

    def jobs(self) -> list[VertexJob]:
        """All jobs, the oldest first."""
        return self._service.jobs()

    def paid_rows(self) -> Counter[str]:
        """For each prompt, how many jobs have answered it: what a bill would show."""
        return self._service.paid_rows()

    def start(self) -> None:
        """Begin to serve. Connections made before are answered from now on."""
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
    service: VertexService


class _Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together: apart, each answer waits 40 ms for the other side
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, answer = 200, self._answered(body)
        except Refusal as refusal:
            status, answer = refusal.code, refusal.body()
        data = orjson.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- the names that http.server looks for

    def _answered(self, body: bytes) -> dict[str, Any]:
        address = urlsplit(self.path)
        found = _PATH.match(address.path)
        if found is None:
            raise not_found(f"The requested URL {address.path} was not found on this server.")
        project, location, number, verb = found.group("project", "location", "number", "verb")
        service = self.server.service
        match (self.command, number, verb):
            case ("POST", None, None):
                return service.create(project, location, _json(body))
            case ("GET", None, None):
                return service.list_jobs(project, location, dict(parse_qsl(address.query)))
            case ("GET", str(), None):
                return service.get(location, number)
            case ("POST", str(), "cancel"):
                return service.cancel(location, number)
            case ("DELETE", str(), None):
                return service.delete(location, number)
        raise not_found(f"The requested URL {address.path} was not found for {self.command} on this server.")

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
