"""Fixtures for the stores' own tests."""

import pytest

from tests import firestore_state


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
