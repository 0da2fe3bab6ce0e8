"""The embedded engine over either store, so that one test of the language holds both to it."""

import hashlib
import os
from contextlib import contextmanager, nullcontext
from unittest import mock

from gemchain import testing
from tests import firestore_state
from tests.support import plain_format

SQLITE, FIRESTORE = "sqlite", "firestore"
PLAIN = "plain"
"""SQLite again, and every model speaks the plain wire format."""

POLL = 60
"""Virtual seconds between two looks at a job in Firestore: each look is a request."""

where = {"store": SQLITE}
"""Where engines keep their state; see `over`."""


@contextmanager
def over(store):
    """Engines inside the block keep their state in that store."""
    format_of_models = plain_format.spoken() if store == PLAIN else nullcontext()
    with mock.patch.dict(where, store=store), mock.patch.dict(os.environ), format_of_models:
        if store == FIRESTORE:
            os.environ[firestore_state.HOST] = firestore_state.host()
        yield


@contextmanager
def embedded(folder, *, clock=None, **settings):
    """As `gemchain.testing.embedded`, with its records in the store of the test."""
    clock = clock or testing.VirtualClock()
    if where["store"] == FIRESTORE:
        firestore_state.TIME.clock = clock
        settings = {"poll": POLL, "poll_max": POLL} | settings | {"store": f"firestore://{project(folder)}"}
    if where["store"] == PLAIN:
        settings["responder"] = plain_format.translated(settings.get("responder"))
    with testing.embedded(folder, clock=clock, **settings) as engine:
        yield engine


def project(folder):
    """The project of a folder: whoever opens the folder again finds it."""
    return f"demo-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


def on_sqlite(test):
    """Let a test run over SQLite alone in a module that says EACH_STORE: the command line looks there."""
    test.on_sqlite = True
    return test


def wide(count, fewer):
    """So many branches; fewer over Firestore, where each is several requests."""
    return fewer if where["store"] == FIRESTORE else count


def redeploy(engine):
    """Let the engine look every function up anew, as a new process would."""
    engine.runtime.continuations._functions.clear()
    engine.runtime.continuations._programs.clear()
