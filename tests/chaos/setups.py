"""The setups in which the chaos test runs, one for each store, and the faults that each can have.

A setup is a store that three processes share: a SQLite file on a small disk of its own, or the Firestore
stand-in, in a process of its own behind a TCP proxy that can be disconnected.
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
from tests.chaos.processes import die_with_parent
from tests.chaos.tcp_proxy import TcpProxy
from tests.support.haste import FAULTS, SETTINGS

ROOT = Path(__file__).parents[2]
FIRESTORE = "FIRESTORE_EMULATOR_HOST"
DISK_BYTES = 96 << 20
"""So small that a write-ahead log of the usual length would fill it alone."""
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Fault(NamedTuple):
    """A fault that lasts for a while.

    Attributes:
        begin: Makes the fault; given the ids of the processes that run.
        end: Ends the fault, for these processes and for new ones.
    """

    name: str
    begin: Callable[[list[int]], None]
    end: Callable[[list[int]], None]


class Setup:
    """A store, its files and the settings of the processes that share them.

    Args:
        folder: A folder of this setup alone.
        seed: Seed of everything that the simulated service draws.
        service_faults: Faults of the simulated service's jobs.
    """

    name = ""
    allowed: frozenset[str] = frozenset()
    """Errors that a process may end with during a fault; the operator would start it again."""

    def __init__(self, folder: Path, seed: int, service_faults: str = FAULTS) -> None:
        self.folder = folder
        self.effects = folder / "effects"
        self.effects.mkdir(parents=True)
        self.state = folder / "state"
        self.state.mkdir()
        chosen = {"state": str(self.state), "simulated_seed": seed, "simulated_faults": service_faults}
        self.settings = {**SETTINGS, **chosen, "application": str(ROOT)}
        self.environment = {EFFECTS: str(self.effects)}
        self._stack = ExitStack()

    def faults(self) -> list[Fault]:
        """The faults that this setup can have, besides killed processes."""
        return []

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """A runtime of the test itself, to read the state."""
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
        """Unmount the disks and stop the server."""
        self._stack.close()


class SqliteSetup(Setup):
    """One SQLite file and the files beside it, on disks that can be filled."""

    name = "SQLite"
    allowed = frozenset({"StoreFullError", "StoreError", "StoreUnavailableError", "BlobError"})

    def __init__(self, folder: Path, seed: int, service_faults: str = FAULTS) -> None:
        super().__init__(folder, seed, service_faults)
        self.disks = [each for each in (self.state, self.state / "files") if self._mount_small_disk(each)]

    def _mount_small_disk(self, folder: Path) -> bool:
        """Mount a small disk on the folder; False where the process lacks the privilege."""
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            self._stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=False)
        return done.returncode == 0

    def faults(self) -> list[Fault]:
        names = ("the disk of the database is full", "the disk of the files is full")
        full = [
            Fault(name, lambda _, at=disk: _fill(at), lambda _, at=disk: _empty(at))
            for name, disk in zip(names, self.disks, strict=False)
        ]
        return full or [Fault("files may not grow", self._limit, self._unlimit)]

    def _limit(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))

    def _unlimit(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)


def _fill(disk: Path) -> None:
    """Fill the disk so that not even one more page of the database fits."""
    for size in (1 << 20, 1 << 12):
        with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(size))


def _empty(disk: Path) -> None:
    (disk / "ballast").unlink(missing_ok=True)


class FirestoreSetup(Setup):
    """The Firestore stand-in in a process of its own, which can be paused or disconnected."""

    name = "Firestore"
    allowed = frozenset({"StoreUnavailableError", "StoreError"})

    def __init__(self, folder: Path, seed: int, service_faults: str = FAULTS) -> None:
        super().__init__(folder, seed, service_faults)
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
        self.proxy = TcpProxy((socket.gethostbyname(host), int(port)))
        self._stack.callback(self.proxy.close)
        self.settings["store"] = f"firestore://demo-chaos-{seed}/(default)"
        self.environment[FIRESTORE] = self.proxy.address

    def _stop(self) -> None:
        assert self._server.stdout is not None
        self._server.send_signal(signal.SIGCONT)
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()

    def faults(self) -> list[Fault]:
        return [
            Fault(
                "Firestore is paused",
                lambda _: self._server.send_signal(signal.SIGSTOP),
                lambda _: self._server.send_signal(signal.SIGCONT),
            ),
            Fault(
                "Firestore is unreachable",
                lambda _: self.proxy.disconnect(),
                lambda _: self.proxy.reconnect(),
            ),
        ]
