"""The emulator as a whole: one public port, the gRPC server behind it, and handles for tests."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from gemchain.emulators.firestore import limits
from gemchain.emulators.firestore.counters import Counters
from gemchain.emulators.firestore.database import Clock
from gemchain.emulators.firestore.faults import Faults
from gemchain.emulators.firestore.front import Front, Reply
from gemchain.emulators.firestore.messages import grpc
from gemchain.emulators.firestore.paths import DatabaseId
from gemchain.emulators.firestore.rpcs import handlers
from gemchain.emulators.firestore.service import Service
from gemchain.emulators.serving import StandIn

__all__ = ["FirestoreEmulator"]

_CONTROL = re.compile(r"/emulator/v1/projects/([^/]+)/databases/([^/]+)/(documents|counters)\Z")
_THREADS = 64


class FirestoreEmulator(StandIn):
    """A Firestore server in this process.

    ```python
    with FirestoreEmulator() as emulator:
        os.environ["FIRESTORE_EMULATOR_HOST"] = emulator.host
    ```

    Everything lives in memory and is gone when the emulator stops. Projects and databases need not be
    made; each is a world of its own.

    Args:
        port: The port to serve gRPC and HTTP/1.1 on; 0 picks a free one.
        host: The address to listen on.
        clock: Seconds since the epoch, as the service sees them: commit times, server timestamps and the
            expiry of transactions follow it. Commit times rise strictly even when it stands still.

    Attributes:
        faults: Makes calls fail, lose their replies, or stand still.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1", clock: Clock = time.time) -> None:
        self.faults = Faults()
        self._service = Service(clock)
        self._grpc = self._make_grpc()
        inner_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._front = Front((host, port), inner_port, self._route)
        self._listening_on = host

    def _make_grpc(self) -> grpc.Server:
        # Above the documented limit, so that a large request meets Firestore's answer and not gRPC's.
        options = [
            ("grpc.max_receive_message_length", 8 * limits.REQUEST_BYTES),
            ("grpc.max_send_message_length", -1),
        ]
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="firestore-emulator")
        return grpc.server(pool, handlers=(handlers(self._service, self.faults),), options=options)

    @property
    def host(self) -> str:
        """`HOST:PORT`, as FIRESTORE_EMULATOR_HOST wants it."""
        return f"{self._listening_on}:{self._front.port}"

    def start(self) -> None:
        """Begin to serve. Connections made before are answered from now on."""
        self._grpc.start()
        self._front.start()

    def stop(self) -> None:
        """Stop serving; calls under way are cut. An emulator that was stopped stays stopped."""
        self.faults.clear()
        self._front.stop()
        self._grpc.stop(grace=None).wait()

    def clear(self, project: str, database: str = "(default)") -> None:
        """Delete every document of a database and end its transactions; counters stay."""
        transactions = self._service.open(DatabaseId(project, database))
        with transactions.database.lock:
            transactions.database.clear()
            transactions.clear()

    def counters(self, project: str, database: str = "(default)") -> Counters:
        """What a database was asked so far; subtract two of these to measure a stretch."""
        found = self._service.open(DatabaseId(project, database)).database
        with found.lock:
            return found.meter.snapshot()

    def reset_counters(self) -> None:
        """Set the counters of every database to zero."""
        for database in self._service.databases():
            with database.lock:
                database.meter.reset()

    def _route(self, method: str, path: str) -> Reply:
        found = _CONTROL.match(path)
        if path == "/" and method == "GET":
            return HTTPStatus.OK, "Ok\n"
        if found is None:
            return HTTPStatus.NOT_FOUND, {"error": f"The Firestore emulator has nothing at {path}."}
        return self._control(method, *found.groups())

    def _control(self, method: str, project: str, database: str, what: str) -> Reply:
        if (method, what) == ("DELETE", "documents"):
            self.clear(project, database)
            return HTTPStatus.OK, {}
        if (method, what) == ("GET", "counters"):
            return HTTPStatus.OK, self.counters(project, database).as_dict()
        return HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{method} is not allowed here."}
