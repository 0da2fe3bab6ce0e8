"""The Gemini Developer API: the `Provider` port for `gemini-api/…` models and an API key.

Batches: https://ai.google.dev/gemini-api/docs/batch-api. Single requests: `providers/direct`, whose crash
story holds for them.

The input goes up through the File API, and the result comes down into the file storage, where it is read
like any other output. Files live there for 48 hours, longer than a job does.

Crash story. A job bears its batch's name as display name, so the next process after a crash around `create`
finds it; an upload without a job is dropped by the service. Each download has a name of its own, and the
first that is there counts: a collector that dies half-way leaves nothing, and two at once do not replace
each other's.
"""

import os
import secrets
import tempfile
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from gemchain.errors import (
    ConfigurationError,
    MissingExtraError,
    ProviderRejectedError,
    ProviderUnavailableError,
    RequestError,
)
from gemchain.formats.embeddings.gemini import GEMINI_EMBEDDINGS
from gemchain.formats.embeddings.names import asks_for_vectors, without_prefix
from gemchain.formats.gemini import rows
from gemchain.ports import Blobs, Capabilities, DirectRun, Format, Job, JobState, Limits
from gemchain.providers.direct import DirectLane, Endpoint
from gemchain.providers.direct.endpoints import gemini_api
from gemchain.providers.gemini_batches import GeminiBatches
from gemchain.providers.jobs import first_going
from gemchain.providers.keys import checked_key
from gemchain.providers.output_files import is_output, output_folder
from gemchain.providers.translation import translating
from gemchain.records import Batch, Failure, InputRow, OutputFile
from gemchain.records.identity import job_name
from gemchain.records.lanes import BATCH, DIRECT

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import BatchJob

__all__ = ["LIMITS", "GeminiApiProvider"]

LIMITS = Limits(max_requests=200_000, max_bytes=2_000_000_000, max_request_bytes=20_000_000)
"""2 GB in an input file; no limit on requests is published, so Vertex's serves."""

LISTING_LAG = 60.0
"""Lists are not promised to be consistent; nothing is published on how far they lag behind."""

TIMEOUT_MS = 120_000
OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"})
_WHY = {
    "EXPIRED": "the job expired: it was pending or running for more than 48 hours, and delivers nothing",
    "CANCELLED": "the job was cancelled, and delivers nothing",
    "FAILED": "the job failed",
    "PARTIALLY_SUCCEEDED": "the job succeeded in part",
}
KEY_HELP = "get a key at https://aistudio.google.com/apikey and set GEMINI_API_KEY"


class GeminiApiProvider(GeminiBatches):
    """Batch jobs of one API key. Nothing is opened before the first call.

    Args:
        blobs: Where the input files are, and where results are put.
        key: The API key; that of GEMINI_API_KEY or GOOGLE_API_KEY when empty.
        endpoint: Address of a stand-in; empty for the API itself.
        concurrency: Single requests that are on their way at the same time, at most.
    """

    name = "gemini-api"
    limits = LIMITS
    listing_lag = LISTING_LAG
    for_larger_files = (
        "upload it with google-genai's client.files.upload(file=…) and pass its uri as {'fileData': "
        "{'fileUri': …, 'mimeType': …}} (it lives for 48 hours), or use a model of Vertex AI, which reads "
        "files from Cloud Storage"
    )

    def __init__(self, blobs: Blobs, *, key: str = "", endpoint: str = "", concurrency: int = 64) -> None:
        self._blobs = blobs
        self._key = key
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._lane = DirectLane(self._endpoint_of)
        self._client: Client | None = None

    def format(self, model: str) -> Format:
        """That of `embedContent` for `embeddings/…`, else `generateContent`'s; see `Provider.format`."""
        return GEMINI_EMBEDDINGS if asks_for_vectors(model) else super().format(model)

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table, and of embeddings nothing but them; see `Provider.capabilities`."""
        can = super().capabilities(model)
        if not asks_for_vectors(model):
            return can._replace(kinds=("generate",))
        return can._replace(lanes=(BATCH, DIRECT), kinds=("embed",), schema="", tools=False, seed=False)

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what the API would refuse; see `Provider.check`."""
        super().check(model, request)
        if request.get("labels"):
            raise RequestError(
                "the Gemini API takes no 'labels' in a request, only Vertex AI does; leave them out, "
                f"or use the model {model!r} of Vertex AI"
            )

    def start(self, batch: Batch) -> DirectRun:
        """Single requests of this batch; see `Provider.start`."""
        return self._lane.start(batch)

    def _endpoint_of(self, batch: Batch) -> Endpoint:
        key = self._found_key()
        return gemini_api(batch, key, self._endpoint, concurrency=self._concurrency, key_help=KEY_HELP)

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file that names the prompt by its key, which the API echoes."""
        del batch
        return rows.keyed_line(row)

    def find(self, batch: Batch) -> Job | None:
        """The first job under this batch's name that has not failed; see `Provider.find`."""
        name = job_name(batch.id)
        with _translated(f"list the jobs named {name!r}"):
            listed = self._opened().batches.list(config={"page_size": 100})
            ours = [each for each in listed if each.display_name == name]
        ours.sort(key=lambda each: (each.create_time is None, each.create_time, each.name))
        return first_going(self._report(each, batch) for each in ours)

    def create(self, batch: Batch) -> Job:
        """A new job over a new upload of the input; see `Provider.create`."""
        name = job_name(batch.id)
        with _translated(f"create the job of batch {batch.id!r} for model {batch.model!r}"):
            job = self._created(batch.model, self._upload(batch, name), name)
        # Whether it is over already, `poll` tells: from here on no error may say that there is no job.
        return Job(job.name or "", JobState.RUNNING)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; a result is downloaded first. See `Provider.poll`."""
        with _translated(f"show job {batch.job!r}"):
            job = self._opened().batches.get(name=batch.job or "")
        return self._report(job, batch)

    def cancel(self, batch: Batch) -> None:
        """Ask for the job's end; a job that is over stays as it is. See `Provider.cancel`."""
        if self.poll(batch).state is JobState.RUNNING:
            with _translated(f"cancel job {batch.job!r}"):
                self._opened().batches.cancel(name=batch.job or "")

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> "Client":
        if self._client is None:
            try:
                from google.genai import Client
                from google.genai.types import HttpOptions
            except ImportError as error:
                raise MissingExtraError("the Gemini API", "gemini") from error
            options = HttpOptions(timeout=TIMEOUT_MS, base_url=self._endpoint or None)
            self._client = Client(vertexai=False, api_key=self._found_key(), http_options=options)
        return self._client

    def _created(self, model: str, file: str, name: str) -> "BatchJob":
        batches = self._opened().batches
        if not asks_for_vectors(model):
            return batches.create(model=model, src=file, config={"display_name": name})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library may change this call; our tests would show it
            return batches.create_embeddings(
                model=without_prefix(model),
                src={"file_name": file},
                config={"display_name": name},
            )

    def _found_key(self) -> str:
        key = self._key or os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY")
        return checked_key(key or ("emulated" if self._endpoint else ""), "the Gemini API", KEY_HELP)

    def _upload(self, batch: Batch, name: str) -> str:
        """The input as a file of the service; through the disk, since its size is asked for beforehand."""
        with tempfile.TemporaryFile() as file:
            for piece in self._blobs.stream(batch.input_uri or ""):
                file.write(piece)
            file.seek(0)
            # On some platforms it is a wrapper, which the library would take for a path.
            uploaded = self._opened().files.upload(
                file=getattr(file, "file", file),
                config={"display_name": name, "mime_type": "jsonl"},
            )
        return uploaded.name or ""

    def _report(self, job: "BatchJob", batch: Batch) -> Job:
        word = getattr(job.state, "name", str(job.state))
        state = word.removeprefix("JOB_STATE_")
        name = job.name or ""
        if state not in OVER:
            return Job(name, JobState.RUNNING, detail=word)
        why = ": ".join(filter(None, [_WHY.get(state, ""), job.error.message if job.error else ""]))
        failure = None if state == "SUCCEEDED" else Failure("job", why, retryable=True)
        file = job.dest.file_name if job.dest else None
        if file:
            return Job(name, JobState.LANDED, (self._fetched(name, file, batch),), failure, word)
        lost = Failure("job", f"the job ended as {word} without any output", retryable=True)
        return Job(name, JobState.FAILED, failure=failure or lost, detail=word)

    def _fetched(self, job: str, file: str, batch: Batch) -> OutputFile:
        """The result in our own file storage, downloaded unless it is there already."""
        folder = f"{output_folder(batch.id)}/{job.rpartition('/')[2]}"
        with _translated(f"download the result of job {job!r}"):
            for info in self._blobs.list(f"{folder}/"):
                if is_output(info.uri):
                    return OutputFile(*info)
            name = f"{folder}/{secrets.token_hex(4)}/predictions.jsonl"
            with self._blobs.writer(name) as out:
                self._opened().files.download(file=file, destination=out)  # type: ignore[call-overload]
            info_there = self._blobs.stat(self._blobs.uri(name))
        if info_there is None:
            raise ProviderUnavailableError(f"the result of job {job!r} was downloaded and is gone")
        return OutputFile(*info_there)


def _translated(what: str) -> AbstractContextManager[None]:
    """Raise the port's errors in place of the libraries'; see `translating`."""
    return translating(what, _of_library)


def _of_library(what: str, error: Exception) -> Exception | None:
    import httpx
    from google.genai.errors import APIError

    if isinstance(error, httpx.HTTPError | OSError):
        return ProviderUnavailableError(f"the Gemini API cannot be reached to {what}: {error}")
    if not isinstance(error, APIError):
        return None
    said = f"{error.code} {error.status}: {error.message}"
    if error.code in (401, 403) or "API key" in str(error.message):
        return ConfigurationError(f"the Gemini API does not accept the key to {what}: {said}; {KEY_HELP}")
    if error.code == 429 or error.code >= 500 or error.code == 408:  # noqa: PLR2004 -- HTTP's own numbers
        return ProviderUnavailableError(f"the Gemini API could not {what}: {said}; it is tried again")
    return ProviderRejectedError(f"the Gemini API refuses to {what}: {said}")
