"""One stage at a time, as the tests of the engine have it."""

import pytest

from gemchain.runtime import using
from tests.apps import guarded, stages
from tests.support.stand import Stand


@pytest.fixture
def stand(tmp_path, clock):
    """A runtime on a virtual clock with a store in memory and a scripted provider."""
    stand = Stand(tmp_path / "files", clock)
    with using(stand.runtime):
        yield stand
    stand.store.close()


@pytest.fixture(autouse=True)
def _no_calls_yet():
    guarded.ran.clear()
    stages.calls.clear()
