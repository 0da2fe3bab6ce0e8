"""The port for batch jobs."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gemchain.ports.direct import DirectRun
from gemchain.ports.format import FileContent, Format
from gemchain.records import Batch, Failure, InputRow, OutputFile

__all__ = ["Capabilities", "Job", "JobState", "Limits", "Provider", "Row"]


class Limits(NamedTuple):
    """What one provider job takes."""

    max_requests: int
    max_bytes: int
    max_request_bytes: int


class Capabilities(NamedTuple):
    """What a provider can do with one model. Data for the checks at submit, and for `gemchain models`.

    Attributes:
        lanes: The lanes that it has, the cheapest first; see `records.lanes`.
        kinds: What may be asked for: `generate`, `embed`.
        files: Kinds of files in a request: `image`, `pdf`, `audio`, `video`, `text`.
        schema: How an answer is made to fit a schema: `strict` (the service sees to it), `tool` (as the
            arguments of a function), `prompt` (it is only asked for); empty where it is not possible.
        tools: Whether the model may ask for functions to be called.
        seed: Whether a seed is taken.
        partial: Whether a job that expires or is cancelled delivers what is finished.
        webhook: Whether the service calls when a job is over.
        batch_price: Share of the interactive price that a batch costs.
    """

    lanes: tuple[str, ...]
    kinds: tuple[str, ...] = ("generate",)
    files: tuple[str, ...] = ()
    schema: str = "strict"
    tools: bool = True
    seed: bool = True
    partial: bool = True
    webhook: bool = False
    batch_price: float = 0.5


class JobState(Enum):
    """What gemchain needs to know of a provider job."""

    RUNNING = "running"
    LANDED = "landed"
    """Over, and its output can be read; prompts without a row are sent again."""
    FAILED = "failed"
    """Over, and nothing was delivered or charged."""


@dataclass(frozen=True, slots=True)
class Job:
    """A provider job as the provider reports it.

    Attributes:
        name: The provider's own name of it.
        output: Once LANDED, all files that it delivered. While RUNNING, those that are finished: none of them
            changes any more, and later reports list them again, in any order. Output grows by new files.
        failure: Why it failed, or why it delivered only a part. The reason `rate` of a FAILED job says that
            the service had no room for it and looked at no prompt: they are sent again after the longest
            rest, and it counts as no attempt.
        detail: The provider's own word for its state, for people.
    """

    name: str
    state: JobState
    output: tuple[OutputFile, ...] = ()
    failure: Failure | None = None
    detail: str = ""


class Row(NamedTuple):
    """One line of an output file.

    Attributes:
        prompt_id: The prompt it names by key or label; None when the row names none.
        request: The request as echoed, by which a row without a name is matched.
        body: The response's body; None when the row carries an error.
        failure: The row's error, classified.
        lane: The lane in which it was answered; `batch` where the row does not say.
    """

    prompt_id: str | None
    request: dict[str, Any] | None
    body: dict[str, Any] | None
    failure: Failure | None
    lane: str = "batch"


class Provider(Protocol):
    """Runs batch jobs, and sends single requests where it has a lane for them.

    Every method may raise `ProviderUnavailableError` (ask again later) or `ProviderRejectedError`
    (never ask again). An error of `create` does not say whether a job exists.

    Every method may also raise `ConfigurationError`: a person has to mend something first, such as
    credentials, a permission, or an API that is off. The engine stops with it and gives everything
    back as it was, so that the next run goes on at once. From `create` it is a promise: the service
    was not asked, or refused, and *no job came to be*. What goes wrong after the service has taken
    the job must be raised as `ProviderUnavailableError`.
    """

    name: str
    limits: Limits
    listing_lag: float
    """Seconds after which `find` certainly shows a job that was created."""

    def format(self, model: str) -> Format:
        """The wire format of a model's requests and answers. The same model always has the same format."""

    def capabilities(self, model: str) -> Capabilities:
        """What it can do with this model. Asks no service, unless a setting says that it has to be asked."""

    def start(self, batch: Batch) -> DirectRun:
        """Begin to send the requests of a batch one at a time, in the batch's lane. Nothing is sent yet.

        Requests of all batches of one model share the limits that the service sets.
        """

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse, before anything is recorded, what the provider would refuse anyway.

        Raises:
            ModelError: No such model.
            RequestError: The request cannot be sent.
        """

    def attach(self, path: Path) -> FileContent:
        """A local file as the service can read it.

        Called at submit, before anything is recorded. The file is copied to where the service reads it, once
        for each content, or its bytes go into the request.

        Raises:
            RequestError: The file is missing, too large, or of a kind that its suffix does not tell.
            BlobError: It could not be copied.
        """

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of the batch's input file, newline included, that names the prompt.

        Raises:
            ValueError: The stored request cannot be sent.
        """

    def find(self, batch: Batch) -> Job | None:
        """The job that was created for this batch, found by its deterministic name; None when none shows.

        Of a service whose jobs bear no name: None only when no job of the service can be this batch's.

        Raises:
            ProviderUnavailableError: It cannot be told yet whether there is one, however long that takes.
        """

    def create(self, batch: Batch) -> Job:
        """Create the job for a WRITTEN batch, under its deterministic name."""

    def poll(self, batch: Batch) -> Job:
        """The job of a SENT batch as it stands."""

    def cancel(self, batch: Batch) -> None:
        """Ask the provider to stop. Finished rows are still delivered, where the provider does so."""

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output.

        Raises:
            ValueError: It is no row.
        """

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The prompt that a line of an input file names, and its request as the service may echo it."""
