"""One port for two protocols, as the official emulator has it.

gRPC cannot share its port, so the public one belongs to this module: a connection that opens with
the HTTP/2 preface is spliced to the gRPC server, any other is answered here as HTTP/1.1.
"""

import json
import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from gemchain.emulators.serving import Listener

__all__ = ["Front", "Reply", "Router"]

_PREFACE = b"PRI * HTTP/2.0"
_BUFFER = 256 * 1024

Reply = tuple[HTTPStatus, object]
"""Status and body; a str is sent as text, anything else as JSON."""

Router = Callable[[str, str], Reply]
"""From method and path (percent-decoded, without the query) to a reply."""


class Front(Listener):
    """Listens on the public port.

    Args:
        address: Host and port; port 0 picks a free one.
        grpc_port: Where the gRPC server listens, on the loopback interface.
        router: Answers HTTP/1.1.
    """

    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], grpc_port: int, router: Router) -> None:
        self.grpc_port = grpc_port
        self.router = router
        self._open: set[socket.socket] = set()
        self._serving = False
        self._guard = threading.Lock()
        super().__init__(address, _Connection)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._serving = True
        threading.Thread(target=self.serve_forever, args=(0.05,), name="firestore-front", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._serving:
            self.shutdown()
        self.server_close()
        with self._guard:
            for connection in self._open:
                _shut(connection)

    def hold(self, connection: socket.socket) -> None:
        """Remember a spliced connection, so that `stop` can cut it."""
        with self._guard:
            self._open.add(connection)

    def drop(self, connection: socket.socket) -> None:
        """Forget a connection that ended."""
        with self._guard:
            self._open.discard(connection)


class _Connection(socketserver.BaseRequestHandler):
    """One connection: sniff, then splice or answer."""

    request: socket.socket
    server: Front

    def handle(self) -> None:
        if self._speaks_http2():
            self._splice()
        else:
            _Http(self.request, self.client_address, self.server)

    def _speaks_http2(self) -> bool:
        # The preface is one short write of the client; no HTTP/1.1 request is as short as that.
        self.request.settimeout(30)
        sniffed = self.request.recv(len(_PREFACE), socket.MSG_PEEK | socket.MSG_WAITALL)
        self.request.settimeout(None)
        return sniffed == _PREFACE

    def _splice(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.grpc_port)) as inner:
            for end in (self.request, inner):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.server.hold(end)
            back = threading.Thread(target=_pump, args=(inner, self.request), daemon=True)
            back.start()
            _pump(self.request, inner)
            back.join()
            for end in (self.request, inner):
                self.server.drop(end)


class _Http(BaseHTTPRequestHandler):
    """The small HTTP side of the emulator."""

    server: Front
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Read something."""
        self._reply()

    def do_DELETE(self) -> None:
        """Clear something."""
        self._reply()

    def _reply(self) -> None:
        # Unread bodies would be taken for the next request on this connection.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.router(self.command, unquote(urlsplit(self.path).path))
        text = body if isinstance(body, str) else json.dumps(body)
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing."""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    try:
        while received := source.recv_into(buffer):
            sink.sendall(view[:received])
    except OSError:
        pass
    _shut(source)
    _shut(sink)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
