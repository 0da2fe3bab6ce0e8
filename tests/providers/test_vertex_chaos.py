"""Chains on the Vertex stand-in while everything goes wrong at once: nothing lost, nothing paid twice."""

import json
from random import Random

import pytest
from google.api_core import exceptions as google_errors
from google.cloud.aiplatform_v1 import BatchPredictionJob

import gemchain
from gemchain.emulators.refusals import Refusal
from gemchain.emulators.vertex.service import VertexService
from gemchain.engine.drive import drive
from gemchain.money import prices
from gemchain.providers.vertex import VertexProvider
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.runtime import Providers, Runtime, using
from gemchain.settings import Settings
from gemchain.simulated.gemini import builtin
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.testing import VirtualClock
from gemchain.wakers.loop import LoopWaker
from tests.apps import vertex_chains
from tests.support.bucket import BucketStorage, MemoryBucket

SEEDS = 200
GROUPS = 8
CHAINS = 4

SWITCHES = {
    "failed": 0.2, "blocked": 0.05, "truncated": 0.05, "empty": 0.05, "missing": 0.1, "malformed": 0.05,
    "refused": 0.02, "duplicated": 0.3, "nulls": 0.7, "keyless": 0.7, "unlabelled": 0.7,
    "expired": 0.2, "cancelled": 0.1, "partial": 0.15, "job_failed": 0.1,
    "throttled": 0.15, "unavailable": 0.15, "create_lost": 0.3, "list_lag": 55.0,
}  # fmt: skip


def drawn_faults(random):
    """Any combination of the switches, most of them on."""
    return ",".join(f"{name}={value}" for name, value in SWITCHES.items() if random.random() < 0.7)


class DirectClient:
    """A JobServiceClient that calls the service without a wire between: the contract has the wire."""

    def __init__(self, service):
        self._service = service

    def _call(self, verb, *arguments):
        try:
            return verb(*arguments)
        except Refusal as refusal:
            raise google_errors.from_http_status(refusal.code, str(refusal)) from refusal

    def create_batch_prediction_job(self, *, parent, batch_prediction_job, timeout):
        _, project, _, location = parent.split("/")
        body = json.loads(
            BatchPredictionJob.to_json(batch_prediction_job, always_print_fields_with_no_presence=False)
        )
        return job_of(self._call(self._service.create, project, location, body))

    def get_batch_prediction_job(self, *, name, timeout):
        *_, location, _, number = name.split("/")
        return job_of(self._call(self._service.get, location, number))

    def list_batch_prediction_jobs(self, *, request, timeout):
        _, project, _, location = request["parent"].split("/")
        query = {"filter": request["filter"], "pageSize": "100"}
        page = self._call(self._service.list_jobs, project, location, query)
        return [job_of(each) for each in page.get("batchPredictionJobs", [])]

    def cancel_batch_prediction_job(self, *, name, timeout):
        *_, location, _, number = name.split("/")
        self._call(self._service.cancel, location, number)


def job_of(resource):
    return BatchPredictionJob.from_json(json.dumps(resource))


class World:
    """An engine on a virtual clock, a bucket in memory, and the stand-in."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.clock = VirtualClock()
        bucket = MemoryBucket()
        self.service = VertexService(
            BucketStorage(bucket),
            self.clock.now,
            responder=builtin,
            turnaround=90.0,
            seed=seed,
            serves=prices.known,
            echoes_key=self.random.random() < 0.5,
        )
        self.service.set_faults(drawn_faults(self.random))
        self.provider = VertexProvider(bucket, project="p", endpoint="http://nowhere")
        self.provider._client = DirectClient(self.service)
        self.runtime = Runtime(
            settings=Settings(
                grace=0,
                poll=100,
                poll_max=600,
                part_bytes=1500,
                max_batch_requests=self.random.choice([3, 5, 100]),
            ),
            store=SqliteStore(MEMORY, self.clock),
            blobs=bucket,
            providers=Providers({"vertex": lambda: self.provider}, lambda model: ("vertex", model)),
            waker=LoopWaker(),
            clock=self.clock,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.runtime.store.close()

    def run(self, topic="topic"):
        with using(self.runtime):
            topics = [f"{topic}-{number}" for number in range(CHAINS)]
            chains = [gemchain.start(vertex_chains.ask, topic, key=topic) for topic in topics]
            assert drive(self.runtime, timeout=30 * 86_400)
        return [chain.id for chain in chains]


def check(world, chain_ids):
    store = world.runtime.store
    for chain in store.chains(chain_ids).values():
        assert chain.state in {ChainState.DONE, ChainState.FAILED}
        prompts = list(store.chain_prompts(chain.id))
        assert len(prompts) <= 2
        for prompt in prompts:
            assert prompt.progress.state in {PromptState.DONE, PromptState.FAILED}
            if prompt.progress.state is PromptState.FAILED:
                assert prompt.progress.failure.reason in {
                    "blocked",
                    "truncated",
                    "empty",
                    "error",
                    "rejected",
                }
                assert prompt.progress.failure.message
        done = chain.state is ChainState.DONE
        assert done is (
            len(prompts) == 2 and all(each.progress.state is PromptState.DONE for each in prompts)
        )
    assert {each.state for each in store.list_batches()} <= {BatchState.CLOSED, BatchState.FAILED}
    paid = world.service.paid_rows()
    assert not paid or max(paid.values()) == 1


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_prompt_ends_in_the_right_state_and_none_is_paid_twice(group):
    for seed in range(group, SEEDS, GROUPS):
        with World(seed) as world:
            try:
                check(world, world.run())
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise


def test_the_switches_do_strike():
    """A test of the test: with these seeds some prompts fail, some are sent again, some jobs are adopted."""
    attempts, failed, jobs, batches = 0, 0, 0, 0
    for seed in range(6):
        with World(seed) as world:
            world.run()
            store = world.runtime.store
            everything = [p for state in PromptState for p in store.list_prompts(state=state)]
            attempts = max(attempts, *(each.progress.attempt for each in everything))
            failed += sum(each.progress.state is PromptState.FAILED for each in everything)
            jobs += len(world.service.jobs())
            batches += len(store.list_batches())
    assert attempts > 2
    assert failed
    assert jobs >= batches / 2
