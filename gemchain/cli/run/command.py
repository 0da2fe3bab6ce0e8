"""`gemchain run`: one chain for each row, driven to the end.

Crash story. The run is recorded before any of its chains. Rows are started under keys that follow from the
input, so a second run of the same command finds the chains of the first one and starts only those that are
missing. The engine continues the open chains of this run. In the end the results are read from the store
into a temporary file, which is then renamed. A crash loses nothing at any line, so Ctrl-C and kill -9 are
both safe.
"""

import shlex
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gemchain.cli.output.errors import NOT_ALL_DONE, StoppedError
from gemchain.cli.run import summary
from gemchain.cli.run.choices import check_choices
from gemchain.cli.run.files import Files, check_output, opened
from gemchain.cli.run.loading import Target, load, locate
from gemchain.cli.run.ownership import begin, left_alone, owners_to_serve
from gemchain.cli.run.parameters import Parameters, Params, check_rows
from gemchain.cli.run.safe_results import check_results
from gemchain.cli.run.starting import Started, rehearse_rows, start_rows
from gemchain.cli.state.opening import configured, environment
from gemchain.display.console import PlainConsole
from gemchain.display.meter import Meter
from gemchain.display.progress import showing
from gemchain.engine.drive import drive
from gemchain.errors import ConfigurationError
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["RunOptions", "run_rows"]


ALL = 10_000
"""Batches that are read in the end for the models in use."""


class RunOptions(NamedTuple):
    """The options of the command line.

    Attributes:
        rows: The input; `-` for standard input.
        output: The file for the results; `-` for standard output.
        model: The model of prompts that name none.
        lane: The lane of prompts that name none.
        strict: Stop before anything is recorded if the function raises on a row.
        everything: Do the work of all runs and programs in the state, and not of this run alone.
        command: The words that were typed, for the advice to type them again.
        format: The format of what has no ending, or `INPUT:OUTPUT`.
        limit: Only the first rows.
        overwrite: Whether a file that is no earlier result of this run may be replaced.
        partial: Whether rows that have ended are written while the run goes on.
    """

    target: str
    rows: Path
    output: Path
    state: str | None = None
    model: str | None = None
    lane: str | None = None
    timeout: float | None = None
    quiet: bool = False
    as_json: bool = False
    strict: bool = False
    everything: bool = False
    command: tuple[str, ...] = ()
    format: str | None = None
    limit: int | None = None
    overwrite: bool = False
    partial: bool = False

    def command_to_continue(self) -> str:
        """The command that continues this one."""
        return shlex.join(self.command)


class _Ran(NamedTuple):
    """What was started and driven.

    Attributes:
        served: Whose work was done; None for everyone's.
    """

    started: Started
    idle: bool
    served: frozenset[str] | None


def run_rows(options: RunOptions) -> int:
    """Start the chains, drive them, and write the results.

    Returns:
        The exit code: 0 when every chain is DONE, 1 when not.

    Raises:
        InvalidInputError: The file, the function or the rows are wrong; nothing was sent.
        StoreError: The store failed; the same command continues.
        StoppedError: The provider has to be set up first; then the same command continues.
    """
    begun = time.monotonic()
    target = locate(options.target)
    with (
        environment(options.state, target.root, options.model, options.lane),
        opened(options.rows, options.output, options.format) as files,
    ):
        function = load(target)
        rows = _check_input(options, files, function)
        results = check_results(options, files, function, rows)
        runtime = configured(options.state)
        check_choices(runtime, options.model, options.lane)
        if options.strict:
            rehearse_rows(function, rows())
        runtime = begin(runtime, options, files, target)
        meter = Meter(runtime.store.owned_by({runtime.owner}))
        with (
            results.kept_partial(runtime.store),
            showing(meter, _title(options, target), PlainConsole(stderr=True), quiet=options.quiet),
        ):
            ran = _start_and_drive(options, runtime, meter, function, rows)
        outcome = results.write()
        report = summary.Report(
            options,
            ran.started,
            ran.idle,
            outcome,
            meter.read(ALL),
            time.monotonic() - begun,
            left_alone(runtime, ran.served),
            runtime.owner,
        )
        _print_report(report)
    return 0 if outcome.all_done else NOT_ALL_DONE


def _title(options: RunOptions, target: Target) -> str:
    return f"{target.module}:{target.function}  {options.rows} → {options.output}"


def _check_input(
    options: RunOptions, files: Files, function: Callable[..., Any]
) -> Callable[[], Iterator[Params]]:
    """Check all rows; returns a function that reads them again."""
    parameters = Parameters(function)
    check_output(files)
    check_rows(lambda: islice(files.input.rows(), options.limit), parameters)
    return lambda: map(parameters.of, islice(files.input.rows(), options.limit))


def _start_and_drive(
    options: RunOptions,
    runtime: Runtime,
    meter: Meter,
    function: Callable[..., Any],
    rows: Callable[[], Iterator[Params]],
) -> _Ran:
    started = Started()
    for started in start_rows(function, rows()):
        meter.set_chains(started.known, started.chains)
    served = owners_to_serve(runtime, started, everything=options.everything)
    more = (runtime.store.owners() if served is None else served) - {runtime.owner}
    meter.serve(runtime.store.owned_by(served), runtime.store.owned_by(more).counters())
    if not started.new and not started.known[ChainState.RUNNING] and not options.everything:
        return _Ran(started, idle=True, served=served)
    try:
        idle = drive(runtime, owners=served, timeout=options.timeout)
    except ConfigurationError as error:
        raise StoppedError(str(error)) from error
    return _Ran(started, idle, served)


def _print_report(report: "summary.Report") -> None:
    if report.options.as_json:
        print(orjson.dumps(summary.as_data(report), option=orjson.OPT_INDENT_2).decode())
    elif not report.options.quiet:
        summary.show(report, PlainConsole())
