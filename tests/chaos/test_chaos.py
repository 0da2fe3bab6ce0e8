"""A short form of `python -m tests.chaos` for every run of the tests: a dozen kills on each store."""

import pytest

from tests.chaos.faults import Havoc, assert_same, findings, findings_of_collected
from tests.chaos.processes import Nursery
from tests.chaos.worlds import FirestoreWorld, SqliteWorld

CHAINS = 30
KILLS = 12


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def undisturbed(nursery, tmp_path_factory):
    world = SqliteWorld(tmp_path_factory.mktemp("undisturbed"), seed=0, faults="")
    havoc = Havoc(world, nursery, seed=0, chains=CHAINS, processes=1)
    try:
        havoc.make_peace()
        return findings(world)
    finally:
        havoc.stop()
        world.close()


@pytest.mark.parametrize("kind", [SqliteWorld, FirestoreWorld])
def test_three_processes_killed_again_and_again_end_like_one_undisturbed_process(
    kind, nursery, undisturbed, tmp_path
):
    killed = seed = 0
    while killed < KILLS:  # a fast machine may come to the end before: then there is another run
        world = kind(tmp_path / str(seed), seed)
        havoc = Havoc(world, nursery, seed=seed, chains=CHAINS)
        try:
            havoc.wreak(KILLS - killed)
            havoc.make_peace()
            found = findings(world)
        finally:
            havoc.stop()
            world.close()
        assert_same(found, undisturbed)
        killed += len(havoc.told.kills)
        seed += 1


def test_processes_that_remove_all_that_has_ended_are_killed_and_take_nothing_that_is_needed(
    nursery, undisturbed, tmp_path
):
    world = SqliteWorld(tmp_path, seed=1)
    havoc = Havoc(world, nursery, seed=1, chains=CHAINS, collects=True)
    try:
        havoc.wreak(KILLS // 2)
        havoc.make_peace()
        assert_same(findings_of_collected(world), undisturbed)
    finally:
        havoc.stop()
        world.close()


def test_the_undisturbed_run_is_what_it_should_be(undisturbed):
    assert len(undisturbed["chains"]) == CHAINS + CHAINS // 6, "parents have started children"
    assert {state for _, state, _ in undisturbed["chains"]} == {"DONE"}
    assert set(undisturbed["paid"].values()) == {1}
    assert len(undisturbed["effects"]) > CHAINS
