"""What every stand-in's connections have in common."""

import socket
import socketserver
import struct
import threading

import pytest

from gemchain.emulators.serving import Listener


class _Reading(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(1) != b"!":
            self.server.heard.set()
        raise LookupError("a mistake of the stand-in")


@pytest.fixture
def listener():
    with Listener(("127.0.0.1", 0), _Reading) as server:
        server.heard = threading.Event()
        server.daemon_threads = False  # closing it waits for its connections
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _talk(server, *, last):
    with socket.create_connection(server.server_address) as client:
        client.sendall(b".")
        assert server.heard.wait(30)
        client.sendall(last)
        if not last:
            reset = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    server.shutdown()
    server.server_close()


def test_a_client_that_vanishes_is_nothing_to_report(listener, capfd):
    _talk(listener, last=b"")
    assert capfd.readouterr().err == ""


def test_a_mistake_of_the_stand_in_is_reported(listener, capfd):
    _talk(listener, last=b"!")
    assert "a mistake of the stand-in" in capfd.readouterr().err
