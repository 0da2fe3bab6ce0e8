"""The engine dies at every write of a run that uses the whole language, and is started again."""

from contextlib import suppress

import pytest

import gemchain
from gemchain.states import BatchState
from tests.apps import joins, programs, whole
from tests.support.crashing import Fuse
from tests.support.lives import Work, live_until_done

WRITES = 250
"""More than the run has; a test makes sure."""


def begin():
    return [
        gemchain.start(whole.everything, "a", key="a"),
        gemchain.start(whole.refused, key="r"),
        gemchain.start(programs.parent, ["p"], key="p"),
        gemchain.start(programs.all_branches_end_at_once, key="n"),
        gemchain.start(programs.wait_in_callback, "draft", key="w"),
        gemchain.start(joins.map_reduce, ["p", "q"], key="j"),
    ]


def approve(chains):
    """What a person does, who cannot know whether it was done in an earlier life."""
    with suppress(gemchain.ChainNotFoundError):
        gemchain.resume(chains[0], {"rounds": 2}, name="approval")
    with suppress(gemchain.ChainNotFoundError):
        gemchain.resume(chains[4], "approved")


WORK = Work(begin, approve)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    fuse = Fuse()
    found = live_until_done(WORK, tmp_path_factory.mktemp("undisturbed"), fuse)
    return found | {"writes": fuse.count}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(WRITES))
def test_a_process_that_dies_at_any_write_loses_and_doubles_nothing(at, after, undisturbed, tmp_path):
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


def test_the_table_above_covers_every_write_of_the_run(undisturbed):
    assert 60 < undisturbed["writes"] <= WRITES


def test_the_undisturbed_run_ends_as_its_chains_say(undisturbed):
    everything, refused, parent, ended, approved, *_ = undisturbed["results"]
    assert everything[:7] == ["<al>|<<<ar>>>", "a x", "<<a y>>", "a", "blocked", "a", "a bad"]
    assert [each[:4] for each in everything[7:9]] == ["a 0 ", "a 1 "]
    assert everything[9] == "it said three (two (one a))"
    assert refused == ("ChainFailedError", "blocked")
    assert parent == ["three (two (one p))"]
    assert (ended, approved) == (["a", "b"], "draft approved")
    assert set(undisturbed["paid"].values()) == {1}
