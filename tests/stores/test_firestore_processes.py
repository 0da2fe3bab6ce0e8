"""Several processes on one Firestore: they share the work, and one that is killed is taken over."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import gemchain
from gemchain.base.clock import SystemClock
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import using
from gemchain.settings import Settings
from gemchain.wiring import build
from tests import firestore_state
from tests.apps import flows

ROOT = Path(__file__).parents[2]
CHAINS = 100


@pytest.fixture
def clock():
    """Processes of their own have no clock but the real one."""
    return SystemClock()


@pytest.fixture
def chosen(project, tmp_path):
    """Settings that every process of a test shares."""
    return {
        "store": f"firestore://{project}/(default)",
        "state": str(tmp_path),
        "application": str(ROOT),
        "max_batch_requests": "40",
        "group": "10",
        "lease": "1",
        "poll": "0.05",
        "grace": "0",
        "sweep": "0.2",
    }


@pytest.fixture
def runtime(chosen):
    with using(build(Settings().changed(**chosen))) as runtime:
        yield runtime
        runtime.store.close()


@pytest.fixture
def drivers(chosen):
    """Starts processes that drive the engine as soon as they are let go; those left over are killed."""
    environment = {f"GEMCHAIN_{name.upper()}": value for name, value in chosen.items()}
    environment |= {"PATH": "/usr/bin:/bin", firestore_state.HOST: firestore_state.host()}
    with ExitStack() as stack:

        def start(point=""):
            driver = subprocess.Popen(
                [sys.executable, "-m", "tests.support.firestore_driver", point],
                cwd=ROOT,
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.enter_context(driver)
            stack.callback(driver.kill)
            assert driver.stdout.readline() == "ready\n"
            return driver

        yield start


def finish(*drivers):
    for driver in drivers:
        driver.stdin.close()
    assert [driver.stdout.read() for driver in drivers] == ["done\n"] * len(drivers)
    assert [driver.wait() for driver in drivers] == [0] * len(drivers)


def start_chains():
    return gemchain.start_many(
        flows.outline, ({"topic": str(number)} for number in range(CHAINS)), key="topic"
    )


def check(runtime, chains):
    """Every chain has its result, every prompt was paid once and moved once."""
    counters = runtime.store.counters()
    assert counters.prompts == {PromptState.DONE: 2 * CHAINS}
    assert counters.chains == {ChainState.DONE: CHAINS}
    results = runtime.store.chains([chain.id for chain in chains])
    assert {chain.state for chain in results.values()} == {ChainState.DONE}
    assert all(f"{number}" in results[chain.id].result for number, chain in enumerate(chains))
    prompts = [each for chain in chains for each in runtime.store.chain_prompts(chain.id)]
    assert len(prompts) == 2 * CHAINS
    assert {each.progress.attempt for each in prompts} == {1}
    paid = runtime.providers.named("simulated").paid_rows()
    assert paid == dict.fromkeys((each.id for each in prompts), 1)
    assert runtime.store.open_batches() == runtime.store.open_parts() == []


def test_two_processes_that_claim_and_dispatch_at_once_double_and_lose_nothing(runtime, drivers):
    chains = start_chains()
    finish(drivers(), drivers())
    check(runtime, chains)


@pytest.mark.parametrize("point", ["claim", "before commit", "after commit"])
def test_a_process_that_is_killed_is_taken_over_after_its_lease(runtime, drivers, point):
    chains = start_chains()
    victim, other = drivers(point), drivers()
    victim.stdin.close()
    assert victim.stdout.readline() == "here\n"
    victim.kill()
    victim.wait()
    finish(other)
    check(runtime, chains)


def test_a_process_may_be_killed_while_another_works_beside_it(runtime, drivers):
    chains = start_chains()
    victim, other = drivers("after commit"), drivers()
    for each in (victim, other):
        each.stdin.close()
    victim.stdout.readline()  # "here", or "done" when the other one left it nothing to do
    victim.kill()
    victim.wait()
    assert other.stdout.read() == "done\n"
    check(runtime, chains)
