"""The processes that the chaos test kills: one parent process has imported everything, and forks them.

A fork takes milliseconds, so a killed process is replaced at once. The parent reads orders from its standard
input, one line of JSON each, and answers each with the id of the new process. When its input ends, the parent
and all the processes that it forked end.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRIVE_SECONDS = 0.1
"""How long a process that collects garbage drives the engine between two collections."""

GEMCHAIN_ERROR = 3
"""The exit code of a process that met one of gemchain's own errors, and reported it."""


class Processes:
    """Starts the processes that are killed, through the parent process that forks them."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.processes"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._parent.stdout is not None
        assert self._parent.stdout.readline() == "ready\n"

    def start(self, order: dict) -> int:
        """Start a process; returns its id."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent process and every process that it forked."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent dies, where it can (Linux): nothing is left behind."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def is_alive(pid: int) -> bool:
    """Whether the process exists. The parent leaves no zombies: it ignores SIGCHLD."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    # Everything that a forked process needs is imported once.
    import gemchain.blobs.local
    import gemchain.engine.drive
    import gemchain.engine.operations.retention
    import gemchain.providers.simulated
    import gemchain.stores.firestore
    import gemchain.stores.sqlite  # noqa: F401
    from tests.apps import chaos  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run_forked(json.loads(line))
        print(pid, flush=True)  # noqa: T201


def _run_forked(order: dict) -> None:
    """Start chains, drive them, and resume those that wait for a person; runs until it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent()
    with open(order["log"], "ab", buffering=0) as log:  # noqa: PTH123
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(order["environment"])
    from gemchain.errors import GemchainError

    code = 1
    try:
        try:
            _work(order)
        except GemchainError as error:
            code = GEMCHAIN_ERROR
            os.write(2, f"ERROR {type(error).__name__}: {error}\n".encode())
        except BaseException:  # noqa: BLE001 -- the test reads every exception from the log
            os.write(2, b"FATAL " + traceback.format_exc().encode())
    finally:
        os._exit(code)  # in every case: a forked process never goes on as the parent


def _work(order: dict) -> None:
    import gemchain
    from gemchain.engine.operations.retention import forget
    from gemchain.records.states import PromptState
    from tests.apps import chaos

    runtime = gemchain.configure(**order["settings"])
    chaos.start_all(order["chains"])
    while True:
        gemchain.run(timeout=DRIVE_SECONDS if order["collects"] else None)
        if order["collects"]:
            forget(runtime, timedelta(0))
        for prompt in runtime.store.list_prompts(state=PromptState.WAITING):
            if prompt.kind == "wait":
                with suppress(gemchain.ChainNotFoundError):  # another process has resumed it
                    gemchain.resume(prompt.chain_id, "approved")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
