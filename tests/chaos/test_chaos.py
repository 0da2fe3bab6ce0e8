"""A short form of `python -m tests.chaos` that runs with the other tests: a dozen kills on each store."""

import pytest

from tests.chaos.chaos_run import ChaosRun
from tests.chaos.comparison import assert_same, findings, findings_of_collected
from tests.chaos.processes import Processes
from tests.chaos.setups import FirestoreSetup, SqliteSetup

CHAINS = 30
KILLS = 12


@pytest.fixture(scope="module")
def processes():
    processes = Processes()
    yield processes
    processes.close()


@pytest.fixture(scope="module")
def undisturbed(processes, tmp_path_factory):
    setup = SqliteSetup(tmp_path_factory.mktemp("undisturbed"), seed=0, service_faults="")
    run = ChaosRun(setup, processes, seed=0, chains=CHAINS, workers=1)
    try:
        run.finish_without_faults()
        return findings(setup)
    finally:
        run.stop()
        setup.close()


@pytest.mark.parametrize("kind", [SqliteSetup, FirestoreSetup])
def test_three_processes_that_are_killed_again_and_again_end_like_one_without_faults(
    kind, processes, undisturbed, tmp_path
):
    killed = seed = 0
    while killed < KILLS:  # a fast machine may finish before the last kill; then there is another run
        setup = kind(tmp_path / str(seed), seed)
        run = ChaosRun(setup, processes, seed=seed, chains=CHAINS)
        try:
            run.inject_faults(KILLS - killed)
            run.finish_without_faults()
            found = findings(setup)
        finally:
            run.stop()
            setup.close()
        assert_same(found, undisturbed)
        killed += len(run.report.kills)
        seed += 1


def test_garbage_collection_in_processes_that_are_killed_removes_nothing_that_is_needed(
    processes, undisturbed, tmp_path
):
    setup = SqliteSetup(tmp_path, seed=1)
    run = ChaosRun(setup, processes, seed=1, chains=CHAINS, collects=True)
    try:
        run.inject_faults(KILLS // 2)
        run.finish_without_faults()
        assert_same(findings_of_collected(setup), undisturbed)
    finally:
        run.stop()
        setup.close()


def test_the_run_without_faults_ends_as_expected(undisturbed):
    assert len(undisturbed["chains"]) == CHAINS + CHAINS // 6, "parents have started children"
    assert {state for _, state, _ in undisturbed["chains"]} == {"DONE"}
    assert set(undisturbed["paid"].values()) == {1}
    assert len(undisturbed["effects"]) > CHAINS
