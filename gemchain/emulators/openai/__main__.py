"""`python -m gemchain.emulators.openai`: serve until interrupted."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemchain.emulators.serving import parser, serve

if TYPE_CHECKING:
    from gemchain.emulators.openai.server import OpenAIEmulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)

    def make() -> "OpenAIEmulator":
        from gemchain.emulators.openai.server import OpenAIEmulator

        return OpenAIEmulator(
            options.port,
            options.host,
            turnaround=options.turnaround,
            seed=options.seed,
            faults=options.faults,
        )

    return serve(
        make,
        options,
        lambda emulator: f"OpenAI stand-in ready: export OPENAI_API_KEY=any OPENAI_BASE_URL={emulator.url}",
    )


def _parser() -> argparse.ArgumentParser:
    made = parser(
        "gemchain.emulators.openai",
        "OpenAI's API without a model, for development and tests.",
        port=8891,
    )
    made.add_argument("--turnaround", type=float, default=5.0, help="seconds that a batch takes (default 5)")
    made.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default 0)")
    made.add_argument("--faults", default="", help="what goes wrong, as failed=0.1,create_lost=0.5")
    return made


if __name__ == "__main__":
    sys.exit(main())
