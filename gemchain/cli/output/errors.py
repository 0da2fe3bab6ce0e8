"""Errors as one readable line on stderr, and the exit code of each."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from gemchain.errors import (
    BlobError,
    GemchainError,
    ProviderError,
    StoreFullError,
    StoreUnavailableError,
)

__all__ = [
    "BAD_INPUT",
    "INTERRUPTED",
    "NOT_ALL_DONE",
    "STOPPED",
    "StoppedError",
    "print_error",
    "reporting_errors",
]

NOT_ALL_DONE = 1
BAD_INPUT = 2
STOPPED = 3
"""The input was right, but the disk, the store or the provider stopped the command."""
INTERRUPTED = 130


class StoppedError(GemchainError):
    """The command stopped half-way for a reason that a person has to fix; the same command continues."""


_EXTERNAL = (BlobError, ProviderError, StoppedError, StoreFullError, StoreUnavailableError)
"""Errors whose cause lies outside of the command's input."""


@contextmanager
def reporting_errors(debug: bool, continue_with: str | None = None) -> Iterator[None]:
    """Turn errors that leave the block into a line on stderr and an exit code.

    Args:
        debug: Let errors pass with their traceback.
        continue_with: The command that continues after an interruption.
    """
    try:
        yield
    except KeyboardInterrupt:
        print_error("Interrupted. " + (f"Continue with:  {continue_with}" if continue_with else ""), mark="■")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of stdout has gone. Without this, Python would print another error when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(NOT_ALL_DONE) from None
    except GemchainError as error:
        if debug:
            raise
        print_error(str(error) or type(error).__name__)
        if continue_with and isinstance(error, _EXTERNAL):
            print_error(f"What was recorded is kept. Continue with:  {continue_with}", mark="■")
        raise typer.Exit(STOPPED if isinstance(error, _EXTERNAL) else BAD_INPUT) from None


def print_error(text: str, *, mark: str = "✗") -> None:
    """Print one line on stderr; further lines of `text` follow it, indented."""
    from rich.text import Text

    from gemchain.display.console import PlainConsole

    first, *more = text.splitlines()
    line = Text(f"{mark} ", style="bold red" if mark == "✗" else "bold yellow").append(first, style="default")
    for each in more:
        line.append(f"\n  {each}", style="dim")
    PlainConsole(stderr=True, soft_wrap=True, highlight=False).print(line)
