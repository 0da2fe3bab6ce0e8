"""A provider of one's own: batches for a machine that shares nothing with this one but a folder.

Each job is a folder `gemchain-BATCH.TOKEN`. `requests.jsonl` in it has a line `{"id", "body"}` for each
prompt, the body as chat completions spell it. The worker, any program, writes `answers.jsonl` with a line
`{"id", "status", "body"}` for each, in any order, and at last `state.json`: `{"state": "done"}`, or another
word with a `why`. A file `cancel` asks it to stop. `answer_jobs` is such a worker.

Crash story. A job is made under a hidden name and renamed when it is whole. Whoever dies after that leaves a
job that bears the batch's name, so `find` finds it. Answers are copied under the job's name: twice is once.
"""

# ruff: noqa: ARG002, D102 -- the port, `gemchain.ports.Provider`, says what each method is and takes
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemchain.errors import BlobNotFoundError, ConfigurationError, ProviderRejectedError
from gemchain.formats import files
from gemchain.formats.registry import format_named
from gemchain.ports import Blobs, Capabilities, DirectRun, FileContent, Format, Job, JobState, Limits, Row
from gemchain.providers.output_files import output_folder
from gemchain.records import Batch, Failure, InputRow, OutputFile
from gemchain.records.identity import job_name

REQUESTS, ANSWERS, STATE, CANCEL = "requests.jsonl", "answers.jsonl", "state.json", "cancel"
FIELDS, OK = ("id", "status", "body"), 200


class FolderProvider:
    """Batches in a folder."""

    name = "folder"
    limits = Limits(max_requests=50_000, max_bytes=200_000_000, max_request_bytes=10_000_000)
    listing_lag = 0.0

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder, self._blobs = folder, blobs

    def format(self, model: str) -> Format:
        return format_named("openai_compat")

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(lanes=("batch",), files=("image", "text"), schema="prompt", seed=False)

    def start(self, batch: Batch) -> DirectRun:
        raise ConfigurationError("the folder takes batches only; leave out the lane")

    def check(self, model: str, request: dict[str, Any]) -> None:
        self.format(model).check(model, request)

    def attach(self, path: Path) -> FileContent:
        return files.inline(path, instead="send a smaller one")

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        return json.dumps({"id": row.prompt_id, "body": json.loads(row.request)}).encode() + b"\n"

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        return (read := json.loads(line))["id"], read["body"]

    def read_row(self, line: bytes) -> Row:
        read = json.loads(line)
        if not isinstance(read, dict) or [type(read.get(name)) for name in FIELDS] != [str, int, dict]:
            raise ValueError(f"no row: {line[:200]!r}")
        if read["status"] == OK:
            return Row(read["id"], None, read["body"], None)
        return Row(read["id"], None, None, self.format("").failure(read["status"], read["body"]))

    def create(self, batch: Batch) -> Job:
        name = f"{job_name(batch.id)}.{secrets.token_hex(4)}"
        hidden = self._folder / f".{name}"
        hidden.mkdir(parents=True)
        try:
            with (hidden / REQUESTS).open("wb") as out:
                out.writelines(self._blobs.stream(batch.input_uri or ""))
        except BlobNotFoundError as error:
            raise ProviderRejectedError(f"the input {batch.input_uri!r} is gone") from error
        hidden.rename(self._folder / name)
        return Job(name, JobState.RUNNING)

    def find(self, batch: Batch) -> Job | None:
        jobs = (self._report(batch, each) for each in sorted(self._folder.glob(f"{job_name(batch.id)}.*")))
        return next((each for each in jobs if each.state is not JobState.FAILED), None)

    def poll(self, batch: Batch) -> Job:
        return self._report(batch, self._place(batch))

    def cancel(self, batch: Batch) -> None:
        (self._place(batch) / CANCEL).touch()

    def _place(self, batch: Batch) -> Path:
        place = self._folder / Path(batch.job or "none").name  # a record must not lead out of the folder
        if not (place / REQUESTS).exists():
            raise ProviderRejectedError(f"there is no job {place.name!r} in {str(self._folder)!r}")
        return place

    def _report(self, batch: Batch, place: Path) -> Job:
        if not (place / STATE).exists():
            return Job(place.name, JobState.RUNNING)
        told = json.loads((place / STATE).read_text())
        why = None if told["state"] == "done" else Failure("job", told["why"], retryable=True)
        if told["state"] == "failed":
            return Job(place.name, JobState.FAILED, failure=why)
        name = f"{output_folder(batch.id)}/{place.name}/predictions.jsonl"
        info = self._blobs.stat(self._blobs.uri(name))
        info = info or self._blobs.put(name, (place / ANSWERS).read_bytes(), if_absent=True)
        return Job(place.name, JobState.LANDED, (OutputFile(*info),), why, told["state"])


def answer_jobs(folder: Path, reply: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer every job that waits in the folder: the worker's side."""
    for place in (each.parent for each in folder.glob(f"gemchain-*/{REQUESTS}")):
        if not (place / STATE).exists():
            rows = map(json.loads, (place / REQUESTS).read_text().splitlines())
            answers = ({"id": each["id"], "status": OK, "body": reply(each["body"])} for each in rows)
            (place / ANSWERS).write_text("\n".join(map(json.dumps, answers)))
            (place / "state.part").write_text('{"state": "done"}')
            (place / "state.part").rename(place / STATE)
