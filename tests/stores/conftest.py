"""Fixtures for the tests of Firestore as a store."""

import pytest

from tests import firestore_state
from tests.contracts.store_samples import Samples

OURS_ALONE = "FIRESTORE_EMULATOR_HOST is set: only gemchain's own emulator counts operations and makes faults"


@pytest.fixture
def project(monkeypatch, clock):
    """A project of this test alone, on a Firestore whose clock is the test's."""
    monkeypatch.setenv(firestore_state.HOST, firestore_state.host())
    firestore_state.TIME.clock = clock
    return firestore_state.new_project()


@pytest.fixture
def firestore(project, tmp_path, clock):
    """A store in that project."""
    store = firestore_state.open_store(firestore_state.host(), project, str(tmp_path / "files"), clock)
    yield store
    store.close()


@pytest.fixture
def on_firestore(firestore, clock):
    return Samples(firestore, clock)


@pytest.fixture
def other(project, tmp_path, clock):
    """Another process on the same state."""
    store = firestore_state.open_store(firestore_state.host(), project, str(tmp_path / "files"), clock)
    yield Samples(store, clock)
    store.close()


@pytest.fixture
def faults():
    """The faults of the emulator; none are left behind."""
    if firestore_state.EXTERNAL:
        pytest.skip(OURS_ALONE)
    made = firestore_state.emulator().faults
    yield made
    made.clear()


@pytest.fixture
def spent(project):
    """What the project was asked since the last look."""
    if firestore_state.EXTERNAL:
        pytest.skip(OURS_ALONE)
    emulator = firestore_state.emulator()
    seen = emulator.counters(project)

    def spent():
        nonlocal seen
        before, seen = seen, emulator.counters(project)
        return seen - before

    return spent
