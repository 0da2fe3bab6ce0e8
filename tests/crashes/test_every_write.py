"""The engine crashes before and after every write of a small run, and is started again."""

import pytest

import gemchain
from gemchain.records.states import BatchState
from tests.apps import flows, joins
from tests.support.crashing import Fuse
from tests.support.lives import Work, live_until_done

WRITES = 110
"""More writes than the run has; a test below checks that."""


def begin():
    """Start the chains of the run, under keys: a start that crashed can be repeated."""
    flows.moods["moody"] = 1
    return [
        gemchain.start(flows.outline, "a", key="a"),
        gemchain.start(flows.fork, "f", key="f"),
        gemchain.start(flows.fork_at_once, ["x", "y"], key="xy"),
        gemchain.start(flows.careful, "blocked", key="b"),
        gemchain.start(flows.careless, "blocked", key="c"),
        gemchain.start(flows.start_moody, "moody", key="m"),
        gemchain.start(joins.map_reduce, ["p", "q"], key="j"),
        gemchain.start(joins.nested, 2, key="n"),
        gemchain.start(joins.with_errors, ["u", "blocked"], return_exceptions=True, key="e"),
    ]


WORK = Work(begin)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    fuse = Fuse()
    found = live_until_done(WORK, tmp_path_factory.mktemp("undisturbed"), fuse)
    return found | {"writes": fuse.count}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(WRITES))
def test_a_crash_at_any_write_loses_and_doubles_nothing(at, after, undisturbed, tmp_path):
    if at >= undisturbed["writes"]:
        return
    found = live_until_done(WORK, tmp_path, Fuse(at, after=after))
    assert found["results"] == undisturbed["results"]
    assert found["prompts"] == undisturbed["prompts"]
    assert found["paid"] == undisturbed["paid"]
    assert not found["open"]
    assert not found["running"]
    assert not found["batches"]
    assert found["ended"] <= {BatchState.CLOSED}


def test_the_crash_points_cover_every_write_of_the_run(undisturbed):
    assert 30 < undisturbed["writes"] <= WRITES


def test_the_run_without_a_crash_ends_with_the_right_results(undisturbed):
    assert undisturbed["results"][0] == "DRAFT A FROM (OUTLINE A)"
    assert undisturbed["results"][4] == ("ChainFailedError", "blocked")
    assert set(undisturbed["paid"].values()) == {1}
