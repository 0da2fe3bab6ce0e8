"""A stand-in for Google's keys: a certificate served as Google does it, and tokens signed by its key."""

import contextlib
import datetime as dt
import http.server
import json
import threading
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gemchain.emulators.serving import Listener

AUDIENCE = "https://push.example/notifications/storage"
ACCOUNT = "pusher@shop.iam.gserviceaccount.com"
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])


class Signer:
    """A key, and tokens signed by it."""

    def __init__(self):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def certificate(self):
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(NAME)
            .issuer_name(NAME)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def token(self, *, age=0, **claims):
        now = int(time.time()) - age
        said = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(said | claims, self._key, algorithm="RS256", headers={"kid": "one"})


class Certificates(Listener, http.server.HTTPServer):
    """Serves a certificate, and counts how often it was asked for one."""

    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.certificate = certificate
        self.asked = 0
        self.status = 200

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/certs"


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        data = json.dumps({"one": self.server.certificate}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(certificate):
    with Certificates(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
