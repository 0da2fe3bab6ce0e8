"""Fixtures that every test may use."""

import pytest

from gemchain import runtime
from gemchain.testing import VirtualClock


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    return VirtualClock()


@pytest.fixture(autouse=True)
def _no_runtime_is_left_behind():
    """A test that configures gemchain does not do so for the next."""
    before = runtime.install(None)
    yield
    left = runtime.install(before)
    if left is not None:
        left.store.close()
