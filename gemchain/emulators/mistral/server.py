"""The emulator as a whole: the REST paths, and handles for tests."""

import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from gemchain.emulators.batch_answers import batch_options
from gemchain.emulators.mistral.dialect import MistralApiDialect
from gemchain.emulators.mistral.errors import MistralRefusal
from gemchain.emulators.mistral.service import MistralService, StoredJob
from gemchain.emulators.openai.multipart import form
from gemchain.emulators.rest import Exchange, RestEmulator
from gemchain.ports import Clock
from gemchain.simulated.dialect import Responder

__all__ = ["MODELS", "MistralEmulator"]

_FILE = re.compile(r"/v1/files/([^/]+)/content\Z")
_JOB = re.compile(r"/v1/batch/jobs/([^/]+)(/cancel)?\Z")

MODELS = ("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest")
"""Models in the list; any other name is served as well."""


class _Exchange(Exchange):
    """One request and its answer."""

    def answered(self, body: bytes) -> dict[str, Any] | bytes:
        """The answer; see `Exchange.answered`."""
        if not self.headers.get("authorization"):
            raise MistralRefusal(401, "Unauthorized")
        address = urlsplit(self.path)
        service: MistralService = self.server.service
        match self.command, address.path:
            case "POST", "/v1/chat/completions" | "/v1/embeddings":
                return service.chat(_object(body))
            case "POST", "/v1/files":
                file = form(self.headers.get("Content-Type", ""), body).get("file")
                if file is None:
                    raise MistralRefusal(422, "The form has no file.")
                return service.upload(file.filename, file.data)
            case "POST", "/v1/batch/jobs":
                return service.create(_object(body))
            case "GET", "/v1/batch/jobs":
                return service.list_jobs(dict(parse_qsl(address.query)))
            case "GET", "/v1/models":
                return {"object": "list", "data": [_model(each) for each in MODELS]}
        return self._of_one(service, address.path)

    def _of_one(self, service: MistralService, path: str) -> dict[str, Any] | bytes:
        if found := _FILE.match(path):
            self.extra = {"Content-Type": "application/octet-stream"}
            return service.content(found.group(1))
        if found := _JOB.match(path):
            identity, cancels = found.groups()
            return service.cancel(identity) if cancels else service.get(identity)
        raise MistralRefusal(404, f"no Route matched with those values: {path}")


class MistralEmulator(RestEmulator[MistralService]):
    """Mistral's API on a port of this process.

    ```python
    with MistralEmulator() as emulator:
        os.environ["GEMCHAIN_MISTRAL_ENDPOINT"] = emulator.url
    ```

    Args:
        port: The port to serve on; 0 picks a free one.
        host: The address to listen on.
        clock: Tells when jobs are over.
        responder: Answers the requests in place of the built-in one.
        turnaround: Seconds that a job takes.
        seed: Seed of everything that is drawn.
        faults: What goes wrong, as `failed=0.1,expired=0.2,create_lost=1`.
    """

    exchange = _Exchange

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        clock: Clock | None = None,
        responder: Responder | None = None,
        turnaround: float = 5.0,
        seed: int = 0,
        faults: str = "",
    ) -> None:
        service = MistralService(batch_options(MistralApiDialect(), clock, responder, turnaround, seed))
        service.set_faults(faults)
        super().__init__((host, port), service)

    def set_faults(self, text: str) -> None:
        """What goes wrong from now on; jobs that are not over draw by it too."""
        self._service.set_faults(text)

    def jobs(self) -> list[StoredJob]:
        """All jobs, the oldest first."""
        return self._service.jobs()

    def bill(self) -> Counter[str]:
        """For each request of each batch of ours, how many jobs have answered it: what has to be paid."""
        paid: Counter[str] = Counter()
        for job in self.jobs():
            batch = job.metadata.get("gemchain", job.id)
            paid.update(f"{batch}-{custom_id}" for custom_id in job.answered)
        return paid


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "type": "base",
        "created": 1_760_000_000,
        "owned_by": "mistralai",
        "capabilities": {"completion_chat": True},
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(body)
    except ValueError as error:
        raise MistralRefusal(422, "The request body is not valid JSON.") from error
    if not isinstance(read, dict):
        raise MistralRefusal(422, "The request body is not a JSON object.")
    return read
