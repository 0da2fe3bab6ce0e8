"""Each test of a stage begins with no calls noted."""

import pytest

from tests.apps import stages


@pytest.fixture(autouse=True)
def _no_calls_yet():
    stages.forget()
