"""`gemchain run`: one chain for each row, driven to the end.

Crash story. Rows are started under keys that follow from the input, so a second run of the same
command finds the chains of the first one and starts only what is missing. The engine carries on
whatever is open. Results are read from the store when all is over, into a file that is renamed at
the end. There is nothing to lose at any line, hence Ctrl-C and kill -9 are both fine.
"""

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gemchain.cli.output.console import PlainConsole
from gemchain.cli.output.errors import NOT_ALL_DONE, StoppedError
from gemchain.cli.run import summary
from gemchain.cli.run.loading import Target, load, locate
from gemchain.cli.run.parameters import Parameters, Params, check_rows
from gemchain.cli.run.progress import Meter, showing
from gemchain.cli.run.results import check_output, write_results
from gemchain.cli.run.rows import read_rows
from gemchain.cli.run.starting import Started, start_rows
from gemchain.cli.state.opening import configured, environment
from gemchain.engine.drive import drive
from gemchain.errors import ConfigurationError
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["Order", "run_rows"]


ALL = 10_000
"""Batches that are looked at in the end for the models that were asked."""


class Order(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        command: The very words, for the advice to type them again.
    """

    target: str
    rows: Path
    output: Path
    state: str | None = None
    timeout: float | None = None
    quiet: bool = False
    as_json: bool = False
    command: tuple[str, ...] = ()

    def how_to_go_on(self) -> str:
        """The command that continues this one."""
        return shlex.join(self.command)


class _Ran(NamedTuple):
    started: Started
    idle: bool


def run_rows(order: Order) -> int:
    """Do what was asked.

    Returns:
        The exit code: 0 when every chain is DONE, 1 when not.

    Raises:
        InvalidInputError: Something about the file, the function or the rows is wrong; nothing was sent.
        StoreError: The store failed; the same command continues.
        StoppedError: The provider has to be set up first; the same command continues.
    """
    begun = time.monotonic()
    target = locate(order.target)
    with environment(order.state, target.root):
        function = load(target)
        rows = _checked(order, function)
        runtime = configured(order.state)
        meter = Meter(runtime.store)
        with showing(meter, _title(order, target), PlainConsole(stderr=True), quiet=order.quiet):
            ran = _start_and_drive(order, runtime, meter, function, rows)
        outcome = write_results(function, rows(), order.output)
        told = summary.Told(order, ran.started, ran.idle, outcome, meter.read(ALL), time.monotonic() - begun)
        _tell(told)
    return 0 if outcome.all_done else NOT_ALL_DONE


def _title(order: Order, target: Target) -> str:
    return f"{target.module}:{target.function}  {order.rows} → {order.output}"


def _checked(order: Order, function: Callable[..., Any]) -> Callable[[], Iterator[Params]]:
    """Finds whatever is wrong with the rows, and returns how to read them as often as needed."""
    parameters = Parameters(function)
    check_output(order.output, order.rows)
    check_rows(lambda: read_rows(order.rows), parameters)
    return lambda: map(parameters.of, read_rows(order.rows))


def _start_and_drive(
    order: Order,
    runtime: Runtime,
    meter: Meter,
    function: Callable[..., Any],
    rows: Callable[[], Iterator[Params]],
) -> _Ran:
    started = Started()
    for started in start_rows(function, rows()):
        meter.own(started.known, started.chains)
    if not started.new and not started.known[ChainState.RUNNING]:
        return _Ran(started, idle=True)
    try:
        idle = drive(runtime, timeout=order.timeout)
    except ConfigurationError as error:
        raise StoppedError(str(error)) from error
    return _Ran(started, idle)


def _tell(told: "summary.Told") -> None:
    if told.order.as_json:
        print(orjson.dumps(summary.as_data(told), option=orjson.OPT_INDENT_2).decode())
    elif not told.order.quiet:
        summary.show(told, PlainConsole())
