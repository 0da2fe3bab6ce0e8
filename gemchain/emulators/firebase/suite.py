"""firebase-tools as a child process: started on ports of its own, awaited, read, stopped."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from gemchain.emulators.firebase import java
from gemchain.emulators.serving import StandIn
from gemchain.errors import ConfigurationError

__all__ = ["EMULATORS", "Suite", "free_ports"]

EMULATORS = ("functions", "firestore", "storage", "tasks", "eventarc")
_PORTS = (*EMULATORS, "hub", "logging")
CONFIG = ".gemchain-firebase.json"
READY = "All emulators ready"
STOPPING = 30.0
"""Seconds that firebase-tools gets to stop its children."""

_LEFT_OUT = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "GOOGLE_APPLICATION_CREDENTIALS")
"""Of this process's environment, what the functions must not inherit."""


def _nothing(_: str) -> None:
    pass


PORTS = range(20_000, 32_000)
"""Below what systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere): a port from
there may be taken again, by any connection, between the moment it was found free and its emulator's start."""


def free_ports(count: int) -> list[int]:
    """Free ports of the loopback, all different."""
    with ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            tried = stack.enter_context(socket.socket())
            with suppress(OSError):
                tried.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise ConfigurationError(f"fewer than {count} of the ports {PORTS.start} to {PORTS.stop} are free")


class Suite(StandIn):
    """The emulators of one Firebase project.

    Args:
        folder: The project's folder, where `firebase.json` is.
        project: Its id; one that begins with `demo-` reaches no real service.
        firebase: The command that starts firebase-tools.
        ports: The port of each emulator, by name; those not named are chosen from what is free.
        stand_in: Use gemchain's own Firestore in place of Java and the JARs.
        environment: Added to the environment of firebase-tools, and so of the functions; kept in the
            attribute of that name, which may be changed until `start`.
        log: Where to keep everything that is said.
        listen: Called with each line that is said.
    """

    def __init__(  # noqa: PLR0913 -- named options of a public call
        self,
        folder: Path,
        *,
        project: str = "demo-gemchain",
        firebase: Sequence[str] = ("firebase",),
        ports: Mapping[str, int] | None = None,
        stand_in: bool = True,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        listen: Callable[[str], None] = _nothing,
    ) -> None:
        self.folder = folder
        self.project = project
        self.ports = self._all_ports(ports or {})
        self.log = log or folder / "firebase-emulators.log"
        self._firebase = firebase
        self._stand_in = stand_in
        self.environment = dict(environment or {})
        self._listen = listen
        self._ready = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._shims: Path | None = None

    @staticmethod
    def _all_ports(given: Mapping[str, int]) -> dict[str, int]:
        names = [each for each in (*_PORTS, "websocket") if each not in given]
        return {**dict(zip(names, free_ports(len(names)), strict=True)), **given}

    def url(self, emulator: str) -> str:
        """Where an emulator answers."""
        return f"http://127.0.0.1:{self.ports[emulator]}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment with which a program outside reaches the emulators."""
        return {
            "GCLOUD_PROJECT": self.project,
            "GOOGLE_CLOUD_PROJECT": self.project,
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.ports['firestore']}",
            "STORAGE_EMULATOR_HOST": self.url("storage"),
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{self.ports['tasks']}",
        }

    @property
    def running(self) -> bool:
        """Whether firebase-tools is there."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 180.0) -> None:
        """Start everything, and return when firebase-tools says that it is ready.

        Raises:
            ConfigurationError: It ended, or was not ready in time; the message holds its last words.
        """
        command = [
            *self._firebase,
            "emulators:start",
            *("--project", self.project),
            *("--config", str(self._write_config())),
            *("--only", ",".join(EMULATORS)),
        ]
        self._process = subprocess.Popen(  # noqa: S603 -- the command is the user's own
            command,
            cwd=self.folder,
            env=self._child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="firebase-log", daemon=True)
        self._reader.start()
        try:
            ready = self._ready.wait(timeout) and self.running
        except BaseException:
            self.stop()
            raise
        if not ready:
            self.stop()
            words = "".join(
                self.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-20:]
            )
            raise ConfigurationError(f"the Firebase emulators did not start; see {self.log}:\n{words}")

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self.log.open("w", encoding="utf-8") as out:
            for line in self._process.stdout:
                out.write(line)
                out.flush()
                self._listen(line.rstrip("\n"))
                if READY in line:
                    self._ready.set()
        self._ready.set()  # nothing need wait for one that has ended

    def _child_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
        kept |= {"FIREBASE_CLI_DISABLE_UPDATE_CHECK": "1", "FUNCTIONS_DISCOVERY_TIMEOUT": "60"}
        if self._stand_in:
            self._shims = Path(tempfile.mkdtemp(prefix="gemchain-java-"))
            kept |= java.install(self._shims)
        return kept | self.environment

    def _write_config(self) -> Path:
        """The project's `firebase.json` with our ports. firebase-tools takes its folder for the project's."""
        config: dict[str, Any] = json.loads((self.folder / "firebase.json").read_text(encoding="utf-8"))
        emulators = config.get("emulators", {})
        for name in _PORTS:
            place = {"host": "127.0.0.1", "port": self.ports[name]}
            emulators[name] = {**emulators.get(name, {}), **place}
        emulators["firestore"]["websocketPort"] = self.ports["websocket"]
        config["emulators"] = {**emulators, "ui": {"enabled": False}, "singleProjectMode": True}
        path = self.folder / CONFIG
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return path

    def stop(self) -> None:
        """Stop everything that was started, and nothing else."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_group(process.pid)
            process.wait()
        if self._reader is not None:
            self._reader.join()
        assert process.stdout is not None
        process.stdout.close()
        (self.folder / CONFIG).unlink(missing_ok=True)
        if self._shims is not None:
            shutil.rmtree(self._shims, ignore_errors=True)

    def fire(self, name: str, region: str, timeout: float = 600.0) -> None:
        """Run a scheduled function now. The emulator never does so by itself.

        Raises:
            HTTPError: The function failed, or there is none.
        """
        path = f"/functions/projects/{self.project}/triggers/{region}-{name}-0"
        request = Request(f"{self.url('functions')}{path}", data=b"{}", method="POST")  # noqa: S310 -- loopback
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=timeout) as reply:  # noqa: S310 -- loopback
            reply.read()

    def function_url(self, name: str, region: str) -> str:
        """Where an HTTP function answers."""
        return f"{self.url('functions')}/{self.project}/{region}/{name}"


def _kill_group(pid: int) -> None:
    """What is left of the group that began with this process: it was given a session of its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
