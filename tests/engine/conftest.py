"""One stage at a time, with a service that does what the test says."""

import pytest

from tests.apps import stages
from tests.support.stand import standing


@pytest.fixture
def stand(tmp_path, clock):
    """A runtime on a virtual clock with a store in memory and a scripted provider."""
    with standing(tmp_path / "files", clock) as stand:
        yield stand


@pytest.fixture(autouse=True)
def _no_calls_yet():
    stages.forget()
