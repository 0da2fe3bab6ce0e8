"""The embedded engine over either store, so that one test of the language holds both to it."""

import hashlib
from contextlib import contextmanager

from gemchain import testing
from tests import firestore_state

SQLITE, FIRESTORE = "sqlite", "firestore"
where = {"store": SQLITE}
"""Where engines keep their state; a fixture sets it for a test."""


@contextmanager
def embedded(folder, *, clock=None, **settings):
    """As `gemchain.testing.embedded`, with its records in the store of the test."""
    clock = clock or testing.VirtualClock()
    if where["store"] == FIRESTORE:
        firestore_state.TIME.clock = clock
        settings["store"] = f"firestore://{project(folder)}"
    with testing.embedded(folder, clock=clock, **settings) as engine:
        yield engine


def project(folder):
    """The project of a folder: whoever opens the folder again finds it."""
    return f"demo-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
