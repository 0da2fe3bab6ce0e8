"""Fixtures that every test may use."""

import signal
from contextlib import suppress

import pytest

from gemchain import runtime
from gemchain.testing import VirtualClock
from tests.support.stand import standing

# A shell that starts the tests in the background lets them ignore SIGINT, and so do the processes they
# start; those that are sent one have to hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    return VirtualClock()


@pytest.fixture
def stand(tmp_path, clock):
    """A runtime on a virtual clock with a store in memory and a scripted provider."""
    with standing(tmp_path / "files", clock) as stand:
        yield stand


@pytest.fixture(autouse=True)
def _no_runtime_is_left_behind():
    """A test that configures gemchain does not do so for the next."""
    before = runtime.install(None)
    yield
    left = runtime.install(before)
    if left is not None:
        left.store.close()
