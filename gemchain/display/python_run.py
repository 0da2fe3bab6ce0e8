"""The progress of `gemchain.run()`, as `gemchain run` shows it."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from gemchain.display.console import PlainConsole
from gemchain.display.interrupts import ending_in_one_line
from gemchain.display.meter import Meter
from gemchain.display.progress import showing
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["shown"]


@contextmanager
def shown(runtime: Runtime, owners: Collection[str] | None, *, progress: bool | None) -> Iterator[None]:
    """A block during which progress is shown.

    Args:
        runtime: What runs.
        owners: Whose work is done; None for everyone's.
        progress: Whether to show it: a board on a terminal, lines elsewhere. None shows it on a terminal.
    """
    console = PlainConsole(stderr=True)
    wanted = console.is_terminal if progress is None else progress
    with ending_in_one_line():
        if not wanted:
            yield
            return
        meter = Meter(runtime.store.owned_by(owners))
        open_chains = meter.before.chains.get(ChainState.RUNNING, 0)
        meter.set_chains({ChainState.RUNNING: open_chains}, open_chains)
        title = runtime.owner or (sys.argv[0] if sys.argv and sys.argv[0] else "gemchain")
        with showing(meter, title, console):
            yield
