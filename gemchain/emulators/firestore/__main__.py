"""`python -m gemchain.emulators.firestore`: serve until interrupted."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    from gemchain.errors import MissingExtraError

    try:
        from gemchain.emulators.firestore.server import FirestoreEmulator
    except MissingExtraError as error:
        return _fail(str(error))
    try:
        emulator = FirestoreEmulator(port=options.port, host=options.host)
    except OSError as error:
        return _fail(f"Cannot listen on {options.host}:{options.port}: {error.strerror}. Try --port 0.")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with emulator:
        print(f"Firestore emulator ready: export FIRESTORE_EMULATOR_HOST={emulator.host}", flush=True)  # noqa: T201
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gemchain.emulators.firestore",
        description="A Firestore server in memory, for development and tests.",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port to serve on; 0 picks a free one (default 8080)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    return parser


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
