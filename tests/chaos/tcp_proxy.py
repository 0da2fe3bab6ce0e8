"""A TCP proxy whose connections can be cut and restored."""

import contextlib
import select
import socket
import threading

CHUNK = 1 << 16


class TcpProxy:
    """Forwards connections to a server, unless it is disconnected.

    Args:
        target: Host and port of the server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._disconnected = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def disconnect(self) -> None:
        """Drop every connection, and each new one when it comes."""
        with self._lock:
            self._disconnected = True
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        """Forward new connections again."""
        with self._lock:
            self._disconnected = False

    def close(self) -> None:
        """Drop every connection, and stop listening."""
        self.disconnect()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            with self._lock:
                if self._disconnected:
                    return
                self._open |= {client, server}
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                _forward(client, server)
            finally:
                with self._lock:
                    self._open -= {client, server}


def _forward(client: socket.socket, server: socket.socket) -> None:
    other = {client: server, server: client}
    while True:
        for source in select.select([client, server], [], [])[0]:
            data = source.recv(CHUNK)
            if not data:
                return
            other[source].sendall(data)
