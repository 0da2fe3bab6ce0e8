"""Fixtures that every test may use."""

import signal
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings

from gemchain import runtime
from gemchain.testing import VirtualClock
from tests.support.fuzzing import MORE
from tests.support.stand import standing

# A busy machine is no mistake of an example, and what a run of the tests says is about the code that they
# run on: new examples are for `make fuzz`.
settings.register_profile(
    "gemchain",
    deadline=None,
    derandomize=not MORE,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gemchain")

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
