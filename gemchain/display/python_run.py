"""The progress of `gemchain.run()`, as `gemchain run` shows it."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from gemchain.display.console import PlainConsole
from gemchain.display.interrupts import ending_in_one_line
from gemchain.display.meter import Meter
from gemchain.display.progress import as_line, showing
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["shown"]


@contextmanager
def shown(runtime: Runtime, owners: Collection[str] | None, *, summary: bool) -> Iterator[None]:
    """A block during which progress is shown: a board on a terminal, lines elsewhere.

    Args:
        runtime: What runs.
        owners: Whose work is done; None for everyone's.
        summary: Whether the last line stays where there is no terminal.
    """
    # A kernel's stderr says that it is a terminal, and cannot move the cursor.
    in_kernel = "ipykernel" in sys.modules
    console = PlainConsole(stderr=True, force_jupyter=False, force_terminal=False if in_kernel else None)
    meter = Meter(runtime.store.owned_by(owners))
    open_chains = meter.before.chains.get(ChainState.RUNNING, 0)
    meter.set_chains({ChainState.RUNNING: open_chains}, open_chains)
    title = runtime.owner or (sys.argv[0] if sys.argv and sys.argv[0] else "gemchain")
    with ending_in_one_line(runtime), showing(meter, title, console) as display:
        yield
        if summary and not console.is_terminal:
            display.say(as_line(meter.read()))
