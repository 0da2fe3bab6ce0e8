"""Models on this machine: the `Provider` port for `local/smollm2` and `local/PATH.gguf`.

There are no batch jobs: requests are sent one at a time to llama.cpp's server, which `servers` starts and
ends. The crash story is in `servers` for the server, and in `run` for requests.
"""

from functools import partial
from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import ProviderRejectedError
from gemchain.formats import files
from gemchain.ports import Capabilities, DirectRun, FileContent, Format, Job, Limits, Row
from gemchain.providers.capabilities import TABLE
from gemchain.providers.direct import DirectLane, Endpoint, FixedHeaders
from gemchain.providers.local.keeper import ServerKeeper
from gemchain.providers.local.model_files import model_file
from gemchain.providers.local.run import LocalRun
from gemchain.providers.local.servers import Address, ModelServer, check_installed
from gemchain.providers.local.wire_format import LOCAL
from gemchain.records import Batch, InputRow
from gemchain.records.lanes import DIRECT

__all__ = ["LIMITS", "LocalProvider"]

LIMITS = Limits(max_requests=200_000, max_bytes=1_000_000_000, max_request_bytes=20_000_000)
"""llama.cpp sets none: these keep the files of a batch handy, as those of other providers are."""

TIMEOUT = 3_600.0
"""Seconds without a byte after which a request is given up: llama.cpp's own. Requests of other processes may
be before it, and a large model on a small machine needs a second for a word."""


class LocalProvider:
    """Sends requests to the servers of local models, each started when it is first needed.

    A server lives as long as any process that uses it; see `servers`.

    Args:
        slots: Requests of one model that are answered at the same time.
        context: Tokens of one request and its answer, at most.
    """

    name = "local"
    limits = LIMITS
    listing_lag = 0.0

    def __init__(self, *, slots: int, context: int) -> None:
        self._slots = max(1, slots)
        self._context = context
        self._files: dict[str, Path] = {}
        self._keepers: dict[str, ServerKeeper] = {}
        self._addresses: dict[str, Address] = {}
        self._lane = DirectLane(self._endpoint)

    def format(self, model: str) -> Format:
        """Chat completions; see `Provider.format`."""
        del model
        return LOCAL

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table; see `Provider.capabilities`."""
        del model
        return TABLE[self.name]

    def start(self, batch: Batch) -> DirectRun:
        """A run for the batch; the server is started in the background. See `Provider.start`.

        Raises:
            ModelError: The model's file is gone.
            ConfigurationError: llama.cpp or the model's package is not installed.
        """
        check_installed()
        return LocalRun(self._keeper(batch.model), partial(self._send, batch), batch.model)

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse a model that cannot be served here, and what llama.cpp would refuse; see `Provider.check`.

        Raises:
            ConfigurationError: llama.cpp or the model's package is not installed.
        """
        if model not in self._files:
            check_installed()
            self._files[model] = model_file(model)
        LOCAL.check(model, request)

    def attach(self, path: Path) -> FileContent:
        """The file's bytes; a text becomes part of the message. See `Provider.attach`."""
        return files.inline(path, instead="send a part of it")

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of the batch's file; see `Provider.input_line`."""
        del batch
        request = orjson.loads(row.request) if type(row.request) is str else None
        if type(request) is not dict:
            raise ValueError(f"the request of prompt {row.prompt_id!r} is no JSON object")
        return orjson.dumps({"key": row.prompt_id, "request": request}, option=orjson.OPT_APPEND_NEWLINE)

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """See `Provider.read_input`."""
        read = orjson.loads(line)
        return read["key"], read["request"]

    def find(self, batch: Batch) -> Job | None:
        """None: there are no jobs. See `Provider.find`."""
        del batch
        return None

    def create(self, batch: Batch) -> Job:
        """Refuse: there are no jobs. See `Provider.create`."""
        raise _no_jobs(batch)

    def poll(self, batch: Batch) -> Job:
        """Refuse: there are no jobs. See `Provider.poll`."""
        raise _no_jobs(batch)

    def cancel(self, batch: Batch) -> None:
        """Nothing runs anywhere else; see `Provider.cancel`."""

    def read_row(self, line: bytes) -> Row:
        """There are no rows of jobs; see `Provider.read_row`."""
        raise ValueError(f"a local model has no batch jobs, so this is no row of it: {line[:200]!r}")

    def close(self) -> None:
        """Use no server any more: those that nobody else uses end. The next run opens them again."""
        for each in self._keepers.values():
            each.close()

    def _keeper(self, model: str) -> ServerKeeper:
        if model not in self._keepers:
            server = ModelServer(model_file(model), slots=self._slots, context=self._context)
            self._keepers[model] = ServerKeeper(server)
        return self._keepers[model]

    def _send(self, batch: Batch, address: Address) -> DirectRun:
        self._addresses[batch.model] = address
        return self._lane.start(batch)

    def _endpoint(self, batch: Batch) -> Endpoint:
        address = self._addresses[batch.model]
        return Endpoint(
            provider=self.name,
            service="the server of the local model",
            model=batch.model,
            url=f"{address.url}/v1/chat/completions",
            format=LOCAL,
            auth=FixedHeaders({"authorization": f"Bearer {address.key}"}),
            lane=DIRECT,
            timeout=TIMEOUT,
            concurrency=self._slots,
        )


def _no_jobs(batch: Batch) -> ProviderRejectedError:
    return ProviderRejectedError(
        f"local models have no batch jobs, and batch {batch.id!r} is of the lane {batch.lane!r}"
    )
