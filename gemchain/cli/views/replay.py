"""`gemchain replay`: checking whether chains run the same way with the current functions."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gemchain.cli.output.json_data import print_json
from gemchain.cli.state.lookup import find
from gemchain.cli.state.opening import existing
from gemchain.display.console import PlainConsole
from gemchain.engine.operations.replay_check import Difference, check_replay
from gemchain.errors import InvalidInputError
from gemchain.records import Batch, Prompt
from gemchain.runtime import Runtime, using
from gemchain.wiring import functions_of

__all__ = ["replay_chains"]


def replay_chains(state: str | None, ids: Sequence[str], application: Path | None, *, as_json: bool) -> int:
    """Replay chains; returns the exit code."""
    folder = (application or Path.cwd()).resolve()
    sys.path.insert(0, str(folder))
    with existing(state) as opened:
        functions = functions_of(opened.settings.changed(application=str(folder)))
        with using(replace(opened, continuations=functions)) as runtime:
            found = {chain: check_replay(runtime, chain) for chain in _chains(runtime, ids)}
    _report(found, as_json=as_json)
    return 1 if any(found.values()) else 0


def _chains(runtime: Runtime, ids: Sequence[str]) -> list[str]:
    records = [find(runtime.store, text) for text in ids]
    for record in records:
        if isinstance(record, Batch):
            raise InvalidInputError(f"{record.id!r} is a batch; name chains")
    return [
        each.chain_id if isinstance(each, Prompt) else each.id
        for each in records
        if not isinstance(each, Batch)
    ]


def _report(found: dict[str, list[Difference]], *, as_json: bool) -> None:
    if as_json:
        print_json({chain: [each._asdict() for each in differences] for chain, differences in found.items()})
        return
    console = PlainConsole(highlight=False, soft_wrap=True)
    for chain, differences in found.items():
        if not differences:
            console.print(f"chain {chain} runs as it did")
        for each in differences:
            console.print(f"chain {chain} differs at {each.prompt_id}: {each.message}", markup=False)
