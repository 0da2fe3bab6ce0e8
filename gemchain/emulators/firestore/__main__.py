"""`python -m gemchain.emulators.firestore`: serve until interrupted."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemchain.emulators.serving import parser, serve

if TYPE_CHECKING:
    from gemchain.emulators.firestore.server import FirestoreEmulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    options = parser(
        "gemchain.emulators.firestore",
        "A Firestore server in memory, for development and tests.",
        port=8080,
    ).parse_args(arguments)

    def make() -> "FirestoreEmulator":
        from gemchain.emulators.firestore.server import FirestoreEmulator

        return FirestoreEmulator(port=options.port, host=options.host)

    return serve(
        make,
        options,
        lambda emulator: f"Firestore emulator ready: export FIRESTORE_EMULATOR_HOST={emulator.host}",
    )


if __name__ == "__main__":
    sys.exit(main())
