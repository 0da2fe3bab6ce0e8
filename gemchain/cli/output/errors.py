"""Errors as one readable line on stderr, and the exit code that goes with each."""

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

__all__ = ["BAD_INPUT", "INTERRUPTED", "NOT_ALL_DONE", "STOPPED", "StoppedError", "complain", "complaining"]

NOT_ALL_DONE = 1
BAD_INPUT = 2
STOPPED = 3
"""Nothing was wrong with what was asked; the disk, the store or the provider was in the way."""
INTERRUPTED = 130


class StoppedError(GemchainError):
    """Work was under way when something turned up that a person has to mend; the same command goes on."""


_OUTSIDE = (BlobError, ProviderError, StoppedError, StoreFullError, StoreUnavailableError)


@contextmanager
def complaining(debug: bool, go_on: str | None = None) -> Iterator[None]:
    """Turn errors that leave the block into a line and an exit code.

    Args:
        debug: Let errors pass with their traceback.
        go_on: How to continue after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        complain("Interrupted. " + (f"Continue with:  {go_on}" if go_on else ""), mark="■")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(NOT_ALL_DONE) from None
    except GemchainError as error:
        if debug:
            raise
        complain(str(error) or type(error).__name__)
        if go_on and isinstance(error, _OUTSIDE):
            complain(f"What was recorded is kept. Continue with:  {go_on}", mark="■")
        raise typer.Exit(STOPPED if isinstance(error, _OUTSIDE) else BAD_INPUT) from None


def complain(text: str, *, mark: str = "✗") -> None:
    """Print one line on stderr; further lines of `text` stand below it, indented."""
    from rich.text import Text

    from gemchain.cli.output.console import PlainConsole

    first, *rest = text.splitlines()
    line = Text(f"{mark} ", style="bold red" if mark == "✗" else "bold yellow").append(first, style="default")
    for each in rest:
        line.append(f"\n  {each}", style="dim")
    PlainConsole(stderr=True, soft_wrap=True, highlight=False).print(line)
