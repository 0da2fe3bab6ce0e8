"""An engine in memory of time: whole chains in milliseconds."""

import pytest

from tests.apps import flows
from tests.support import engines
from tests.support.engines import embedded


def pytest_generate_tests(metafunc):
    """Tests of modules that say EACH_STORE run once over each store, and once in the plain format."""
    each = getattr(metafunc.module, "EACH_STORE", False)
    each = each and not getattr(metafunc.function, "on_sqlite", False)
    if each and {"engine", "tmp_path"} & set(metafunc.fixturenames):
        metafunc.parametrize("_store", [engines.SQLITE, engines.FIRESTORE, engines.PLAIN], indirect=True)


@pytest.fixture(autouse=True)
def _store(request):
    """Where the engines of the test keep their state."""
    with engines.over(getattr(request, "param", engines.SQLITE)):
        yield


@pytest.fixture
def engine(tmp_path):
    """An embedded engine on a virtual clock whose model echoes."""
    with embedded(tmp_path, responder=flows.echo) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet_calls():
    flows.calls.clear()
    flows.moods.clear()
