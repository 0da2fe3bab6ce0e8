"""`python -m gemchain.emulators.mistral`: serve until interrupted."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemchain.emulators.batch_answers import add_options
from gemchain.emulators.serving import parser, serve

if TYPE_CHECKING:
    from gemchain.emulators.mistral import MistralEmulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    words = "Mistral's API without a model, for development and tests."
    options = add_options(parser("gemchain.emulators.mistral", words, port=8893)).parse_args(arguments)

    def make() -> "MistralEmulator":
        from gemchain.emulators.mistral import MistralEmulator

        return MistralEmulator(
            options.port,
            options.host,
            turnaround=options.turnaround,
            seed=options.seed,
            faults=options.faults,
        )

    said = "Mistral stand-in ready: export MISTRAL_API_KEY=any GEMCHAIN_MISTRAL_ENDPOINT="
    return serve(make, options, lambda emulator: said + emulator.url)


if __name__ == "__main__":
    sys.exit(main())
