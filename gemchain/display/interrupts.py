"""Ctrl-C during `gemchain.run()` ends a script with one line in place of a traceback.

A script that catches `KeyboardInterrupt` gets it as ever. Nothing else about uncaught exceptions changes.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from gemchain.errors import GemchainError
from gemchain.functions.application import script_folder
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime
from gemchain.settings import Settings

__all__ = ["AGAIN", "ending_in_one_line"]

AGAIN = "■ Interrupted. Run the program again: it continues where it stopped."
WITHOUT_KEYS = "■ Interrupted. To continue, without starting chains that have no key a second time:  "
MOST = 1_000
"""Open chains that are looked at for one without a key."""


@contextmanager
def ending_in_one_line(runtime: Runtime) -> Iterator[None]:
    """A block whose `KeyboardInterrupt`, if nobody catches it, is shown as one line."""
    try:
        yield
    except KeyboardInterrupt as error:
        _show_as_line(error, _advice(runtime))
        raise


def _advice(runtime: Runtime) -> str:
    """How to continue: the program itself would start chains without a key once more, and pay them twice."""
    with suppress(GemchainError):
        store = runtime.store
        chains = store.list_chains(state=ChainState.RUNNING, owner=runtime.owner, limit=MOST)
        if any(chain.key is None for chain in chains):
            return WITHOUT_KEYS + _command(runtime)
    return AGAIN


def _command(runtime: Runtime) -> str:
    """The command that goes on with the chains of this program, and starts none."""
    folder, state = script_folder(), runtime.settings.state
    named = {
        "PYTHONPATH": None if folder in (None, Path.cwd()) else os.path.relpath(str(folder)),
        "GEMCHAIN_STATE": None if state == Settings().state else state,
        "GEMCHAIN_PROGRAM": runtime.owner or None,
    }
    words = [f"{name}={shlex.quote(value)}" for name, value in named.items() if value is not None]
    return " ".join([*words, 'python -c "import gemchain; gemchain.run()"'])


def _show_as_line(interrupt: KeyboardInterrupt, line: str) -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if error is interrupt:
            sys.stderr.write(f"{line}\n")
        else:
            before(kind, error, traceback)

    sys.excepthook = hook
