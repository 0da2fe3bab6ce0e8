"""`python -m gemchain.emulators.vertex`: serve until interrupted."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemchain.emulators.serving import parser, serve

if TYPE_CHECKING:
    from gemchain.emulators.vertex.server import VertexEmulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)

    def make() -> "VertexEmulator":
        from gemchain.emulators.vertex.server import VertexEmulator

        return VertexEmulator(
            options.port,
            options.host,
            turnaround=options.turnaround,
            seed=options.seed,
            faults=options.faults,
        )

    return serve(
        make,
        options,
        lambda emulator: f"Vertex stand-in ready: export GEMCHAIN_VERTEX_ENDPOINT={emulator.url}",
        tick=lambda emulator: emulator.settle(),
    )


def _parser() -> argparse.ArgumentParser:
    made = parser(
        "gemchain.emulators.vertex",
        "Vertex AI's batch prediction for Gemini without a model, for development and tests.",
        port=8890,
    )
    made.add_argument("--turnaround", type=float, default=5.0, help="seconds that a job takes (default 5)")
    made.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default 0)")
    made.add_argument("--faults", default="", help="what goes wrong, as failed=0.1,create_lost=0.5")
    return made


if __name__ == "__main__":
    sys.exit(main())
