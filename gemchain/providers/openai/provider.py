"""OpenAI's API: the `Provider` port for `openai/…` models.

Batches: https://developers.openai.com/api/docs/guides/batch. Single requests: `providers/direct`, whose crash
story holds for them.

Crash story. A job bears its batch's id in its metadata. `create` looks for an upload of the same input,
uploads it if there is none, and then creates the job. A process that dies before the job leaves a file, which
the next attempt uses; one that dies after it leaves a job, which `find` shows and the next launcher adopts.
The SDK would repeat a call whose answer was lost, and so create two jobs; it is told never to. Results are
copied into our own file storage before they are reported, as `files.py` tells; the service keeps its own for
30 days. A job for which the account has no room (`token_limit_exceeded`) is reported as failed by `rate`, so
that its prompts are sent again later, in smaller batches; see `room.py`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemchain.errors import MissingExtraError, ProviderRejectedError, RequestError
from gemchain.formats import files as local_files
from gemchain.formats.registry import format_named
from gemchain.money.published import has_flex
from gemchain.ports import (
    Blobs,
    Capabilities,
    DirectRun,
    FileContent,
    Format,
    Job,
    JobState,
    Limits,
    Row,
)
from gemchain.providers.capabilities import TABLE
from gemchain.providers.direct import DirectLane, Endpoint
from gemchain.providers.direct.endpoints import openai
from gemchain.providers.hosted import LISTING_LAG, UPLOAD_SECONDS, Deadline
from gemchain.providers.jobs import first_going
from gemchain.providers.keys import checked_key
from gemchain.providers.openai import rows
from gemchain.providers.openai.endpoints import endpoint_of
from gemchain.providers.openai.errors import KEY_HELP, translated
from gemchain.providers.openai.files import fetched, uploaded
from gemchain.providers.openai.listing import since
from gemchain.providers.openai.room import Room
from gemchain.providers.openai.states import detail_of, failure_of, is_over, lacks_room, whole
from gemchain.records import Batch, Failure, InputRow
from gemchain.records.lanes import FLEX

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch as OpenAIBatch

__all__ = ["LIMITS", "METADATA", "OpenAIProvider"]

LIMITS = Limits(max_requests=50_000, max_bytes=200_000_000, max_request_bytes=50_000_000)
"""The first two are those of a batch's file; one request may carry 50 MB of images.
https://developers.openai.com/api/docs/guides/images-vision"""

TIMEOUT = 600.0
"""Seconds between two pieces of an answer; that of an upload comes when all of it was taken."""

CALL = LISTING_LAG - UPLOAD_SECONDS
"""The same for the call that makes a job: whoever takes the batch over counts on its end."""

METADATA = "gemchain"
"""The key under which a job names its batch."""

BY_HAND = "pass the part yourself, in OpenAI's own form, with the address of the file"
LARGER = "pass the https address of a larger image yourself, or send a smaller one"


class OpenAIProvider:
    """Batch jobs and single requests of one project of OpenAI. Nothing is opened before the first call.

    Args:
        blobs: Where the input files are, and where results are put.
        key: The API key; that of OPENAI_API_KEY when empty.
        endpoint: Address of the API; that of OPENAI_BASE_URL, or OpenAI's own, when empty.
        concurrency: Single requests of one model that are on their way at the same time, at most.
    """

    name = "openai"
    listing_lag = LISTING_LAG

    def __init__(self, blobs: Blobs, *, key: str = "", endpoint: str = "", concurrency: int = 64) -> None:
        self._blobs = blobs
        self._concurrency = concurrency
        self._lane = DirectLane(self._single)
        self._key = key
        self._endpoint = endpoint
        self._client: OpenAI | None = None
        self._room = Room(LIMITS)
        self.limits = LIMITS

    def format(self, model: str) -> Format:
        """That of the endpoint that the model's name chooses; see `Provider.format`."""
        return format_named(endpoint_of(model)[0].wire_format)

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table, as far as the model and its endpoint have them; see `Provider.capabilities`.

        The lane `flex` is for models that have a price for it: others are refused there.
        https://developers.openai.com/api/docs/guides/flex-processing
        """
        endpoint, name = endpoint_of(model)
        can = TABLE[self.name]._replace(**endpoint.can)
        if not has_flex(self.name, name):
            can = can._replace(lanes=tuple(each for each in can.lanes if each != FLEX))
        return can

    def start(self, batch: Batch) -> DirectRun:
        """Single requests of this batch; see `Provider.start`."""
        return self._lane.start(batch)

    def _single(self, batch: Batch) -> Endpoint:
        """Where single requests of a batch go."""
        found, model = endpoint_of(batch.model)
        return openai(
            batch,
            self.format(batch.model),
            self._found_key(),
            model=model,
            path=found.path.removeprefix("/v1/"),
            base_url=self._endpoint or os.environ.get("OPENAI_BASE_URL", ""),
            concurrency=self._concurrency,
        )

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what the API would refuse; see `Provider.check`."""
        if request.get("stream"):
            raise RequestError("answers are not streamed; leave 'stream' out of the request")
        self.format(model).check(endpoint_of(model)[1], request)

    def attach(self, path: Path) -> FileContent:
        """The file's bytes, to be sent inside the request; see `Provider.attach`."""
        return local_files.inline(path, instead=LARGER, by_hand=BY_HAND)

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file; see `Provider.input_line`."""
        return rows.input_line(*endpoint_of(batch.model), row)

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The prompt that a line of an input file names, and its request; see `Provider.read_input`."""
        return rows.read_input(line)

    def read_row(self, line: bytes) -> Row:
        """Understand one line of an output file or of an error file; see `Provider.read_row`."""
        return rows.read_row(line)

    def find(self, batch: Batch) -> Job | None:
        """The first job of this batch that has not failed; see `Provider.find`."""
        with translated(f"list the jobs of batch {batch.id!r}"):
            listed = since(self._opened().batches.list(limit=100), batch.created_at)
            ours = [whole(each) for each in listed if (each.metadata or {}).get(METADATA) == batch.id]
        ours.sort(key=lambda each: (each.created_at, each.id))
        return first_going(self._report(each, batch) for each in ours)

    def create(self, batch: Batch) -> Job:
        """A new job over the batch's input; see `Provider.create`."""
        endpoint, _ = endpoint_of(batch.model)
        deadline = Deadline()
        with translated(f"create the job of batch {batch.id!r}"):
            client = self._opened()
            file = uploaded(client, self._blobs, batch)
            deadline.check()  # the upload stays, and the next attempt uses it
            job = client.batches.create(
                input_file_id=file,
                endpoint=endpoint.path,
                completion_window="24h",
                metadata={METADATA: batch.id},
                timeout=CALL,
            )
            # Whether it is over already, `poll` tells: from here on no error may say that there is no job.
            return Job(whole(job).id, JobState.RUNNING, detail=job.status)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; results are downloaded first. See `Provider.poll`."""
        job = self._report(self._shown(batch), batch)
        self.limits = self._room.limits
        return job

    def cancel(self, batch: Batch) -> None:
        """Ask for the job's end; a job that is over stays as it is. See `Provider.cancel`."""
        if is_over(self._shown(batch)):
            return
        try:
            with translated(f"cancel job {batch.job!r}"):
                self._opened().batches.cancel(batch.job or "")
        except ProviderRejectedError:
            if not is_over(self._shown(batch)):  # else it has ended in between
                raise

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> "OpenAI":
        if self._client is None:
            try:
                from openai import OpenAI
            except ImportError as error:
                raise MissingExtraError("OpenAI", "openai") from error
            key = self._found_key()
            self._client = OpenAI(
                api_key=key, base_url=self._endpoint or None, timeout=TIMEOUT, max_retries=0
            )
        return self._client

    def _found_key(self) -> str:
        return checked_key(self._key or os.environ.get("OPENAI_API_KEY", ""), "OpenAI", KEY_HELP)

    def _shown(self, batch: Batch) -> "OpenAIBatch":
        with translated(f"show job {batch.job!r}"):
            return whole(self._opened().batches.retrieve(batch.job or ""))

    def _report(self, job: "OpenAIBatch", batch: Batch) -> Job:
        detail = detail_of(job)
        if not is_over(job):
            return Job(job.id, JobState.RUNNING, detail=detail)
        failure = failure_of(job)
        files = {"output": job.output_file_id, "errors": job.error_file_id}
        with translated(f"download the results of job {job.id!r}"):
            output = tuple(
                fetched(self._opened(), self._blobs, batch, file, f"{job.id}/{kind}")
                for kind, file in files.items()
                if file
            )
        if output:
            self._room.had(batch.model)
            return Job(job.id, JobState.LANDED, output, failure, detail)
        if lacks_room(job):
            self._room.lacked(batch.model, batch.requests)
        lost = Failure("job", f"the job ended as {job.status} without any output", retryable=True)
        return Job(job.id, JobState.FAILED, failure=failure or lost, detail=detail)
