"""Each test begins with no calls noted."""

import pytest

from tests.apps import guarded, stages


@pytest.fixture(autouse=True)
def _no_calls_yet():
    guarded.ran.clear()
    stages.forget()
