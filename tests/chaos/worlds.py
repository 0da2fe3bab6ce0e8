"""The places in which chains run while their processes are killed, and the troubles that each can have.

A world is a store that three processes share: a SQLite file on a small disk of its own, or the Firestore
stand-in, in a process of its own behind a line that can be cut.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from gemchain.runtime import Runtime
from gemchain.settings import Settings
from gemchain.wiring import build
from tests.apps.chaos import EFFECTS
from tests.chaos.line import Line
from tests.chaos.processes import die_with_parent
from tests.support.haste import FAULTS, SETTINGS

ROOT = Path(__file__).parents[2]
FIRESTORE = "FIRESTORE_EMULATOR_HOST"
DISK_BYTES = 96 << 20
"""Small enough that a log of the usual length would fill it alone."""
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Trouble(NamedTuple):
    """Something that goes wrong for a while.

    Attributes:
        begin: Lets it begin; given the processes that live.
        end: Lets it end, for the same and for new ones.
    """

    name: str
    begin: Callable[[list[int]], None]
    end: Callable[[list[int]], None]


class World:
    """Where it happens.

    Args:
        folder: Of this world alone.
        seed: Of everything that the simulated service draws.
        faults: What goes wrong with its jobs.
    """

    name = ""
    allowed: frozenset[str] = frozenset()
    """Errors that a process may end with while there is trouble; a person would start it again."""

    def __init__(self, folder: Path, seed: int, faults: str = FAULTS) -> None:
        self.folder = folder
        self.effects = folder / "effects"
        self.effects.mkdir(parents=True)
        self.state = folder / "state"
        self.state.mkdir()
        chosen = {"state": str(self.state), "simulated_seed": seed, "simulated_faults": faults}
        self.settings = {**SETTINGS, **chosen, "application": str(ROOT)}
        self.environment = {EFFECTS: str(self.effects)}
        self._stack = ExitStack()

    def outages(self) -> list[Trouble]:
        """What can go wrong here besides deaths."""
        return []

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """A look at the state from outside."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            runtime = build(Settings().changed(**self.settings))
            yield runtime
            runtime.store.close()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    @property
    def jobs(self) -> Path:
        """Where the simulated service keeps its jobs."""
        return self.state / "files" / "simulated" / "jobs"

    def close(self) -> None:
        """Let go of what it took."""
        self._stack.close()


class SqliteWorld(World):
    """One SQLite file, and the files beside it, on a disk that can be filled."""

    name = "SQLite"
    allowed = frozenset({"StoreFullError", "StoreError", "StoreUnavailableError", "BlobError"})

    def __init__(self, folder: Path, seed: int, faults: str = FAULTS) -> None:
        super().__init__(folder, seed, faults)
        self.disks = [place for place in (self.state, self.state / "files") if self._mounted(place)]

    def _mounted(self, place: Path) -> bool:
        """Whether the folder is a small disk of its own; that takes a privilege."""
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            self._stack.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
        return done.returncode == 0

    def outages(self) -> list[Trouble]:
        names = ("the disk of the database is full", "the disk of the files is full")
        full = [
            Trouble(name, lambda _, at=place: _fill(at), lambda _, at=place: _empty(at))
            for name, place in zip(names, self.disks, strict=False)
        ]
        return full or [Trouble("files may not grow", self._limit, self._unlimit)]

    def _limit(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))

    def _unlimit(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)


def _fill(disk: Path) -> None:
    """Leave no room, not even for one more page."""
    for size in (1 << 20, 1 << 12):
        with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(size))


def _empty(disk: Path) -> None:
    (disk / "ballast").unlink(missing_ok=True)


class FirestoreWorld(World):
    """The Firestore stand-in in a process of its own, which can stand still; the line to it can be cut."""

    name = "Firestore"
    allowed = frozenset({"StoreUnavailableError", "StoreError"})

    def __init__(self, folder: Path, seed: int, faults: str = FAULTS) -> None:
        super().__init__(folder, seed, faults)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "gemchain.emulators.firestore", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 -- one call of the C library, and no lock
        )
        self._stack.callback(self._stop)
        assert self._server.stdout is not None
        host, _, port = self._server.stdout.readline().rpartition("=")[2].strip().rpartition(":")
        self.line = Line((socket.gethostbyname(host), int(port)))
        self._stack.callback(self.line.close)
        self.settings["store"] = f"firestore://demo-chaos-{seed}/(default)"
        self.environment[FIRESTORE] = self.line.address

    def _stop(self) -> None:
        assert self._server.stdout is not None
        self._server.send_signal(signal.SIGCONT)
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    def outages(self) -> list[Trouble]:
        return [
            Trouble(
                "Firestore stands still",
                lambda _: self._server.send_signal(signal.SIGSTOP),
                lambda _: self._server.send_signal(signal.SIGCONT),
            ),
            Trouble("Firestore unreachable", lambda _: self.line.cut(), lambda _: self.line.mend()),
        ]
