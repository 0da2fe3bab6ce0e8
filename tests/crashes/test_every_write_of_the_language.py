"""The engine crashes at every write of a run that uses the whole chain language, and is started again."""

from contextlib import suppress

import pytest

import gemchain
from tests.apps import joins, programs, whole
from tests.support.crashing import Fuse
from tests.support.engines import FIRESTORE, SQLITE, over
from tests.support.lives import Work, check, live_until_done

WRITES = 280
"""More writes than the run has; a test below checks that."""

EVERY = 6
"""Of so many crashes in a row, `make test` runs one; `make test-all` runs the others."""


def begin():
    return [
        gemchain.start(whole.everything, "a", key="a"),
        gemchain.start(whole.refused, key="r"),
        gemchain.start(programs.parent, ["p"], key="p"),
        gemchain.start(programs.all_branches_end_at_once, key="n"),
        gemchain.start(programs.wait_in_callback, "draft", key="w"),
        gemchain.start(joins.map_reduce, ["p", "q"], key="j"),
        gemchain.start(whole.impatient, "i", key="i"),
    ]


def approve(chains):
    """Resume the waiting chains, unless the process did so before it crashed."""
    with suppress(gemchain.ChainNotFoundError):
        gemchain.resume(chains[0], {"rounds": 2}, name="approval")
    with suppress(gemchain.ChainNotFoundError):
        gemchain.resume(chains[4], "approved")


WORK = Work(begin, approve)


def undisturbed_in(store, folder):
    """What a run without a crash leaves, and how often it writes."""
    fuse = Fuse()
    with over(store):
        return live_until_done(WORK, folder, fuse) | {"writes": fuse.count}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return undisturbed_in(SQLITE, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def undisturbed_in_firestore(tmp_path_factory):
    return undisturbed_in(FIRESTORE, tmp_path_factory.mktemp("undisturbed"))


def crash_points():
    """Before and after every write. In `make test` the two take turns, so that it covers more writes."""
    for at in range(WRITES):
        for after in (False, True):
            here = (at + after * EVERY // 2) % EVERY == 0
            name = f"{at}-{'after' if after else 'before'}"
            yield pytest.param(at, after, id=name, marks=() if here else pytest.mark.slow)


@pytest.mark.parametrize(("at", "after"), list(crash_points()))
def test_a_crash_at_any_write_loses_and_doubles_nothing(at, after, undisturbed, tmp_path):
    if at < undisturbed["writes"]:
        check(live_until_done(WORK, tmp_path, Fuse(at, after=after)), undisturbed)


@pytest.mark.parametrize("at", range(3, WRITES, 29))
def test_a_crash_at_a_request_to_firestore_loses_and_doubles_nothing(at, undisturbed_in_firestore, tmp_path):
    # All of them take minutes, so only some run here; `make crashes` runs all.
    if at < undisturbed_in_firestore["writes"]:
        with over(FIRESTORE):
            found = live_until_done(WORK, tmp_path, Fuse(at, after=at % 2 == 0))
        check(found, undisturbed_in_firestore)


def test_both_stores_end_with_the_same_results_and_prompts(undisturbed, undisturbed_in_firestore):
    for each in ("results", "prompts"):
        assert undisturbed[each] == undisturbed_in_firestore[each]
    assert 60 < undisturbed_in_firestore["writes"] <= WRITES


def test_the_crash_points_cover_every_write_of_the_run(undisturbed):
    assert 60 < undisturbed["writes"] <= WRITES


def test_the_run_without_a_crash_ends_with_the_right_results(undisturbed):
    everything, refused, parent, ended, approved, _, impatient = undisturbed["results"]
    assert everything[:7] == ["<al>|<<<ar>>>", "a x", "<<a y>>", "a", "blocked", "a", "a bad"]
    assert [each[:4] for each in everything[7:9]] == ["a 0 ", "a 1 "]
    assert everything[9] == "it said three (two (one a))"
    assert refused == ("ChainFailedError", "blocked")
    assert parent == ["three (two (one p))"]
    assert (ended, approved) == (["a", "b"], "draft approved")
    assert impatient == ["deadline", "bolt", "i"]
    assert set(undisturbed["paid"].values()) == {1}
