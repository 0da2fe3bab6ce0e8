"""Chains over the SDKs of Anthropic and Mistral while everything goes wrong at once.

Calls are lost after they made a batch, lists lag, processes die, other people's batches run at the same time.
Nothing is lost, and nothing is paid twice.
"""

from random import Random

import pytest

import gemchain
from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.anthropic import AnthropicEmulator
from gemchain.emulators.mistral import MistralEmulator
from gemchain.engine.drive import drive
from gemchain.providers.anthropic import AnthropicProvider
from gemchain.providers.mistral import MistralProvider
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.runtime import Providers, Runtime, using
from gemchain.settings import Settings
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.testing import VirtualClock
from gemchain.wakers.loop import LoopWaker
from tests.apps import hosted_chains

SEEDS = 6
CHAINS = 4
DAYS = 86_400

SWITCHES = {
    "failed": 0.2, "blocked": 0.05, "truncated": 0.05, "empty": 0.05, "missing": 0.1, "malformed": 0.05,
    "refused": 0.02, "duplicated": 0.3, "expired": 0.2, "cancelled": 0.2, "job_failed": 0.1,
    "throttled": 0.15, "unavailable": 0.15, "create_lost": 0.4, "list_lag": 200.0,
}  # fmt: skip

SERVICES = {
    "anthropic": (AnthropicEmulator, AnthropicProvider, "claude-haiku-4-5"),
    "mistral": (MistralEmulator, MistralProvider, "mistral-small-latest"),
}


class DiedError(BaseException):
    """The process ended here."""


class World:
    """An engine on a virtual clock, a stand-in on a port, and processes that die."""

    def __init__(self, service, folder, seed):
        self.random = Random(seed)
        self.clock = VirtualClock()
        emulator, self.kind, self.model = SERVICES[service]
        self.name = service
        self.emulator = emulator(clock=self.clock, turnaround=3600.0, seed=seed)
        self.blobs = LocalBlobs(folder)
        self.store = SqliteStore(MEMORY, self.clock)
        self.deaths = 0

    def __enter__(self):
        self.emulator.start()
        return self

    def __exit__(self, *_):
        self.store.close()
        self.emulator.stop()

    def draw_faults(self):
        chosen = [f"{name}={value}" for name, value in SWITCHES.items() if self.random.random() < 0.7]
        self.emulator.set_faults(",".join(chosen))

    def process(self):
        """A process: it knows nothing of what earlier ones did, and some die right after a batch was made."""
        provider = self.kind(self.blobs, endpoint=self.emulator.url)
        create = provider.create

        def dies(batch):
            job = create(batch)
            if self.random.random() < 0.2:
                self.deaths += 1
                raise DiedError
            return job

        provider.create = dies
        settings = Settings(grace=0, poll=100, poll_max=600, default_model=self.model).changed(
            max_batch_requests=self.random.choice([2, 3, 100])
        )
        return provider, Runtime(
            settings=settings,
            store=self.store,
            blobs=self.blobs,
            providers=Providers({self.name: lambda: provider}, lambda model: (self.name, model)),
            waker=LoopWaker(),
            clock=self.clock,
        )

    def live(self, topics):
        """Start the chains and drive them to their end, by as many processes as it takes."""
        chains, is_done = [], False
        while not is_done:
            provider, runtime = self.process()
            try:
                with using(runtime):
                    chains = [gemchain.start(hosted_chains.ask, topic, key=topic) for topic in topics]
                    is_done = drive(runtime, timeout=60 * DAYS)
            except DiedError:
                pass
            finally:
                provider.close()
        return [chain.id for chain in chains]


def check(world, chain_ids):
    for chain in world.store.chains(chain_ids).values():
        assert chain.state in {ChainState.DONE, ChainState.FAILED}
        for prompt in world.store.chain_prompts(chain.id):
            assert prompt.progress.state in {PromptState.DONE, PromptState.FAILED}
            if prompt.progress.state is PromptState.FAILED:
                assert prompt.progress.failure.reason in {"blocked", "truncated", "empty", "rejected"}
    assert {each.state for each in world.store.list_batches()} <= {BatchState.CLOSED, BatchState.FAILED}
    paid = world.emulator.bill()
    assert paid
    assert max(paid.values()) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_every_prompt_ends_and_none_is_paid_twice(service, tmp_path):
    deaths = 0
    for seed in range(SEEDS):
        with World(service, tmp_path / str(seed), seed) as world:
            world.draw_faults()
            try:
                check(world, world.live([f"topic-{number}" for number in range(CHAINS)]))
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
            deaths += world.deaths
    assert deaths


@pytest.mark.parametrize("service", SERVICES)
def test_a_launcher_that_does_not_look_first_pays_twice(service, tmp_path, monkeypatch):
    """A test of the test: the bill shows it when an unclear call is simply repeated."""
    monkeypatch.setattr(SERVICES[service][1], "find", lambda self, batch: None)
    with World(service, tmp_path, 1) as world:
        world.emulator.set_faults("create_lost=0.5")
        world.live([f"topic-{number}" for number in range(CHAINS)])
        assert max(world.emulator.bill().values()) > 1
