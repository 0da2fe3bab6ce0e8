"""A line to a server that can be cut and mended: a forwarder of one TCP port."""

import contextlib
import select
import socket
import threading

CHUNK = 1 << 16


class Line:
    """Forwards connections to a server, as long as it is not cut.

    Args:
        target: Host and port of the server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Drop every connection, and each new one as it comes."""
        with self._lock:
            self._cut = True
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Forward again."""
        with self._lock:
            self._cut = False

    def close(self) -> None:
        """Drop everything, and stop listening."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._target) as far:
            with self._lock:
                if self._cut:
                    return
                self._open |= {near, far}
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                _forward(near, far)
            finally:
                with self._lock:
                    self._open -= {near, far}


def _forward(near: socket.socket, far: socket.socket) -> None:
    other = {near: far, far: near}
    while True:
        for source in select.select([near, far], [], [])[0]:
            data = source.recv(CHUNK)
            if not data:
                return
            other[source].sendall(data)
