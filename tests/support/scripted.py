"""A batch service that does what the test says, for faults that the simulated one cannot make."""

from collections import defaultdict, deque
from datetime import timedelta

import orjson

from gemchain.formats.direct_rows import write_row
from gemchain.formats.gemini.check import PROMPT_LABEL
from gemchain.formats.gemini.fields import camel
from gemchain.ports import Capabilities, Job, JobState, Limits
from gemchain.providers.gemini_batches import GeminiBatches
from gemchain.records import Failure, OutputFile
from gemchain.records.identity import job_name
from gemchain.records.lanes import BATCH

PLENTY = Limits(max_requests=200_000, max_bytes=1_000_000_000, max_request_bytes=20_000_000)


class ScriptedRun:
    """Requests that are on their way until the test answers them, or until the provider's `latency` is over.

    Attributes:
        asked: The prompts that were fed, in order.
        stopped: Seconds for which it was to go on when it was stopped; None while it goes on.
        trouble: An error that the next `take` raises.
        held_up: What it waits for.
    """

    def __init__(self, provider, batch, clock):
        self._provider = provider
        self._clock = clock
        self.batch = batch
        self.asked = []
        self.stopped = None
        self.trouble = None
        self.held_up = ""
        self._flying = {}
        self._lines = []

    @property
    def pending(self):
        return len(self._flying) + len(self._lines)

    def room(self):
        return max(0, self._provider.at_a_time - len(self._flying))

    def feed(self, rows):
        assert self.stopped is None
        for row in rows:
            self.asked.append(row.prompt_id)
            self._provider.asked.append(row.prompt_id)
            self._flying[row.prompt_id] = orjson.loads(row.request), self._clock.now()

    def allow(self, seconds):
        self.allowed_until = self._clock.now() + timedelta(seconds=seconds)

    def take(self):
        if self.trouble is not None:
            error, self.trouble = self.trouble, None
            raise error
        if self._provider.latency is not None:
            now = self._clock.now()
            self.answer(*(each for each, (_, at) in self._flying.items() if self._is_over(at, now)))
        taken, self._lines = self._lines, []
        return taken

    def _is_over(self, at, now):
        return (now - at).total_seconds() >= self._provider.latency

    def answer(self, *ids, text=None):
        """Answer these requests, with their own text by default."""
        for prompt_id in ids:
            request, _ = self._flying.pop(prompt_id)
            body = orjson.loads(answer({"key": prompt_id, "request": request}, text))["response"]
            self._lines.append(write_row(prompt_id, self.batch.lane, 200, body))

    def answer_all(self):
        """Answer what is on its way."""
        self.answer(*list(self._flying))

    def refuse(self, prompt_id, failure):
        """Answer a request with a failure."""
        del self._flying[prompt_id]
        self._lines.append(write_row(prompt_id, self.batch.lane, 500, None, failure))

    def stop(self, drain=0.0):
        self.stopped = drain
        if not drain:
            self._flying.clear()


class ScriptedProvider(GeminiBatches):
    """Jobs run until the test lets them land or fail.

    Attributes:
        jobs: Jobs as they stand, by their names.
        created: Names of the jobs, in the order of their creation.
        cancelled: Names of the jobs that somebody cancelled.
        calls: How often each verb was called.
        runs: The runs of single requests, in the order in which they were started.
        asked: The prompts that all runs were fed, in order.
        at_a_time: Single requests that are on their way at the same time.
        latency: Seconds after which a single request is answered by itself; None leaves it to the test.
        shows_after: Seconds after its creation from which on `find` shows a job.
    """

    name = "scripted"
    can = Capabilities(lanes=(BATCH,))
    limits = PLENTY
    listing_lag = 0.0
    shows_after = 0.0

    def __init__(self, blobs, clock):
        self._blobs = blobs
        self._clock = clock
        self._scripts = defaultdict(deque)
        self._shown_at = {}
        self.jobs = {}
        self.created = []
        self.cancelled = []
        self.calls = defaultdict(int)
        self.runs = []
        self.asked = []
        self.at_a_time = 8
        self.latency = None

    def next(self, verb, *happenings):
        """What happens in the next calls of a verb: an error is raised, a function is called first.

        `created` is the moment when the job exists and the reply is still on its way. None is a
        call in which nothing happens.
        """
        self._scripts[verb] += happenings

    def _play(self, verb):
        self.calls[verb] += 1
        happening = self._scripts[verb].popleft() if self._scripts[verb] else None
        if isinstance(happening, BaseException):
            raise happening
        if happening is not None:
            happening()

    def capabilities(self, model):
        del model
        return self.can

    def start(self, batch):
        self._play("start")
        self.runs.append(ScriptedRun(self, batch, self._clock))
        return self.runs[-1]

    def find(self, batch):
        self._play("find")
        names = [name for name in self.created if name.startswith(job_name(batch.id))]
        shown = [name for name in names if self._clock.now() >= self._shown_at[name]]
        return self.jobs[shown[0]] if shown else None

    def create(self, batch):
        self._play("create")
        name = f"{job_name(batch.id)}/{len(self.created)}"
        self.jobs[name] = Job(name, JobState.RUNNING)
        self.created.append(name)
        self._shown_at[name] = self._clock.now() + timedelta(seconds=self.shows_after)
        self._play("created")
        return self.jobs[name]

    def poll(self, batch):
        self._play("poll")
        return self.jobs[batch.job]

    def cancel(self, batch):
        self._play("cancel")
        self.cancelled.append(batch.job)

    def land(self, batch, *files, failure=None):
        """Let the job of a batch end with these files, each a list of lines."""
        output = tuple(self._file(batch, number, lines) for number, lines in enumerate(files))
        self.jobs[batch.job] = Job(batch.job, JobState.LANDED, output, failure)

    def grow(self, batch, *files):
        """Let the running job of a batch show these finished files, each a list of lines."""
        output = tuple(self._file(batch, number, lines) for number, lines in enumerate(files))
        self.jobs[batch.job] = Job(batch.job, JobState.RUNNING, output)

    def fail(self, batch, message="out of order", *, retryable=True, reason="job"):
        """Let the job of a batch fail."""
        failure = Failure(reason, message, retryable=retryable)
        self.jobs[batch.job] = Job(batch.job, JobState.FAILED, failure=failure)

    def _file(self, batch, number, lines):
        data = b"".join(line + b"\n" for line in lines)
        name = f"output/{batch.id}/{number}/predictions.jsonl"
        there = self._blobs.stat(self._blobs.uri(name))
        if there is not None and self._blobs.read(there.uri) == data:
            return OutputFile(*there)
        return OutputFile(*self._blobs.put(name, data))

    def inputs(self, batch):
        """The lines of the batch's input file, as dicts, by the prompt they name."""
        lines = self._blobs.read(batch.input_uri).splitlines()
        return {line["key"]: line for line in map(orjson.loads, lines)}

    def rows(self, batch):
        """A plain answer to every line of the input, by prompt."""
        return {name: answer(line) for name, line in self.inputs(batch).items()}


def answer(line, text=None):
    """The output row of an input line: a text, by default that of the request."""
    said = line["request"]["contents"][-1]["parts"][-1]["text"] if text is None else text
    candidate = {"content": {"role": "model", "parts": [{"text": said}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5}
    return orjson.dumps({
        "key": line["key"],
        "request": line["request"],
        "status": "",
        "response": {"candidates": [candidate], "usageMetadata": usage},
    })  # fmt: skip


def error(line, code=503, message="overloaded"):
    """The output row of an input line that was not answered."""
    status = orjson.dumps({"error": {"code": code, "message": message}}).decode()
    row = {"key": line["key"], "request": line["request"], "status": status, "response": {}}
    return orjson.dumps(row)


def nameless(row, *, respelled=False):
    """The row without key and label; `respelled`, its request comes in the service's own spelling."""
    read = orjson.loads(row)
    del read["key"]
    request = read["request"]
    request.get("labels", {}).pop(PROMPT_LABEL, None)
    if respelled:
        read["request"] = {"cachedContent": None, **_camel(request)}
    return orjson.dumps(read)


def _camel(value):
    """Keys in camelCase and in another order, and a null beside them."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {camel(name): _camel(each) for name, each in reversed(value.items())}
    return {**renamed, "fileData": None} if "text" in renamed else renamed
