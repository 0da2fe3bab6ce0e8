"""Tools for the tests with the emulator suite: firebase-tools from npm, the functions' Python, a project.

What takes long to make is kept in `.cache` and used again; its name is a hash of its inputs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gemchain.cli.project.wheel import write_wheel
from gemchain.emulators.firebase.suite import Suite
from gemchain.emulators.vertex import VertexEmulator
from gemchain.records.states import BatchState, ChainState
from gemchain.settings import Settings
from gemchain.simulated.dialect import Responder
from gemchain.testing import VirtualClock
from gemchain.wiring import build

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CACHE = HERE / ".cache"
FUNCTIONS = REPOSITORY / "functions"
PROJECT = "demo-gemchain"
BUCKET = f"{PROJECT}.appspot.com"
REGION = "us-central1"
TURNAROUND = 60.0
SENT = (BatchState.SENT, BatchState.ARRIVED)
EVENT_FUNCTIONS = ("gemchainCollect", "articleUploaded")
LOADED = "Loaded functions definitions"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:16]


def run(*command: str | Path, folder: Path = HERE) -> None:
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def gemchain(*arguments: str) -> str:
    """The output of a `gemchain` command on the project in the emulators, run outside of the functions."""
    address = {"GEMCHAIN_STORE": f"firestore://{PROJECT}", "GEMCHAIN_BLOBS": f"gs://{BUCKET}/gemchain"}
    command = [Path(sys.executable).with_name("gemchain"), *arguments]
    done = subprocess.run(
        command, env=os.environ | address, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def firebase_tools() -> list[str]:
    """The command of firebase-tools; npm installs it from the lock file on first use."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"npm-{digest(lock)}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, folder / name)
        run("npm", "ci", "--no-progress", folder=folder)
        (folder / "done").touch()
    return ["node", str(folder / "node_modules/firebase-tools/lib/bin/firebase.js")]


def functions_python() -> Path:
    """A virtual environment for the functions, with gemchain installed from a wheel."""
    CACHE.mkdir(exist_ok=True)
    wheel = write_wheel(CACHE / "vendor")
    # Not from the wheel: the metadata of this installation may be older than the sources.
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    requirements = sorted(project["dependencies"] + project["optional-dependencies"]["firebase"])
    folder = CACHE / f"venv-{digest(PYTHON.encode(), *(each.encode() for each in requirements))}"
    done, installed = folder / "done", digest(wheel.read_bytes())
    pip = (folder / "bin" / "pip", "install", "--quiet")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(*pip, *requirements)
        done.touch()
    if done.read_text() != installed:
        run(*pip, "--no-deps", "--force-reinstall", wheel)
        done.write_text(installed)
    return folder


def make_project(folder: Path, **settings: str) -> Path:
    """A copy of the repository's own Firebase project, with the test's settings in the emulators' `.env`."""
    for name in ("firebase.json", "firestore.rules", "firestore.indexes.json", "storage.rules"):
        shutil.copy(REPOSITORY / name, folder / name)
    config = folder / "firebase.json"
    config.write_text(config.read_text().replace('"python311"', f'"{PYTHON.replace(".", "")}"'))
    functions = folder / "functions"
    shutil.copytree(FUNCTIONS, functions, ignore=shutil.ignore_patterns("venv", "vendor", "__pycache__"))
    (functions / "venv").symlink_to(functions_python())
    names = ("GEMCHAIN_SIGNING_KEY", "GEMCHAIN_START_KEY")
    (functions / ".secret.local").write_text(
        "".join(f"{name}=only-for-tests-and-long-enough\n" for name in names)
    )
    settings = {"GEMCHAIN_BUCKET": BUCKET, **settings}
    lines = (f"{name}={value}\n" for name, value in settings.items())
    (functions / ".env.local").write_text("".join(lines))
    return folder


class Log:
    """The output of firebase-tools, line by line. Tests wait for a line, and never for a time."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._new_line = threading.Condition()

    def add(self, line: str) -> None:
        with self._new_line:
            self.lines.append(line)
            self._new_line.notify_all()

    def count(self, words: str) -> int:
        return sum(words in line for line in list(self.lines))

    def wait_until(self, holds: Callable[[], bool], timeout: float = 300) -> None:
        """Check the condition after every new line until it holds."""
        end = time.monotonic() + timeout
        seen = -1
        while not holds():
            with self._new_line:
                while len(self.lines) == seen:
                    assert self._new_line.wait(end - time.monotonic()), "\n".join(self.lines[-40:])
                seen = len(self.lines)


class Deployment:
    """The project in the emulators, with the stand-in for Vertex AI."""

    def __init__(self, suite: Suite, log: Log, vertex: VertexEmulator, clock: VirtualClock) -> None:
        self.suite = suite
        self.log = log
        self.vertex = vertex
        self._clock = clock
        settings = Settings(store=f"firestore://{suite.project}", blobs=f"gs://{BUCKET}/gemchain")
        self.runtime = build(settings)
        self.store = self.runtime.store

    def warm_up(self) -> None:
        """Start the processes of the event functions one after the other.

        The first event would start them at the same time. firebase-tools looks for a free port a second
        before a process uses it, so two processes may get the same port. Then the event is lost, because no
        emulator sends it twice.
        """
        for name in EVENT_FUNCTIONS:
            with suppress(HTTPError):  # the call carries no event
                self.suite.fire(name, REGION)
        self.log.lines.clear()

    def start_chains(self, rows: list[dict]) -> list[str]:
        return self.start("startArticles", {"rows": rows})

    def start(self, function: str, body: object) -> list[str]:
        """Call an HTTP function; returns the ids of the chains that it started."""
        data = json.dumps(body).encode()
        url = self.suite.function_url(function, REGION)
        request = Request(url, data, {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=120) as reply:
                return reply.read().decode().split()
        except HTTPError as error:
            raise AssertionError("\n".join(self.log.lines[-60:])) from error

    def assemble(self) -> None:
        self.suite.fire("gemchainAssemble", REGION)

    def sweep(self) -> None:
        self.suite.fire("gemchainSweep", REGION)

    def finish_jobs(self) -> None:
        """End the running jobs of the provider, and write their outputs."""
        self._clock.advance(TURNAROUND)
        self.vertex.settle()

    def batches_closed(self) -> bool:
        """Whether all sent batches are closed. Eager batches wait for the next tick, and do not count."""
        return not any(each.state in SENT for each in self.store.open_batches())

    def all_ended(self, chains: list[str]) -> bool:
        return all(each.state is not ChainState.RUNNING for each in self.store.chains(chains).values())

    def results(self, chains: list[str]) -> list:
        found = self.store.chains(chains)
        failures = {str(each.failure) for each in found.values() if each.failure}
        assert not failures, "\n".join([*failures, *self.log.lines[-60:]])
        return [json.loads(found[each].result or "null") for each in chains]

    def redeploy(self, file: Path, text: str) -> None:
        """Change a source file, and wait until the emulator has loaded the codebase again."""
        loaded = self.log.count(LOADED)
        file.write_text(text)
        self.log.wait_until(lambda: self.log.count(LOADED) > loaded)

    def calls(self, function: str) -> int:
        return self.log.count(f'Beginning execution of "{REGION}-{function}"')


@contextmanager
def deployed(
    folder: Path,
    change: Callable[[Path], None] = lambda _: None,
    responder: Responder | None = None,
    **settings: str,
) -> Iterator[Deployment]:
    """Start the emulators on a copy of the repository's project.

    Args:
        folder: An empty folder.
        change: Changes the copy of the project, for example to inject a fault.
        responder: Answers instead of the model.
        settings: Settings for the functions' `.env.local`.
    """
    log, clock = Log(), VirtualClock()
    suite = Suite(folder, firebase=firebase_tools(), listen=log.add)
    with (
        mock.patch.dict(os.environ, suite.variables),
        VertexEmulator(clock=clock, turnaround=TURNAROUND, responder=responder) as vertex,
    ):
        change(make_project(folder, **{"GEMCHAIN_VERTEX_ENDPOINT": vertex.url, **settings}))
        with suite:
            deployment = Deployment(suite, log, vertex, clock)
            deployment.warm_up()
            try:
                yield deployment
            finally:
                deployment.store.close()
