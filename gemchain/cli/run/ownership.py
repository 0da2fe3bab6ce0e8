"""Whose work a run does: its own, and that of others only where all of it is in this input.

Chains belong to the run that started them. A row that an earlier run started under another input or function
path keeps its chain, and the chain its owner. If every open chain of that owner is among the rows, this run
does its work, too. Otherwise it would send prompts that are none of its own, so the owner is left alone.
"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from gemchain.cli.run.files import Files
from gemchain.cli.run.loading import Target
from gemchain.cli.run.starting import Started
from gemchain.records import Run
from gemchain.records.run import run_id
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime, install

__all__ = ["LeftAlone", "begin", "left_alone", "owners_to_serve"]


class _Options(Protocol):
    @property
    def target(self) -> str: ...
    @property
    def rows(self) -> Path: ...
    @property
    def output(self) -> Path: ...
    @property
    def state(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def lane(self) -> str | None: ...
    @property
    def format(self) -> str | None: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def partial(self) -> bool: ...


class LeftAlone(NamedTuple):
    """Open work in the state that this run does not do.

    Attributes:
        prompts: Prompts that are queued, in batches, or answered.
        owners: How many runs and programs they belong to.
    """

    prompts: int = 0
    owners: int = 0


def begin(runtime: Runtime, options: _Options, files: Files, target: Target) -> Runtime:
    """Record the run, and make the runtime in which its chains are started the current one."""
    rows, function = files.input.identity(), f"{target.path}:{target.function}"
    now = runtime.store.now()
    run = Run(
        id=run_id(function, rows),
        function=function,
        input=rows,
        output=None if files.output is None or files.output.stream else str(files.output.path.resolve()),
        command=_command(options),
        folder=str(Path.cwd()),
        created_at=now,
        begun_at=now,
    )
    runtime.store.save_run(run)
    owned = replace(runtime, owner=run.id)
    install(owned)
    return owned


def _command(options: _Options) -> str:
    """The command that continues the run, without what only concerned this time."""
    words = ["gemchain", "run", options.target, "--input", str(options.rows), "--output", str(options.output)]
    for name in ("state", "model", "lane", "format", "limit"):
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    return shlex.join([*words, *(["--partial"] if options.partial else [])])


def owners_to_serve(runtime: Runtime, started: Started, *, everything: bool) -> frozenset[str] | None:
    """Whose work the run does; None for everyone's."""
    if everything:
        return None
    covered = {owner for owner, chains in started.others.items() if chains >= _running(runtime, owner)}
    return frozenset({runtime.owner, *covered})


def _running(runtime: Runtime, owner: str) -> int:
    return runtime.store.owned_by({owner}).counters().chains.get(ChainState.RUNNING, 0)


def left_alone(runtime: Runtime, served: frozenset[str] | None) -> LeftAlone:
    """The open work of everyone else."""
    if served is None:
        return LeftAlone()
    store = runtime.store
    prompts = store.counters().open_prompts - store.owned_by(served).counters().open_prompts
    if prompts <= 0:
        return LeftAlone()
    others = [each for each in store.owners() - served if store.owned_by({each}).counters().open_prompts > 0]
    return LeftAlone(prompts, len(others))
