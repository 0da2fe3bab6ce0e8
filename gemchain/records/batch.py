"""A batch, the files and the parts of its output, and what became of its rows."""

from datetime import datetime
from typing import NamedTuple

from gemchain.records.failure import Failure
from gemchain.records.frozen import frozen
from gemchain.records.queue import queue_name
from gemchain.records.states import BatchState, PartState
from gemchain.records.usage import NO_USAGE, Usage

__all__ = ["NO_ROWS", "Batch", "OutputFile", "Part", "RowCounts"]


class OutputFile(NamedTuple):
    """One file of a job's output, pinned to a generation."""

    uri: str
    generation: int
    size: int


class RowCounts(NamedTuple):
    """What became of the rows of an output.

    Attributes:
        done: Rows that carried a prompt on, failures handed to `on_error` included.
        retried: Rows with a failure, whose prompt was queued again.
        failed: Rows that ended their prompt as FAILED.
        waiting: Rows whose callback raised or was not found.
        duplicate: Rows of prompts that this batch had handled already.
        late: Rows of prompts that were cancelled, or that another batch holds by now.
        unknown: Rows that belong to no prompt.
        malformed: Lines that are no row.
        missing: Prompts for which no row came.
        deferred: Rows without an id, met while the job ran, whose prompt only the whole output tells. Their
            part is dispatched again when the job is over.
    """

    done: int = 0
    retried: int = 0
    failed: int = 0
    waiting: int = 0
    duplicate: int = 0
    late: int = 0
    unknown: int = 0
    malformed: int = 0
    missing: int = 0
    deferred: int = 0

    def plus(self, other: "RowCounts") -> "RowCounts":
        """The sum of both."""
        return RowCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NO_ROWS = RowCounts()


@frozen(kw_only=True)
class Batch:
    """Prompts of one queue that are sent together, and the provider job that carries them.

    Attributes:
        lane: How it is sent now. A batch may go over to a faster lane with what is not answered.
        owner: Whose prompts it sends; see `Chain.owner`.
        source: The lane of the queue that it claims from, where that is written otherwise than its own.
        next_lane: The lane that it goes over to when its job, which was cancelled for that, is over.
        fence: How many leases were taken on it. A writer acts only under the fence it leased.
        leased_until_at: The end of the lease, by the store's clock; None when no process holds it.
        holder: The process that holds the lease, where a later one can tell whether it is gone.
        requests: Prompts in the input file, once WRITTEN.
        size: Bytes of the input file.
        job: The provider's name of the job, once SENT.
        create_at: When a job was first asked for; None before. While set and not SENT, a job may exist.
        poll_at: When to ask the provider again.
        output: The files that the job delivered so far, in the order in which they were found; all once
            ARRIVED.
        parts: How many parts they were split into.
        usage: Tokens and money of its answers, once CLOSED.
    """

    id: str
    lane: str = "batch"
    provider: str
    model: str
    owner: str = ""
    state: BatchState = BatchState.PLANNED
    created_at: datetime
    fence: int = 1
    leased_until_at: datetime | None = None
    holder: str | None = None
    requests: int = 0
    size: int = 0
    input_uri: str | None = None
    job: str | None = None
    create_at: datetime | None = None
    sent_at: datetime | None = None
    poll_at: datetime | None = None
    arrived_at: datetime | None = None
    closed_at: datetime | None = None
    output: tuple[OutputFile, ...] = ()
    parts: int = 0
    counts: RowCounts = NO_ROWS
    usage: Usage = NO_USAGE
    failure: Failure | None = None
    source: str | None = None
    next_lane: str | None = None
    version: int = 0

    @property
    def claims_from(self) -> str:
        """The lane of the queue its prompts came from."""
        return self.source or self.lane

    @property
    def queue(self) -> str:
        """The queue its prompts came from."""
        return queue_name(self.claims_from, self.provider, self.model, self.owner)


@frozen(kw_only=True)
class Part:
    """A byte range of a batch's output: the lines that start inside it. One unit of dispatch."""

    id: str
    batch_id: str
    index: int
    file: OutputFile
    start: int
    end: int
    state: PartState = PartState.WAITING
    fence: int = 0
    leased_until_at: datetime | None = None
    holder: str | None = None
    counts: RowCounts = NO_ROWS
    usage: Usage = NO_USAGE
    version: int = 0
