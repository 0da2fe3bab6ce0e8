"""Firestore for tests: one emulator for each pytest process, one project for each test.

With FIRESTORE_EMULATOR_HOST set, that server is used instead; tests that look at counters or make faults
then skip. Its clock is not the test's, so the store is kept from learning its time.
"""

import os
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path

from gemchain.blobs.local import LocalBlobs
from gemchain.emulators.firestore import FirestoreEmulator
from gemchain.ports import Clock
from gemchain.stores.firestore import FirestoreStore
from gemchain.stores.firestore.client.connection import Connection
from gemchain.testing import VirtualClock

HOST = "FIRESTORE_EMULATOR_HOST"
EXTERNAL = os.environ.get(HOST)


class Time:
    """What the emulator takes for the time: some test's clock."""

    def __init__(self) -> None:
        self.clock: Clock = VirtualClock()

    def __call__(self) -> float:
        return self.clock.now().timestamp()


TIME = Time()


@cache
def emulator() -> FirestoreEmulator:
    """The emulator of this process; it stops with the process."""
    started = FirestoreEmulator(clock=TIME)
    started.start()
    return started


def host() -> str:
    return EXTERNAL or emulator().host


def new_project() -> str:
    return f"demo-{uuid.uuid4().hex[:12]}"


class Deaf(Connection):
    """Takes its own clock for the service's."""

    def _learn(self, at: object, before: datetime) -> None:
        self._learnt_at = self._clock.now()


def open_store(
    at: str, project: str, files: str, clock: Clock | None = None, *, deaf: bool = bool(EXTERNAL), **options
) -> FirestoreStore:
    """A handle on a project's state; a `deaf` one takes its own clock for the service's."""
    os.environ[HOST] = at
    store = FirestoreStore(project, blobs=LocalBlobs(Path(files)), clock=clock or VirtualClock(), **options)
    if deaf:
        store._connection.__class__ = Deaf
    return store
