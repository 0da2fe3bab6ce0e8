"""`gemchain dev`: running a Firebase project locally: emulators, a stand-in for Vertex AI, schedules."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

from rich.console import Console

from gemchain.cli.project import dotenv
from gemchain.emulators.firebase.official import why_not_official
from gemchain.emulators.firebase.suite import EMULATORS, Suite
from gemchain.errors import ConfigurationError, MissingExtraError

__all__ = ["dev"]

PROJECT = "demo-gemchain"
"""Ids that begin with `demo-` never reach a real project."""

PRINT_SECONDS = 0.5
"""Time for firebase-tools to finish printing its table."""

STDERR = 2
"""The number of stderr, which leaves stdout to `--json`."""

SWEEP_EVERY = 5
"""Minutes, as the schedule of `gemchainSweep` says."""


class Options(NamedTuple):
    """The options of the command line.

    Attributes:
        minute: Seconds that one minute of the schedules takes.
        turnaround: Seconds that a job of the Vertex stand-in takes.
        stand_in: Use gemchain's own Firestore even where the Java emulator could run.
        free_ports: Use any free ports, not those in `firebase.json`.
        as_json: Print the addresses as one line of JSON on stdout, and all else on stderr.
    """

    minute: float = 5.0
    turnaround: float = 3.0
    stand_in: bool = False
    free_ports: bool = False
    as_json: bool = False


def dev(folder: Path, options: Options) -> None:
    """Start everything, print the logs, and stop everything on Ctrl-C or when the terminal is closed.

    Args:
        folder: The folder of `firebase.json`.
        options: See `Options`.

    Raises:
        ConfigurationError: A file or a program is missing; the message says how to get it.
    """
    if not hasattr(signal, "SIGHUP"):
        raise ConfigurationError("gemchain dev needs Linux or macOS; on Windows, run it in WSL 2")
    try:
        from gemchain.emulators.vertex.server import VertexEmulator
    except ImportError as error:
        raise MissingExtraError("gemchain dev", "firebase") from error
    for each in (signal.SIGTERM, signal.SIGHUP):  # else firebase-tools keeps running, and keeps the ports
        signal.signal(each, _interrupt)
    console = Console(stderr=options.as_json, highlight=False, soft_wrap=True, markup=False)
    config = _config(folder)
    source = _source(folder, config)
    _prepare_python(source, console)
    why_not = "asked for" if options.stand_in else why_not_official()
    console.print(
        f"Firestore is gemchain's own stand-in, in memory: {why_not}. No Firestore triggers, no rules."
        if why_not
        else "Firestore is Firebase's own emulator, which runs on Java."
    )
    values = dotenv.read(source, PROJECT, emulated=True)
    bucket = values.get("GEMCHAIN_BUCKET") or f"{PROJECT}.appspot.com"
    files = f"gs://{bucket}/{dotenv.places(values).folder}"
    region = values.get("GEMCHAIN_REGION") or "us-central1"
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        suite = Suite(
            folder,
            project=PROJECT,
            firebase=_firebase(folder),
            ports={} if options.free_ports else _ports(config),
            stand_in=why_not is not None,
            listen=console.print,
        )
        os.environ.update(suite.variables)
        vertex = stack.enter_context(VertexEmulator(turnaround=options.turnaround))
        suite.environment = {"GEMCHAIN_VERTEX_ENDPOINT": vertex.url}
        stack.enter_context(suite)
        threading.Event().wait(PRINT_SECONDS)
        if options.as_json:
            print(json.dumps(_addresses(suite, vertex.url, files, region)), flush=True)
        else:
            console.print(_welcome(suite, vertex.url, files, region))
        _run_schedules(suite, vertex, region, options.minute, console)
    console.print("Stopped.")


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "firebase.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there is no firebase.json in {str(folder)!r}; make one: gemchain init"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{folder / 'firebase.json'} is not JSON: {error}") from error
    return config


def _source(folder: Path, config: dict[str, Any]) -> Path:
    """The codebase that imports gemchain's stages."""
    functions = config.get("functions", [])
    for each in functions if isinstance(functions, list) else [functions]:
        source = folder / str(each.get("source", "functions"))
        main = source / "main.py"
        if main.exists() and "gemchain.firebase" in main.read_text(encoding="utf-8"):
            return source
    raise ConfigurationError("no codebase in firebase.json imports gemchain.firebase; add one: gemchain init")


def _ports(config: dict[str, Any]) -> dict[str, int]:
    emulators = config.get("emulators", {})
    return {name: emulators[name]["port"] for name in EMULATORS if "port" in emulators.get(name, {})}


def _firebase(folder: Path) -> list[str]:
    local = folder / "node_modules" / ".bin" / "firebase"
    found = str(local) if local.exists() else shutil.which("firebase")
    if found is None:
        raise ConfigurationError(
            "firebase-tools is not installed: npm install -g firebase-tools (Node 20 or newer)"
        )
    return [found]


def _prepare_python(source: Path, console: Console) -> None:
    """Make the virtual environment that firebase-tools needs, unless it exists."""
    if (source / "venv").exists():
        return
    console.print(f"making {source / 'venv'} (a minute, once)")
    for command in (
        [sys.executable, "-m", "venv", "venv"],
        [str(Path("venv", "bin", "python")), "-m", "pip", "install", "--quiet", "-r", "requirements.txt"],
    ):
        done = subprocess.run(command, cwd=source, check=False, stdout=STDERR)  # noqa: S603 -- our own commands
        if done.returncode:
            shutil.rmtree(source / "venv", ignore_errors=True)
            raise ConfigurationError(f"in {source}: {' '.join(command)} failed; see above")


def _addresses(suite: Suite, vertex: str, files: str, region: str) -> dict[str, Any]:
    """Where everything is, for programs. `environment` is what other commands of gemchain need."""
    return {
        "functions": f"{suite.url('functions')}/{suite.project}/{region}",
        "vertex": vertex,
        "environment": {
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{suite.ports['firestore']}",
            "STORAGE_EMULATOR_HOST": suite.url("storage"),
            "GEMCHAIN_STORE": f"firestore://{suite.project}",
            "GEMCHAIN_BLOBS": files,
        },
        "log": str(suite.log),
    }


def _welcome(suite: Suite, vertex: str, files: str, region: str) -> str:
    start = suite.function_url("startArticles", region)
    return f"""
Everything runs.
Functions:      {suite.url("functions")}/{suite.project}/{region}/NAME
Vertex AI:      {vertex} (a stand-in; its answers are simulated)
Start a chain:  curl -H 'Content-Type: application/json' -d '{{"rows": [{{"topic": "bees"}}]}}' {start}
Look at it:     export FIRESTORE_EMULATOR_HOST=127.0.0.1:{suite.ports["firestore"]}
                export STORAGE_EMULATOR_HOST={suite.url("storage")}
                export GEMCHAIN_STORE=firestore://{suite.project} GEMCHAIN_BLOBS={files}
                gemchain chains
Stop all:       Ctrl-C
"""


def _run_schedules(suite: Suite, vertex: Any, region: str, minute: float, console: Console) -> None:
    """Run the scheduled functions, which the emulators never do, and end the jobs whose time is over."""
    pause, minutes = threading.Event(), 0
    while suite.running:
        _fire(suite, "gemchainAssemble", region, console)
        if minutes % SWEEP_EVERY == 0:
            _fire(suite, "gemchainSweep", region, console)
        pause.wait(minute)
        vertex.settle()
        minutes += 1
    raise ConfigurationError(f"the Firebase emulators ended; see {suite.log}")


def _fire(suite: Suite, name: str, region: str, console: Console) -> None:
    try:
        suite.fire(name, region)
    except (URLError, OSError) as error:
        console.print(f"{name} failed: {error}; its traceback is above")
