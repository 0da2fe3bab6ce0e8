"""The emulator as a whole: the REST paths, and handles for tests."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gemchain.base.clock import SystemClock
from gemchain.emulators.refusals import not_found
from gemchain.emulators.rest import Exchange, RestEmulator, json_object
from gemchain.emulators.vertex.jobs import VertexJob
from gemchain.emulators.vertex.service import VertexService
from gemchain.emulators.vertex.storage import CloudStorage, Storage
from gemchain.money import prices
from gemchain.ports import Clock
from gemchain.simulated.dialect import Responder
from gemchain.simulated.gemini import builtin

__all__ = ["VertexEmulator"]

_PATH = re.compile(
    r"/(?:v1|v1beta1)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/batchPredictionJobs"
    r"(?:/(?P<number>[^/:]+))?(?::(?P<verb>\w+))?\Z"
)

_GENERATE = re.compile(
    r"/(?:v1|v1beta1)/projects/[^/]+/locations/[^/]+/publishers/google/models/([^/:]+):generateContent\Z"
)


class _Exchange(Exchange):
    """One request and its answer."""

    def answered(self, body: bytes) -> dict[str, Any]:
        """The answer; see `Exchange.answered`."""
        address = urlsplit(self.path)
        service: VertexService = self.server.service
        if asked := _GENERATE.match(address.path):
            return service.generate(asked.group(1), json_object(body))
        found = _PATH.match(address.path)
        if found is None:
            raise not_found(f"The requested URL {address.path} was not found on this server.")
        project, location, number, verb = found.group("project", "location", "number", "verb")
        match (self.command, number, verb):
            case ("POST", None, None):
                return service.create(project, location, json_object(body))
            case ("GET", None, None):
                return service.list_jobs(project, location, dict(parse_qsl(address.query)))
            case ("GET", str(), None):
                return service.get(location, number)
            case ("POST", str(), "cancel"):
                return service.cancel(location, number)
            case ("DELETE", str(), None):
                return service.delete(location, number)
        raise not_found(f"The requested URL {address.path} was not found for {self.command} on this server.")


class VertexEmulator(RestEmulator[VertexService]):
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

    exchange = _Exchange

    def __init__(  # noqa: PLR0913 -- named options of a public call
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
        service = VertexService(
            storage or CloudStorage(),
            (clock or SystemClock()).now,
            responder=responder or builtin,
            turnaround=turnaround,
            seed=seed,
            serves=serves or partial(prices.known, provider="vertex"),
            echoes_key=echoes_key,
        )
        service.set_faults(faults)
        super().__init__((host, port), service)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; jobs that are not over draw by it too."""
        self._service.set_faults(text)

    def settle(self) -> None:
        """End the jobs whose time has come, which otherwise happens when they are asked about."""
        self._service.settle()

    def jobs(self) -> list[VertexJob]:
        """All jobs, the oldest first."""
        return self._service.jobs()

    def paid_rows(self) -> Counter[str]:
        """For each prompt, how many jobs have answered it: what a bill would show."""
        return self._service.paid_rows()
