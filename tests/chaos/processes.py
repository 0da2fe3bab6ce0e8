"""Where the processes come from that are killed: a process that has imported everything, and forks.

A killed process is followed by a new one in milliseconds. The nursery reads orders from its standard
input, one line of JSON each, and answers with the process's id; when its input ends, it and all that it
bore are gone.
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
BREATH = 0.1
"""Seconds that a process drives which removes all that has ended in between."""

TROUBLE = 3
"""The exit code of a process that met an error of gemchain's own, and said so."""


class Nursery:
    """The other end of the line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.processes"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def bear(self, order: dict) -> int:
        """A new process; its id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """The end of the nursery and of everybody who came from it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent dies, where it can (Linux): nothing is left behind."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def lives(pid: int) -> bool:
    """Whether the process is there; the nursery buries the dead at once."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    # What every child will need is imported once.
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
            _live(json.loads(line))
        print(pid, flush=True)  # noqa: T201


def _live(order: dict) -> None:
    """Be a process that starts chains, drives them, and answers in the place of a person; for ever."""
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
            code = TROUBLE
            os.write(2, f"TROUBLE {type(error).__name__}: {error}\n".encode())
        except BaseException:  # noqa: BLE001 -- whatever it is, whoever started the process wants to know
            os.write(2, b"FATAL " + traceback.format_exc().encode())
    finally:
        os._exit(code)  # whatever comes, a child never goes on as the nursery


def _work(order: dict) -> None:
    import gemchain
    from gemchain.engine.operations.retention import forget
    from gemchain.records.states import PromptState
    from tests.apps import chaos

    runtime = gemchain.configure(**order["settings"])
    chaos.start_all(order["chains"])
    while True:
        gemchain.run(timeout=BREATH if order["collects"] else None)
        if order["collects"]:
            forget(runtime, timedelta(0))
        for prompt in runtime.store.list_prompts(state=PromptState.WAITING):
            if prompt.kind == "wait":
                with suppress(gemchain.ChainNotFoundError):  # somebody else has said it
                    gemchain.resume(prompt.chain_id, "approved")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
