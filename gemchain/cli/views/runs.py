"""`gemchain runs`: the runs and programs that started chains in this state, and what became of them."""

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from gemchain.cli.output.json_data import json_value, print_json
from gemchain.cli.state.opening import existing
from gemchain.display.console import wide_console
from gemchain.display.formatting import age, amount
from gemchain.ports import Store
from gemchain.records import Counters, Run
from gemchain.records.run import PROGRAM
from gemchain.records.states import ChainState, PromptState

__all__ = ["command_to_continue", "list_runs"]

STATES = (ChainState.RUNNING, ChainState.DONE, ChainState.FAILED, ChainState.CANCELLED)


def list_runs(state: str | None, *, limit: int, as_json: bool) -> None:
    """Print the runs, the one begun last first; then the programs."""
    with existing(state) as runtime:
        store = runtime.store
        found = [(run, store.owned_by({run.id}).counters()) for run in _runs(store, limit)]
        if as_json:
            print_json([_data(run, counters) for run, counters in found])
            return
        console = wide_console()
        if not found:
            console.print("None.")
            return
        console.print(_table(found, store.now()), highlight=False)
        for run, counters in found:
            if counters.open_prompts and run.command:
                command = command_to_continue(run)
                console.print(f"{run.id} continues with:  {command}", highlight=False, soft_wrap=True)


def command_to_continue(run: Run) -> str:
    """What to type to continue a run, from the current folder."""
    command = run.command or ""
    if run.folder is None or run.folder == str(Path.cwd()):
        return command
    return f"cd {shlex.quote(run.folder)} && {command}"


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


def _table(found: list[tuple[Run, Counters]], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "chains", "queued", "cost", "ago"):
        justify = "left" if name in ("run", "chains") else "right"
        table.add_column(name, no_wrap=True, justify=justify)  # type: ignore[arg-type]
    table.add_column("what", no_wrap=True, overflow="ellipsis")
    for run, counters in found:
        chains = ", ".join(
            f"{counters.chains[each]:,} {each.lower()}" for each in STATES if counters.chains.get(each)
        )
        recorded = run.kind != PROGRAM
        table.add_row(
            run.id or "-",
            chains or "none",
            f"{counters.prompts.get(PromptState.QUEUED, 0):,}",
            amount(counters.usage.cost),
            age(run.begun_at, now) if recorded else "",
            Text(_what(run)),
        )
    return table


def _what(run: Run) -> str:
    if run.function:
        path, _, function = run.function.rpartition(":")
        return f"{Path(path).name}:{function} {Path(run.input or '').name}"
    return "program" if run.id else "chains without a program"
