"""An engine in memory of time: whole chains in milliseconds."""

import pytest

from gemchain.testing import embedded
from tests.apps import flows


@pytest.fixture
def engine(tmp_path):
    """An embedded engine on a virtual clock whose model echoes."""
    with embedded(tmp_path, responder=flows.echo) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet_calls():
    flows.calls.clear()
    flows.moods.clear()
