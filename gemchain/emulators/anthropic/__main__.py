"""`python -m gemchain.emulators.anthropic`: serve until interrupted."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemchain.emulators.batch_answers import add_options
from gemchain.emulators.serving import parser, serve

if TYPE_CHECKING:
    from gemchain.emulators.anthropic import AnthropicEmulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the emulator, say where it is, and serve until SIGINT or SIGTERM.

    Returns:
        The exit status.
    """
    words = "Anthropic's API without a model, for development and tests."
    options = add_options(parser("gemchain.emulators.anthropic", words, port=8892)).parse_args(arguments)

    def make() -> "AnthropicEmulator":
        from gemchain.emulators.anthropic import AnthropicEmulator

        return AnthropicEmulator(
            options.port,
            options.host,
            turnaround=options.turnaround,
            seed=options.seed,
            faults=options.faults,
        )

    said = "Anthropic stand-in ready: export ANTHROPIC_API_KEY=any ANTHROPIC_BASE_URL="
    return serve(make, options, lambda emulator: said + emulator.url)


if __name__ == "__main__":
    sys.exit(main())
