"""`python -m gemchain.emulators.vertex`: serve until interrupted."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

TICK = 0.5
"""Seconds between two looks for jobs that are over."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    from gemchain.emulators.vertex.server import VertexEmulator
    from gemchain.errors import GemchainError

    try:
        emulator = VertexEmulator(
            options.port,
            options.host,
            turnaround=options.turnaround,
            seed=options.seed,
            faults=options.faults,
        )
    except GemchainError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"Cannot listen on {options.host}:{options.port}: {error.strerror}. Try --port 0.")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with emulator:
        print(f"Vertex stand-in ready: export GEMCHAIN_VERTEX_ENDPOINT={emulator.url}", flush=True)  # noqa: T201
        while not stopped.wait(TICK):
            emulator.settle()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gemchain.emulators.vertex",
        description="Vertex AI's batch prediction for Gemini without a model, for development and tests.",
    )
    parser.add_argument("--port", type=int, default=8890, help="0 picks a free one (default 8890)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--turnaround", type=float, default=5.0, help="seconds that a job takes (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default 0)")
    parser.add_argument("--faults", default="", help="what goes wrong, as failed=0.1,create_lost=0.5")
    return parser


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
