"""`gemchain runs`: the runs and programs that started chains in this state, and what became of them."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from gemchain.cli.output.json_data import json_value, print_json
from gemchain.cli.output.tables import Column, fitted_table
from gemchain.cli.state.opening import existing
from gemchain.cli.views.continuing import Origin, command_of, command_to_continue
from gemchain.display.console import wide_console
from gemchain.display.formatting import age, amount
from gemchain.ports import Store
from gemchain.records import Counters, Run
from gemchain.records.run import PROGRAM
from gemchain.records.states import ChainState, PromptState

__all__ = ["list_runs"]

COLUMNS = (
    Column("run"),
    Column("chains"),
    Column("queued", 6),
    Column("cost", 4),
    Column("ago", 3),
    Column("what", 8, keeps_end=True),
)
MOST_READ = 1_000
"""Running chains of a program that are read for how to continue them."""

STATES = (ChainState.RUNNING, ChainState.DONE, ChainState.FAILED, ChainState.CANCELLED)


def list_runs(state: str | None, *, limit: int, as_json: bool) -> None:
    """Print the runs, the one begun last first; then the programs."""
    with existing(state) as runtime:
        store = runtime.store
        found = _with_chains([(run, store.owned_by({run.id}).counters()) for run in _runs(store, limit)])
        if as_json:
            print_json([_data(run, counters) for run, counters in found])
            return
        console = wide_console()
        if not found:
            console.print("None.")
            return
        now = store.now()
        rows = [_cells(run, counters, now) for run, counters in found]
        console.print(fitted_table(COLUMNS, rows, console.width), highlight=False)
        place = f" --state {shlex.quote(state)}" if state else ""
        for run, counters in found:
            if counters.open_prompts:
                for line in _how_to_continue(store, run, place):
                    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _with_chains(found: list[tuple[Run, Counters]]) -> list[tuple[Run, Counters]]:
    """Those that have a chain; the recorded ones when none has any."""
    having = [(run, counters) for run, counters in found if any(counters.chains.values())]
    return having or [(run, counters) for run, counters in found if run.kind != PROGRAM]


def _how_to_continue(store: Store, run: Run, place: str) -> Iterator[str]:
    name = run.id or "-"
    if run.command:
        yield f"{name} continues with:  {command_to_continue(run)}"
        return
    running = store.list_chains(state=ChainState.RUNNING, owner=run.id, limit=MOST_READ)
    own = [each for each in running if each.key != each.id] or running
    for advice in dict.fromkeys(command_of(Origin.of(each), place) for each in own):
        yield f"{name} continues with:  {advice.command}" if advice.command else f"{name}: {advice.why}"


def _runs(store: Store, limit: int) -> list[Run]:
    """The recorded runs, and a record for each owner that has none: a program, or work without an owner."""
    runs = store.runs(limit=limit)
    known = {run.id for run in store.runs([*store.owners()])}
    now = store.now()
    programs = sorted(store.owners() - known)
    return [*runs, *(Run(id=name, kind=PROGRAM, created_at=now, begun_at=now) for name in programs)]


def _data(run: Run, counters: Counters) -> dict[str, Any]:
    recorded = run.kind != PROGRAM
    return {
        "id": run.id,
        "kind": run.kind,
        "function": run.function or None,
        "input": run.input,
        "output": run.output,
        "command": run.command,
        "folder": run.folder,
        "created_at": json_value(run.created_at) if recorded else None,
        "begun_at": json_value(run.begun_at) if recorded else None,
        "chains": json_value(counters.chains),
        "prompts": json_value(counters.prompts),
        "usage": json_value(counters.usage),
    }


def _cells(run: Run, counters: Counters, now: datetime) -> list[Text]:
    chains = ", ".join(
        f"{counters.chains[each]:,} {each.lower()}" for each in STATES if counters.chains.get(each)
    )
    texts = (
        run.id or "-",
        chains or "none",
        f"{counters.prompts.get(PromptState.QUEUED, 0):,}",
        amount(counters.usage.cost),
        age(run.begun_at, now) if run.kind != PROGRAM else "",
        _what(run),
    )
    return [Text(each) for each in texts]


def _what(run: Run) -> str:
    if run.function:
        path, _, function = run.function.rpartition(":")
        return f"{Path(path).name}:{function} {Path(run.input or '').name}"
    return "program" if run.id else "chains without a program"
