"""A batch service without a model, kept as files beside the engine's own: the `Provider` port for trying out.

Every job is a small JSON record under `simulated/jobs/<display name>/`, so that the service works across
processes and restarts, in a folder as in a bucket. Like Vertex, it makes a new job each time it is asked,
even under the same display name, and writes `prediction-model-<time>/predictions.jsonl`.

Crash story. Nothing runs between two calls: a job is over once its time is reached. The process that polls it
then writes its answers and marks the record. They follow from the seed, the job and the input, so a poller
that dies before the mark loses nothing: the next one writes the same rows again. Two pollers at once write
two files with the same rows, each its own, so neither takes away what the other has already reported.
A process that slept while others finished the batch and `gemchain gc` removed its files must not bring
them back. So whoever has written looks for the job's input, and removes what it wrote when that is gone. `gc`
lists a batch's files until there are none, so it finds what was written before it removed the input. A
process that is killed between its write and its look may leave files that nothing needs.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import BlobError, BlobNotFoundError, ProviderRejectedError, ProviderUnavailableError
from gemchain.formats.files import Uploads
from gemchain.formats.gemini import rows
from gemchain.formats.gemini.format import GEMINI
from gemchain.ports import Blobs, Clock, DirectRun, FileContent, Format, Job, JobState, Limits
from gemchain.providers.gemini_batches import BY_HAND, GeminiBatches
from gemchain.providers.jobs import first_going
from gemchain.providers.output_files import output_folder
from gemchain.records import Batch, Failure, InputRow, OutputFile
from gemchain.records.identity import job_name
from gemchain.simulated.bill import answered_prompts
from gemchain.simulated.dialect import Responder
from gemchain.simulated.dialects import dialect_of
from gemchain.simulated.direct import SimulatedRun
from gemchain.simulated.faults import Draws, Faults, JobFate
from gemchain.simulated.jobs import JOBS, WORDS, JobRecord, failure_of
from gemchain.simulated.output import Simulation, write_output

__all__ = ["LIMITS", "SimulatedProvider"]

LIMITS = Limits(max_requests=200_000, max_bytes=1_000_000_000, max_request_bytes=20_000_000)
"""Those of Vertex AI. https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/batch-inference"""


class SimulatedProvider(GeminiBatches):
    """Answers `simulated/…` models, whatever their name, from the requests' own texts.

    Attributes:
        asked: For each prompt, how often this object was asked it as a single request.

    Args:
        blobs: Where the input files are and where jobs and outputs are kept.
        clock: Tells when jobs are over.
        responder: Answers a request in place of the built-in one.
        turnaround: Seconds that a job takes.
        seed: Seed of everything that a job draws.
        faults: What goes wrong, as `Faults` or as `failed=0.1,blocked=0.05`.
        latency: Seconds that a single request takes in the lanes `flex` and `direct`.
        concurrency: Single requests on their way at the same time, for each batch.

    Raises:
        ConfigurationError: The faults cannot be read.
    """

    name = "simulated"
    limits = LIMITS
    listing_lag = 0.0

    def __init__(  # noqa: PLR0913 -- the settings of the service
        self,
        blobs: Blobs,
        clock: Clock,
        *,
        responder: Callable[[dict[str, Any]], Any] | None = None,
        turnaround: float = 0.0,
        seed: int = 0,
        faults: str | Faults = "",
        latency: float = 0.0,
        concurrency: int = 64,
    ) -> None:
        self._blobs = blobs
        self._uploads = Uploads(blobs, BY_HAND)
        self._clock = clock
        self._responder: Responder | None = responder
        self._turnaround = timedelta(seconds=turnaround)
        self._seed = seed
        self._latency = latency
        self._concurrency = concurrency
        self.asked: Counter[str] = Counter()
        self.faults = Faults.parse(faults) if isinstance(faults, str) else faults

    def format(self, model: str) -> Format:
        """That of the model's dialect: `plain/…` or Gemini's; see `Provider.format`."""
        return dialect_of(model).wire_format

    def attach(self, path: Path) -> FileContent:
        """Where the file was uploaded to; see `Provider.attach`."""
        return self._uploads.content(path)

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file; labels are Gemini's alone. See `Provider.input_line`."""
        return rows.input_line(row) if self.format(batch.model) is GEMINI else rows.keyed_line(row)

    def find(self, batch: Batch) -> Job | None:
        """The first job under this batch's name that did not fail; see `Provider.find`."""
        with _translated(f"jobs of batch {batch.id!r}"):
            return first_going(map(self._report, self._records(job_name(batch.id))))

    def create(self, batch: Batch) -> Job:
        """A new job, whether or not one of this name exists; see `Provider.create`."""
        with _translated(f"the input of batch {batch.id!r}"):
            uri = self._checked_input(batch)
            display = job_name(batch.id)
            number = sum(1 for _ in self._blobs.list(f"{JOBS}/{display}/"))
            now = self._clock.now()
            record = JobRecord(
                name=f"{JOBS}/{display}/{number:04d}-{secrets.token_hex(4)}",
                display_name=display,
                draw=f"{display}/{number}",
                batch_id=batch.id,
                model=batch.model,
                input_uri=uri,
                created_at=now.isoformat(),
                ready_at=(now + self._turnaround).isoformat(),
            )
            self._save(record)
            self._check_not_removed(record)
        return self._report(record)

    def poll(self, batch: Batch) -> Job:
        """The job as it stands; writes its output once its time is reached. See `Provider.poll`."""
        with _translated(f"simulated job {batch.job!r}"):
            return self._report(self._settled(self._load(batch)))

    def cancel(self, batch: Batch) -> None:
        """Stop the job now: the rows that are finished by now are delivered. See `Provider.cancel`."""
        with _translated(f"simulated job {batch.job!r}"):
            record = self._load(batch)
            now = self._clock.now()
            begun, ready = (datetime.fromisoformat(each) for each in (record.created_at, record.ready_at))
            if record.state is None and now < ready:
                self._save(replace(record, ready_at=now.isoformat(), stopped=(now - begun) / (ready - begun)))

    def start(self, batch: Batch) -> DirectRun:
        """Answer the requests of a batch one at a time; see `Provider.start`."""
        draws = Draws(self.faults, self._seed, f"direct/{batch.id}/{batch.fence}")
        return SimulatedRun(
            batch,
            self._simulation(batch.model, draws, self._clock.now()),
            self._clock,
            input_line=partial(self.input_line, batch),
            read_row=self.read_row,
            concurrency=self._concurrency,
            latency=self._latency,
            asked=self.asked,
        )

    def paid_rows(self) -> Counter[str]:
        """For each prompt, how many jobs have answered it: what a bill would show. For tests."""
        paid: Counter[str] = Counter()
        for record in self._records():
            settled = self._settled(record)
            if settled.output_uri is not None:
                sent, delivered = self._blobs.stream(record.input_uri), self._blobs.stream(settled.output_uri)
                paid.update(answered_prompts(sent, delivered, self.format(record.model)))
        return paid

    def _checked_input(self, batch: Batch) -> str:
        info = self._blobs.stat(batch.input_uri) if batch.input_uri else None
        if info is None or batch.input_uri is None:
            raise ProviderRejectedError(
                f"batch {batch.id!r} has no input for the simulated service: {batch.input_uri!r} is not there"
            )
        if batch.requests > LIMITS.max_requests:
            raise ProviderRejectedError(
                f"the simulated service takes {LIMITS.max_requests:,} requests in a job, as Vertex does, "
                f"not {batch.requests:,}; lower the setting 'max_batch_requests'"
            )
        if info.size > LIMITS.max_bytes:
            raise ProviderRejectedError(
                f"the simulated service takes input of {LIMITS.max_bytes:,} bytes, as Vertex does, "
                f"not {info.size:,}; lower the setting 'max_batch_bytes'"
            )
        return batch.input_uri

    def _records(self, display: str | None = None) -> Iterator[JobRecord]:
        """The jobs of one display name, or all, in the order of their names."""
        prefix = f"{JOBS}/{display}/" if display else f"{JOBS}/"
        for info in self._blobs.list(prefix):
            yield JobRecord(**orjson.loads(self._blobs.read(info.uri)))

    def _load(self, batch: Batch) -> JobRecord:
        if batch.job is None:
            raise ProviderRejectedError(f"batch {batch.id!r} has no simulated job yet")
        try:
            return JobRecord(**orjson.loads(self._blobs.read(self._blobs.uri(f"{batch.job}.json"))))
        except BlobNotFoundError as error:
            raise ProviderRejectedError(f"there is no simulated job {batch.job!r}") from error

    def _save(self, record: JobRecord) -> None:
        self._blobs.put(f"{record.name}.json", orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2))

    def _settled(self, record: JobRecord) -> JobRecord:
        """The job with its end written down, if it is over."""
        ready_at = datetime.fromisoformat(record.ready_at)
        if record.state is not None or self._clock.now() < ready_at:
            return record
        draws = Draws(self.faults, self._seed, record.draw)
        fate = JobFate.CANCELLED if record.stopped is not None else draws.job_fate()
        if fate is JobFate.FAILED:
            ended = replace(record, state=WORDS[fate])
        else:
            uri = self._write(record, draws, fate, ready_at)
            ended = replace(record, state=WORDS[fate], output_uri=uri)
        self._save(ended)
        self._check_not_removed(ended)
        return ended

    def _check_not_removed(self, record: JobRecord) -> None:
        """Remove what this process wrote if the files of the batch were removed meanwhile.

        Raises:
            ProviderRejectedError: They were.
        """
        if self._blobs.stat(record.input_uri) is not None:
            return
        self._blobs.delete(self._blobs.uri(f"{record.name}.json"))
        if record.output_uri is not None:
            self._blobs.delete(record.output_uri)
        raise ProviderRejectedError(f"the files of simulated job {record.name!r} were removed")

    def _write(self, record: JobRecord, draws: Draws, fate: JobFate, ready_at: datetime) -> str:
        share = record.stopped if record.stopped is not None else draws.share()
        finished = 1.0 if fate is JobFate.SUCCEEDED else share
        simulation = replace(self._simulation(record.model, draws, ready_at), share=finished)
        # The microseconds keep two pollers of one job apart; see the crash story.
        stamp = ready_at.replace(microsecond=secrets.randbelow(1_000_000)).astimezone(UTC)
        folder = f"prediction-model-{stamp.isoformat(timespec='microseconds').replace('+00:00', 'Z')}"
        name = f"{output_folder(record.batch_id)}/{folder}/predictions.jsonl"
        with self._blobs.writer(name) as out:
            write_output(self._blobs.stream(record.input_uri), out.write, simulation)
        return self._blobs.uri(name)

    def _simulation(self, model: str, draws: Draws, seen_at: datetime) -> Simulation:
        dialect = dialect_of(model)
        return Simulation(
            responder=self._responder or dialect.builtin,
            dialect=dialect,
            model=model,
            draws=draws,
            seen_at=seen_at.isoformat(timespec="microseconds"),
        )

    def _report(self, record: JobRecord) -> Job:
        if record.state is None:
            return Job(record.name, JobState.RUNNING, detail="JOB_STATE_RUNNING (simulated)")
        detail = f"{record.state} (simulated)"
        failure = failure_of(record.state)
        info = self._blobs.stat(record.output_uri) if record.output_uri else None
        if info is None:
            lost = Failure("job", "the output of the simulated job is gone", retryable=True)
            return Job(record.name, JobState.FAILED, failure=failure or lost, detail=detail)
        return Job(record.name, JobState.LANDED, (OutputFile(*info),), failure, detail)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Errors of the file storage as the exceptions of the port."""
    try:
        yield
    except BlobNotFoundError as error:
        raise ProviderRejectedError(f"the simulated service cannot read {what}: {error}") from error
    except BlobError as error:
        raise ProviderUnavailableError(f"the simulated service cannot reach {what}: {error}") from error
