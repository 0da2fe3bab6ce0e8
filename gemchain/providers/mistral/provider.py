"""Batch jobs of Mistral: the `Provider` port for `mistral/…` models and an API key.

https://docs.mistral.ai/studio-api/batch-processing

The input goes up as a file, and a job is made over it. The results, a file of answers and one of errors, come
down into the file storage, where they are read like any other output.

Crash story. A job bears its batch's id in its metadata, so the next process after a crash around `create`
finds it. The library spells a filter by metadata in a way of its own (`?gemchain=…`), and a filter that is
read wrong would hide a job and have it paid twice. So all jobs since the batch was made are listed, and
compared here. An upload without a job costs nothing, and the service drops it. The job is made within
`UPLOAD_SECONDS` of the call, or not at all, so `LISTING_LAG` after a call it shows, or there is none. A
process that dies while it downloads leaves nothing; see `downloads`.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from gemchain.errors import ProviderUnavailableError
from gemchain.formats.embeddings.names import asks_for_vectors, without_prefix
from gemchain.formats.embeddings.openai import OPENAI_EMBEDDINGS
from gemchain.ports import Blobs, Capabilities, Format, Job, JobState, Limits, Row
from gemchain.providers.direct import DirectLane, Endpoint, endpoints
from gemchain.providers.downloads import fetched
from gemchain.providers.hosted import CALL_SECONDS, LISTING_LAG, Deadline, Hosted
from gemchain.providers.jobs import first_going
from gemchain.providers.mistral import rows
from gemchain.providers.mistral.client import found_key, open_client, translated
from gemchain.providers.output_files import output_folder
from gemchain.records import Batch, Failure, InputRow, OutputFile
from gemchain.records.identity import job_name

if TYPE_CHECKING:
    from mistralai.client import Mistral
    from mistralai.client.models import BatchJob

__all__ = ["LIMITS", "METADATA", "MistralProvider"]

LIMITS = Limits(max_requests=100_000, max_bytes=512_000_000, max_request_bytes=20_000_000)
"""https://docs.mistral.ai/resources/known-limitations; no limit on a single request is published."""

METADATA = "gemchain"
"""The key in a job's metadata under which the batch's id stands."""

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
"""Endpoints of which the service takes batches."""

HOURS = 24
PAGE = 100
SKEW = timedelta(minutes=5)
"""How much the clock of the service and that of the store may differ."""

_WHY = {
    "FAILED": "the job failed",
    "TIMEOUT_EXCEEDED": f"the job ran out of time: it was not done within {HOURS} hours",
    "CANCELLED": "the job was cancelled",
}
OVER = frozenset({"SUCCESS", *_WHY})


class MistralProvider(Hosted):
    """Batch jobs of one API key. Nothing is opened before the first call.

    Args:
        blobs: Where the input files are, and where results are put.
        key: The API key; that of MISTRAL_API_KEY when empty.
        endpoint: Address of a stand-in; empty for the API itself.
        seconds: A clock that never goes back, for the time that an upload takes.
        concurrency: Single requests of one model that are on their way at the same time, at most.
    """

    name = "mistral"
    speaks = "mistral"
    limits = LIMITS
    listing_lag = LISTING_LAG

    def __init__(
        self,
        blobs: Blobs,
        *,
        key: str = "",
        endpoint: str = "",
        seconds: Callable[[], float] = time.monotonic,
        concurrency: int = 64,
    ) -> None:
        self._concurrency = concurrency
        self._lane = DirectLane(self._single)
        self._blobs = blobs
        self._key = key
        self._endpoint = endpoint
        self._seconds = seconds
        self._client: Mistral | None = None

    def format(self, model: str) -> Format:
        """That of embeddings for `embeddings/…`, else that of chat completions; see `Provider.format`."""
        return OPENAI_EMBEDDINGS if asks_for_vectors(model) else super().format(model)

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table, and of embeddings nothing but them; see `Provider.capabilities`."""
        can = super().capabilities(model)
        if not asks_for_vectors(model):
            return can._replace(kinds=("generate",))
        return can._replace(kinds=("embed",), files=("text",), schema="", tools=False, seed=False)

    def _single(self, batch: Batch) -> Endpoint:
        """Where single requests of a batch go."""
        key = found_key(self._key, self._endpoint)
        base = f"{self._endpoint}/v1" if self._endpoint else ""
        return endpoints.mistral(
            batch, self.format(batch.model), key, base_url=base, concurrency=self._concurrency
        )

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file that names the prompt; see `Provider.input_line`."""
        del batch
        return rows.input_line(row)

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The prompt that a line of an input file names, and its request; see `Provider.read_input`."""
        return rows.read_input(line)

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output; see `Provider.read_row`."""
        return rows.read_row(self.format(""), line)

    def find(self, batch: Batch) -> Job | None:
        """The first job with this batch's id that has not failed; see `Provider.find`."""
        with translated(f"list the jobs of batch {batch.id!r}"):
            ours = [each for each in self._listed(batch) if (each.metadata or {}).get(METADATA) == batch.id]
            ours.sort(key=lambda each: (each.created_at, each.id))
            return first_going(self._report(each, batch) for each in ours)

    def create(self, batch: Batch) -> Job:
        """A new job over a new upload of the input; see `Provider.create`."""
        deadline = Deadline(self._seconds)
        with translated(f"create the job of {batch.input_uri!r} for model {batch.model!r}"):
            file = self._upload(batch)
            deadline.check()
            made = self._opened().batch.jobs.create(
                endpoint=EMBEDDINGS if asks_for_vectors(batch.model) else CHAT,
                input_files=[file],
                model=without_prefix(batch.model),
                metadata={METADATA: batch.id},
                timeout_hours=HOURS,
                timeout_ms=int(CALL_SECONDS * 1000),
            )
        # Whether it is over already, `poll` tells: from here on no error may say that there is no job.
        return Job(made.id, JobState.RUNNING, detail=made.status)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; results are downloaded first. See `Provider.poll`."""
        with translated(f"show job {batch.job!r}"):
            return self._report(self._opened().batch.jobs.get(job_id=batch.job or ""), batch)

    def cancel(self, batch: Batch) -> None:
        """Ask for the job's end; a job that is over stays as it is. See `Provider.cancel`."""
        with translated(f"cancel job {batch.job!r}"):
            jobs = self._opened().batch.jobs
            if jobs.get(job_id=batch.job or "").status in ("QUEUED", "RUNNING"):
                jobs.cancel(job_id=batch.job or "")

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._client is not None:
            self._client.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self._client = None

    def _opened(self) -> "Mistral":
        if self._client is None:
            self._client = open_client(self._key, self._endpoint)
        return self._client

    def _listed(self, batch: Batch) -> Iterator["BatchJob"]:
        """All jobs that are not older than the batch.

        One that is made meanwhile moves the others a place on, so some come twice. One that is removed might
        move another out of sight between two pages.

        Raises:
            ProviderUnavailableError: One was removed; list again.
        """
        seen: set[str] = set()
        page = total = 0
        while True:
            listed = self._opened().batch.jobs.list(
                page=page, page_size=PAGE, created_after=batch.created_at - SKEW, order_by="-created"
            )
            if listed.total < total:
                raise ProviderUnavailableError("jobs of Mistral were removed while they were listed")
            total = listed.total
            fresh = [each for each in listed.data or [] if each.id not in seen]
            yield from fresh
            seen.update(each.id for each in fresh)
            page += 1
            if not listed.data and len(seen) < total:
                raise ProviderUnavailableError(f"Mistral listed {len(seen)} jobs of {total}")
            if page * PAGE >= total:
                return

    def _upload(self, batch: Batch) -> str:
        """The input as a file of the service; through the disk, since its size is told beforehand."""
        with tempfile.TemporaryFile() as file:
            for piece in self._blobs.stream(batch.input_uri or ""):
                file.write(piece)
            file.seek(0)
            # On some platforms it is a wrapper, which the library would not take.
            content = getattr(file, "file", file)
            name = f"{job_name(batch.id)}.jsonl"
            uploaded = self._opened().files.upload(
                file={"file_name": name, "content": content}, purpose="batch"
            )
        return uploaded.id

    def _report(self, job: "BatchJob", batch: Batch) -> Job:
        word = str(job.status)
        if word not in OVER and job.completed_at is None:
            return Job(job.id, JobState.RUNNING, detail=word)
        failure = _failure(job, word)
        output = tuple(
            self._fetched(job.id, file, batch) for file in (job.output_file, job.error_file) if file
        )
        if output:
            return Job(job.id, JobState.LANDED, output, failure, word)
        lost = Failure("job", f"the job ended as {word} without any output", retryable=True)
        return Job(job.id, JobState.FAILED, failure=failure or lost, detail=word)

    def _fetched(self, job: str, file: str, batch: Batch) -> OutputFile:
        folder = f"{output_folder(batch.id)}/{job}/{file}"
        return fetched(self._blobs, folder, lambda: self._content(file), b'"custom_id"')

    def _content(self, file: str) -> Iterator[bytes]:
        response = self._opened().files.download(file_id=file)
        try:
            yield from response.iter_bytes()
        finally:
            response.close()


def _failure(job: "BatchJob", word: str) -> Failure | None:
    """Why a job failed, or why it delivered only a part."""
    if word == "SUCCESS":
        return None
    said = dict.fromkeys(each.message for each in job.errors)
    return Failure("job", ": ".join([_WHY.get(word, f"the job ended as {word}"), *said]), retryable=True)
