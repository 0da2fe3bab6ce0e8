"""One stage at a time, with a service that does what the test says."""

import pytest

from gemchain.runtime import using
from tests.apps import stages
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
    stages.calls.clear()
    stages.errors.clear()
    stages.before_return.clear()
