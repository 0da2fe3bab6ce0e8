"""What every stand-in for a REST service has: a port of this process, JSON in and out, Google's errors."""

import threading
from abc import abstractmethod
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar, Generic, TypeVar

import orjson

from gemchain.emulators.refusals import Refusal, invalid
from gemchain.emulators.serving import Listener, StandIn

__all__ = ["Exchange", "RestEmulator", "json_object"]

S = TypeVar("S")


class RestEmulator(StandIn, Generic[S]):
    """Serves from `start` to `stop`, or inside a `with` block.

    Args:
        address: Host and port to listen on; port 0 picks a free one.
        service: What answers.
    """

    exchange: ClassVar[type["Exchange"]]

    def __init__(self, address: tuple[str, int], service: S) -> None:
        self._service = service
        self._server = _Server(address, self.exchange)
        self._server.service = service
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._server.connections

    @property
    def url(self) -> str:
        """`http://HOST:PORT`, as the setting for its address wants it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def refuse_next(self, refusal: Refusal) -> None:
        """Answer the next call with this error."""
        self._server.refusals.append(refusal)

    def cut_next(self, path: str = "", times: int = 1) -> None:
        """Break the connection in the middle of the next answers to a path that contains this."""
        self._server.cuts += [path] * times

    def garble_next(self, answer: bytes, path: str = "") -> None:
        """Do what the next call to a path that contains this asks for, and answer with these bytes.

        So does a proxy that is broken.
        """
        self._server.garbled.append((path, answer))

    def start(self) -> None:
        """Begin to serve. Connections made before are answered from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving. An emulator that was stopped stays stopped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(Listener, HTTPServer):
    service: Any

    def __init__(self, address: tuple[str, int], exchange: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, exchange)
        self.refusals: list[Refusal] = []
        self.cuts: list[str] = []
        self.garbled: list[tuple[str, bytes]] = []
        self.connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection, and serve it."""
        self.connections += 1
        super().process_request(request, client_address)


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer.

    Attributes:
        extra: Headers of the answer, beside those that every answer has.
        cut: Bytes of the answer after which the connection breaks; None when it does not.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together: apart, each answer waits 40 ms for the other side
    disable_nagle_algorithm = True
    server: _Server
    extra: dict[str, str]
    cut: int | None

    @abstractmethod
    def answered(self, body: bytes) -> dict[str, Any] | bytes:
        """The answer to the request whose body this is.

        Raises:
            Refusal: It is answered with an error.
        """

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # who asked is gone, and meant something else by the part it sent
            return
        self.extra, self.cut = {}, None
        try:
            if self.server.refusals:
                raise self.server.refusals.pop(0)
            status, answer = 200, self.answered(body)
        except Refusal as refusal:
            status, answer, self.extra = refusal.code, refusal.body(), refusal.headers()
        data = self._garbled(answer if isinstance(answer, bytes) else orjson.dumps(answer))
        self.send_response(status)
        headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(data))}
        for name, value in (headers | self.extra).items():
            self.send_header(name, value)
        self.end_headers()
        for path in [each for each in self.server.cuts if each in self.path]:
            self.server.cuts.remove(path)
            self.cut = len(data) // 2
        self.wfile.write(data[: self.cut])
        if self.cut is not None:
            self.close_connection = True

    def _garbled(self, data: bytes) -> bytes:
        """The answer that is sent in place of this one."""
        for path, answer in self.server.garbled:
            if path in self.path:
                self.server.garbled.remove((path, answer))
                if answer.startswith(b"<"):
                    self.extra = {"Content-Type": "text/html"}
                return answer
        return data

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
        """Nothing: who calls knows what it called."""


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        Refusal: It is none.
    """
    try:
        read = orjson.loads(body)
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(read, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return read
