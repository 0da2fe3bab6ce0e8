"""The example of a provider of one's own keeps the whole contract, and chains run over it."""

import json
import threading
from dataclasses import replace

import pytest

import gemchain
from examples.folder_provider import ANSWERS, CANCEL, REQUESTS, STATE, FolderProvider, answer_jobs
from gemchain.blobs.local import LocalBlobs
from gemchain.errors import ConfigurationError
from gemchain.simulated.dialects import dialect_of
from gemchain.simulated.faults import Draws, Faults, JobFate
from gemchain.simulated.output import Simulation, lines_of
from gemchain.testing import VirtualClock, embedded
from tests.apps import flows
from tests.contracts.provider_contract import TURNAROUND, ProviderContract, Service

MODEL = "openai_compat/any"
WORDS = {
    JobFate.SUCCEEDED: "done",
    JobFate.EXPIRED: "expired",
    JobFate.PARTIAL: "partial",
    JobFate.CANCELLED: "cancelled",
    JobFate.FAILED: "failed",
}


class Worker:
    """The other machine. It takes TURNAROUND for a job, and makes the mistakes that are asked for."""

    def __init__(self, folder, clock):
        self.folder, self.clock, self.faults = folder, clock, Faults()
        self.begun = {}

    def look(self):
        """What it would have done by now."""
        for requests in sorted(self.folder.glob(f"gemchain-*/{REQUESTS}")):
            place, now = requests.parent, self.clock.now()
            passed = (now - self.begun.setdefault(place.name, now)).total_seconds() / TURNAROUND
            if not (place / STATE).exists() and (passed >= 1 or (place / CANCEL).exists()):
                self.end(place, passed, now)

    def end(self, place, passed, now):
        draws = Draws(self.faults, 0, place.name)
        fate = JobFate.CANCELLED if passed < 1 else draws.job_fate()
        if fate is not JobFate.FAILED:
            share = 1.0 if fate is JobFate.SUCCEEDED else passed if passed < 1 else draws.share()
            dialect = dialect_of(MODEL)
            simulation = Simulation(
                dialect.builtin, MODEL, draws, now.isoformat(), share, bare=True, dialect=dialect
            )
            answers = [row for line in self.lines(place) for row in simulation.rows(*line)]
            (place / ANSWERS).write_bytes(b"".join(map(self.row, answers)))
        (place / STATE).write_text(json.dumps({"state": WORDS[fate], "why": f"the job was {WORDS[fate]}"}))

    def lines(self, place):
        for number, line in enumerate(lines_of([(place / REQUESTS).read_bytes()])):
            read = json.loads(line)
            yield json.dumps({"key": read["id"], "request": read["body"]}).encode(), number

    def row(self, line):
        """A line of the simulation as the worker writes it; one that is broken stays so."""
        try:
            read = json.loads(line)
        except ValueError:
            return line
        error = read.get("error")
        row = {"id": read["key"], "status": error["code"] if error else 200}
        body = {"error": {"message": error["message"]}} if error else read["response"]
        return json.dumps({**row, "body": body}).encode() + b"\n"


class Watched(FolderProvider):
    """The provider, and a worker that has looked each time before it is asked."""

    worker = None

    def poll(self, batch):
        self.worker.look()
        return super().poll(batch)

    def find(self, batch):
        self.worker.look()
        return super().find(batch)

    def create(self, batch):
        job = super().create(batch)
        self.worker.look()
        return job


class TestFolderProvider(ProviderContract):
    @pytest.fixture
    def service(self, tmp_path):
        clock, blobs, folder = VirtualClock(), LocalBlobs(tmp_path / "files"), tmp_path / "jobs"
        provider = Watched(folder, blobs)
        provider.worker = Worker(folder, clock)

        def set_faults(text):
            provider.worker.faults = Faults.parse(text)

        def jobs_named(name):
            return len(list(folder.glob(f"{name}.*")))

        return Service(provider, blobs, clock, set_faults, jobs_named, MODEL)

    @pytest.fixture(params=[{}, {"messages": []}, {"messages": "x"}], ids=str)
    def refused(self, request):
        return request.param

    def test_a_job_of_which_only_a_part_was_written_is_neither_found_nor_answered(self, service, monkeypatch):
        batch = service.batch()

        def dies(uri):
            yield b'{"id": '
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(service.blobs, "stream", dies)
            with pytest.raises(KeyboardInterrupt):
                service.provider.create(batch)
        assert service.provider.find(batch) is None
        service.clock.advance(TURNAROUND)
        service.provider.worker.look()
        assert service.provider.find(batch) is None
        assert not list(service.provider.worker.begun)

    def test_a_record_does_not_lead_out_of_the_folder(self, service, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / REQUESTS).touch()
        with pytest.raises(gemchain.GemchainError, match="there is no job 'outside'"):
            service.provider.poll(replace(service.batch(), job="../outside"))


def reply(body):
    message = {"role": "assistant", "content": body["messages"][-1]["content"].upper()}
    return {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3},
    }


@pytest.fixture
def over_the_folder(tmp_path):
    """An engine with the provider, and the worker beside it."""
    folder, over = tmp_path / "jobs", threading.Event()
    folder.mkdir()

    def work():
        while not over.wait(0.01):
            answer_jobs(folder, reply)

    with embedded(tmp_path / "state") as engine:
        engine.runtime.providers.add("folder", lambda: FolderProvider(folder, engine.runtime.blobs))
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield engine
        finally:
            over.set()
            thread.join()


def test_a_chain_of_two_prompts_runs_over_the_folder(over_the_folder):
    chain = gemchain.submit("one", "folder/any", again).chain
    assert chain.result() == "ONE AND TWO"
    assert chain.status().usage.prompt_tokens == 6


def again(response):
    gemchain.submit(f"{response.text} and two", "folder/any", flows.finish)


def test_what_the_provider_cannot_do_is_refused_at_submit(over_the_folder):
    with pytest.raises(gemchain.RequestError, match="no lane 'direct'; it has batch"):
        gemchain.submit("one", "folder/any", lane="direct")


@pytest.mark.parametrize("name", ["simulated", "folder", "", "a/b"])
def test_a_name_that_is_taken_or_none_is_refused(over_the_folder, name):
    with pytest.raises(ConfigurationError, match="cannot be added"):
        over_the_folder.runtime.providers.add(name, lambda: None)
