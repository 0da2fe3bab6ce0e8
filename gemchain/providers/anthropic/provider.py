"""Message Batches: the `Provider` port for `anthropic/…` models and an API key.

https://platform.claude.com/docs/en/build-with-claude/batch-processing

The input goes out as the body of the call that makes a batch. Results come down into the file storage, where
they are read like any other output. The service keeps them for 29 days.

Crash story. A batch of the service bears no name, so after a crash around `create`, or a call that was not
answered, it cannot be found by one. Each request's custom_id begins with our batch's id, and once a batch of
the service has ended its first result tells whose it is. Until then each one that may be ours (made at such a
time, with as many requests) keeps `find` from an answer: it raises, and the engine asks again, and creates
nothing. If it turns out to be ours, nothing was lost by the wait: its results could not have been read
before. The body of the call is on its way for `UPLOAD_SECONDS` at most, so `LISTING_LAG` after a call no
batch can come of it any more. A process that dies while it downloads leaves nothing; see `downloads`.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gemchain.errors import ProviderUnavailableError
from gemchain.ports import Blobs, Job, JobState, Limits, Row
from gemchain.providers.anthropic import rows
from gemchain.providers.anthropic.adoption import Ownership, checked, has_ended, understood
from gemchain.providers.anthropic.client import found_key, open_client, translated
from gemchain.providers.anthropic.request_body import request_body
from gemchain.providers.direct import DirectLane, Endpoint, endpoints
from gemchain.providers.downloads import fetched
from gemchain.providers.hosted import CALL_SECONDS, LISTING_LAG, Deadline, Hosted
from gemchain.providers.jobs import first_going
from gemchain.providers.output_files import output_folder
from gemchain.records import Batch, Failure, InputRow, OutputFile

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types.messages import MessageBatch

__all__ = ["LIMITS", "AnthropicProvider"]

LIMITS = Limits(max_requests=100_000, max_bytes=255_000_000, max_request_bytes=32_000_000)
"""256 MB, of which the body's own brackets and commas take some; 32 MB in a single request.

https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

PATH = "/v1/messages/batches"
GONE = "its results are gone: the service keeps them for 29 days"


class AnthropicProvider(Hosted):
    """Batches of one API key's workspace. Nothing is opened before the first call.

    Args:
        blobs: Where the input files are, and where results are put.
        key: The API key; that of ANTHROPIC_API_KEY when empty.
        endpoint: Address of a stand-in; that of ANTHROPIC_BASE_URL, else the API itself, when empty.
        seconds: A clock that never goes back, for the time that an upload takes.
        concurrency: Single requests of one model that are on their way at the same time, at most.
    """

    name = "anthropic"
    speaks = "anthropic"
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
        self._client: Anthropic | None = None
        self._ownership = Ownership(self._opened)

    def _single(self, batch: Batch) -> Endpoint:
        """Where single requests of a batch go."""
        key = found_key(self._key, self._endpoint)
        base = self._endpoint or os.environ.get("ANTHROPIC_BASE_URL", "")
        return endpoints.anthropic(
            batch, self.format(batch.model), key, base_url=base, concurrency=self._concurrency
        )

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file, with the model; see `Provider.input_line`."""
        return rows.input_line(batch, row)

    def read_input(self, line: bytes) -> tuple[str, dict[str, object]]:
        """The prompt that a line of an input file names, and its request; see `Provider.read_input`."""
        return rows.read_input(line)

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output; see `Provider.read_row`."""
        return rows.read_row(self.format(""), line)

    def find(self, batch: Batch) -> Job | None:
        """The first batch of the service that names this batch; see `Provider.find`.

        Raises:
            ProviderUnavailableError: One is running that may be this batch's.
        """
        with translated(f"look for the batch of the service that carries {batch.id!r}"):
            ours, undecided = self._ownership.sort(batch)
            job = first_going(self._report(each, batch) for each in ours)
        if undecided and (job is None or job.state is JobState.FAILED):
            names = ", ".join(each.id for each in undecided)
            raise ProviderUnavailableError(
                f"it is not certain whether batch {batch.id!r} was taken: {names} was made at that time with "
                "as many requests. Whose it is can be read when it has ended; until then nothing is sent, so "
                "that nothing is paid twice"
            )
        return job

    def create(self, batch: Batch) -> Job:
        """A new batch of the service over the input; see `Provider.create`."""
        deadline = Deadline(self._seconds)
        with translated(f"create the batch of {batch.input_uri!r} for model {batch.model!r}"):
            from anthropic.types.messages import MessageBatch

            client = self._opened()
            with request_body(self._blobs, batch.input_uri or "", deadline) as body:
                made = client.post(
                    PATH,
                    cast_to=MessageBatch,
                    content=body,
                    options={
                        "headers": {"Content-Type": "application/json", "Content-Length": str(body.size)},
                        "timeout": CALL_SECONDS,
                    },
                )
        if not understood(made):
            raise ProviderUnavailableError(
                f"Anthropic took batch {batch.id!r} and named no id; it is looked for"
            )
        self._ownership.learn(made.id, batch.id)
        # Whether it is over already, `poll` tells: from here on no error may say that there is no batch.
        return Job(made.id, JobState.RUNNING, detail=made.processing_status)

    def poll(self, batch: Batch) -> Job:
        """The batch as it stands; results are downloaded first. See `Provider.poll`."""
        job = batch.job or ""
        with translated(f"show batch {job!r}"):
            found = checked(self._opened().messages.batches.retrieve(job))
            self._ownership.learn(job, batch.id)
            return self._report(found, batch)

    def cancel(self, batch: Batch) -> None:
        """Ask for the batch's end; one that is over stays as it is. See `Provider.cancel`."""
        job = batch.job or ""
        with translated(f"cancel batch {job!r}"):
            batches = self._opened().messages.batches
            if checked(batches.retrieve(job)).processing_status == "in_progress":
                batches.cancel(job)

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> "Anthropic":
        if self._client is None:
            self._client = open_client(self._key, self._endpoint)
        return self._client

    def _report(self, found: "MessageBatch", batch: Batch) -> Job:
        """The batch of the service as the port has it."""
        if not has_ended(found):
            return Job(found.id, JobState.RUNNING, detail=found.processing_status)
        failure, detail = _failure(found), _detail(found)
        if not found.results_url:
            lost = Failure("job", f"batch {found.id!r} has ended, and {GONE}", retryable=True)
            return Job(found.id, JobState.FAILED, failure=lost, detail=detail)
        if failure is not None and not found.request_counts.succeeded + found.request_counts.errored:
            return Job(found.id, JobState.FAILED, failure=failure, detail=detail)
        folder = f"{output_folder(batch.id)}/{found.id}"
        file: OutputFile = fetched(self._blobs, folder, lambda: self._results(found), batch.id.encode())
        return Job(found.id, JobState.LANDED, (file,), failure, detail)

    def _results(self, found: "MessageBatch") -> Iterator[bytes]:
        """The results without those of requests that were never tried: such prompts have no row.

        So they are sent again, or go over to a faster lane with all others that were not answered.
        """
        thin = found.request_counts.canceled + found.request_counts.expired > 0
        with self._opened().messages.batches.with_streaming_response.results(found.id) as response:
            if not thin:
                yield from response.iter_bytes(PIECE)
                return
            for line in _lines(response.iter_bytes(PIECE)):
                if not rows.is_not_tried(line):
                    yield line


PIECE = 1 << 18


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a stream, each with its end."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest + b"\n"


def _failure(found: "MessageBatch") -> Failure | None:
    counts = found.request_counts
    why = []
    if counts.expired:
        why.append(f"the batch expired after 24 hours; {counts.expired:,} requests were not answered")
    if counts.canceled:
        why.append(f"the batch was cancelled; {counts.canceled:,} requests were not answered")
    return Failure("job", "; ".join(why), retryable=True) if why else None


def _detail(found: "MessageBatch") -> str:
    counts = found.request_counts
    told = {"succeeded": counts.succeeded, "errored": counts.errored, "canceled": counts.canceled}
    told["expired"] = counts.expired
    return f"ended: {', '.join(f'{number} {word}' for word, number in told.items() if number)}"
