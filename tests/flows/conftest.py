"""An engine in memory of time: whole chains in milliseconds."""

import pytest

from tests import firestore_state
from tests.apps import flows
from tests.support import engines
from tests.support.engines import embedded


@pytest.fixture(params=[engines.SQLITE, engines.FIRESTORE])
def each_store(request, monkeypatch):
    """The test runs once over each store."""
    monkeypatch.setitem(engines.where, "store", request.param)
    if request.param == engines.FIRESTORE:
        monkeypatch.setenv(firestore_state.HOST, firestore_state.host())


@pytest.fixture
def engine(tmp_path):
    """An embedded engine on a virtual clock whose model echoes."""
    with embedded(tmp_path, responder=flows.echo) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet_calls():
    flows.calls.clear()
    flows.moods.clear()
