"""One server that speaks OpenAI's API: the `Provider` port for `compat/NAME/…` models.

Single requests go to its chat completions; `providers/direct` has the crash story. Batches go to its
`/batches`, where it has them and the setting says so; `providers/openai` has the crash story. Files go into
the request.
"""

import os
from pathlib import Path
from typing import Any

from gemchain.errors import ConfigurationError, RequestError
from gemchain.formats import files
from gemchain.formats.registry import format_named
from gemchain.ports import Blobs, Capabilities, DirectRun, FileContent, Format, Job, Row
from gemchain.providers.compat.batches import CompatBatches, Probe
from gemchain.providers.compat_servers import PREFIX, CompatServer
from gemchain.providers.direct import DirectLane, Endpoint
from gemchain.providers.direct.endpoints import openai_compatible
from gemchain.providers.hosted import LISTING_LAG
from gemchain.providers.openai import rows
from gemchain.providers.openai.endpoints import CHAT
from gemchain.providers.openai.provider import LIMITS
from gemchain.records import Batch, InputRow
from gemchain.records.lanes import BATCH, DIRECT

__all__ = ["CompatProvider"]

WIRE_FORMAT = "openai_compat"
FILES = ("image", "pdf", "audio", "video", "text")
"""All are passed on: what a server can read, it knows itself."""

LARGER = "pass the https address of a larger file yourself, or send a smaller one"


class CompatProvider:
    """The models of one server. Nothing is opened before the first call.

    Args:
        name: The server's name in the setting `compat`.
        server: How it is set.
        blobs: Where the input files of batches are, and where results are put.
        concurrency: Single requests that are on their way at the same time, where the server's entry names no
            number.
    """

    listing_lag = LISTING_LAG

    def __init__(self, name: str, server: CompatServer, blobs: Blobs, *, concurrency: int = 64) -> None:
        self.name = f"{PREFIX}{name}"
        self._called = name
        self._server = server
        self._blobs = blobs
        self._concurrency = server.concurrency or concurrency
        self._lane = DirectLane(self._endpoint_of)
        self._probe = Probe()
        self._batches: CompatBatches | None = None
        self.limits = LIMITS

    def format(self, model: str) -> Format:
        """Chat completions, as such servers know them; see `Provider.format`."""
        del model
        return format_named(WIRE_FORMAT)

    def capabilities(self, model: str) -> Capabilities:
        """Direct requests, and batches where the server has them; see `Provider.capabilities`."""
        del model
        lanes = (BATCH, DIRECT) if self._has_batches() else (DIRECT,)
        return Capabilities(lanes=lanes, files=FILES)

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what no server would take; see `Provider.check`."""
        if request.get("stream"):
            raise RequestError("answers come whole, not as streams; leave 'stream' out of the request")
        self.format(model).check(model, request)

    def attach(self, path: Path) -> FileContent:
        """The file's bytes, to be sent inside the request; see `Provider.attach`."""
        return files.inline(path, instead=LARGER)

    def start(self, batch: Batch) -> DirectRun:
        """Single requests of this batch; see `Provider.start`."""
        return self._lane.start(batch)

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file; see `Provider.input_line`."""
        return rows.input_line(CHAT, batch.model, row)

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The prompt that a line of an input file names, and its request; see `Provider.read_input`."""
        return rows.read_input(line)

    def read_row(self, line: bytes) -> Row:
        """Understand one line of an output file or of an error file; see `Provider.read_row`."""
        return rows.read_row(line)

    def find(self, batch: Batch) -> Job | None:
        """The first job of this batch that has not failed; see `Provider.find`."""
        return self._jobs().find(batch)

    def create(self, batch: Batch) -> Job:
        """A new job over the batch's input; see `Provider.create`."""
        return self._jobs().create(batch)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; see `Provider.poll`."""
        job = self._jobs().poll(batch)
        self.limits = self._jobs().limits  # less, where the server had no room
        return job

    def cancel(self, batch: Batch) -> None:
        """Ask for the job's end; see `Provider.cancel`."""
        self._jobs().cancel(batch)

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._batches is not None:
            self._batches.close()

    def _has_batches(self) -> bool:
        if self._server.batch is not None:
            return self._server.batch
        return self._probe.has_batches(self._server, self._headers())

    def _jobs(self) -> CompatBatches:
        if not self._has_batches():
            raise ConfigurationError(
                f"server {self._called!r} has no batches at {self._server.url}/batches; if it has, set "
                f"'batch' to true in its entry of the setting compat; else cancel what waits for one"
            )
        if self._batches is None:
            server = self._server
            self._batches = CompatBatches(self._blobs, server.url, self._key(), server.headers)
        return self._batches

    def _endpoint_of(self, batch: Batch) -> Endpoint:
        server = self._server
        return openai_compatible(
            batch,
            self.format(batch.model),
            service=f"server {self._called!r} ({server.url})",
            base_url=server.url,
            key=self._key(),
            headers=server.headers,
            concurrency=self._concurrency,
            key_help=self._key_help(),
        )

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self._server.key_env, "") if self._server.key_env else ""
        return {**self._server.headers, **({"Authorization": f"Bearer {key}"} if key else {})}

    def _key(self) -> str:
        name = self._server.key_env
        key = os.environ.get(name, "") if name else ""
        if name and not key:
            raise ConfigurationError(f"server {self._called!r} needs a key; set {name}")
        return key

    def _key_help(self) -> str:
        if self._server.key_env:
            return f"check {self._server.key_env}"
        return f"name the variable with its key by 'key_env' of {self._called!r} in the setting compat"
