"""The summary that `gemchain run` prints in the end, as text and as JSON."""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.text import Text

from gemchain.api.row_starts import START
from gemchain.cli.output.fingerprints import normalised
from gemchain.cli.run.ownership import LeftAlone
from gemchain.cli.run.results import PARKED, WAITING, Summary
from gemchain.cli.run.starting import Started
from gemchain.display.formatting import count, duration, money, tokens
from gemchain.display.meter import Snapshot
from gemchain.records import NO_USAGE
from gemchain.records.states import ChainState

__all__ = ["Report", "as_data", "show"]

SHOWN = 5
"""Kinds of failures that are shown."""


class _Options(Protocol):
    @property
    def output(self) -> Any: ...
    @property
    def state(self) -> str | None: ...
    @property
    def as_json(self) -> bool: ...
    @property
    def quiet(self) -> bool: ...
    def command_to_continue(self) -> str:
        """The command that continues."""


class Report(NamedTuple):
    """What the summary is made of.

    Attributes:
        idle: Whether nothing was left to do; False after a timeout.
        seconds: How long it took.
        left: Open work of others in the same state.
        run: The id of the run.
    """

    options: _Options
    started: Started
    idle: bool
    outcome: Summary
    snapshot: Snapshot
    seconds: float
    left: LeftAlone = LeftAlone()
    run: str = ""


def as_data(report: Report) -> dict[str, Any]:
    """The summary as data, for `--json`."""
    usage = report.snapshot.usage
    return {
        "run": report.run,
        "rows": report.started.rows,
        "started": report.started.new,
        "states": dict(report.outcome.states),
        "prompts": _ended(report.snapshot),
        "batches": report.snapshot.closed,
        "usage": usage._asdict(),
        "simulated": bool(report.snapshot.models.simulated) and not report.snapshot.models.real,
        "failures": [
            {
                "state": kind[0],
                "reason": kind[1],
                "message": kind[2],
                "rows": rows,
                "chain": _example(report, kind),
            }
            for kind, rows in _grouped(report).most_common()
        ],
        "left_alone": {"prompts": report.left.prompts, "owners": report.left.owners},
        "output": str(report.options.output),
        "seconds": round(report.seconds, 3),
    }


def _grouped(report: Report) -> Counter[tuple[str, str, str]]:
    """The failures, one kind for those that differ in details only: the first of them."""
    firsts: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    found: Counter[tuple[str, str, str]] = Counter()
    for kind, rows in report.outcome.failures.items():
        found[firsts.setdefault((*kind[:2], normalised(kind[2])), kind)] += rows
    return found


def _example(report: Report, kind: tuple[str, str, str]) -> str:
    return report.outcome.examples[kind]


def show(report: Report, console: Console) -> None:
    """Print the summary as text."""
    for line in _lines(report):
        console.print(line, soft_wrap=True, highlight=False)


def _lines(report: Report) -> list[Text]:
    if not report.started.rows:
        return [Text(f"Nothing to do: the input has no rows, so {report.options.output} has none either.")]
    lines = [_headline(report), *_usage(report), *_failures(report)]
    if report.outcome.changed:
        changed = count(report.outcome.changed, "row")
        lines.append(
            _note(f"{changed} changed since the chain was started; the result is that of the earlier row")
        )
    return [*lines, *_advice(report), *_left_alone(report.left)]


def _left_alone(left: LeftAlone) -> list[Text]:
    if not left.prompts:
        return []
    whose = "another run or program" if left.owners == 1 else f"{left.owners:,} other runs or programs"
    return [_note(f"{count(left.prompts, 'prompt')} of {whose} left alone in this state:  gemchain runs")]


def _headline(report: Report) -> Text:
    states = report.outcome.states
    done = states[ChainState.DONE.value]
    others = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()) if state != "DONE")
    good = report.outcome.all_done
    line = Text("✓ " if good else "● ", style="bold green" if good else "bold yellow")
    line.append(f"{count(done, 'chain')} done" + (f", {others}" if others else ""), style="default")
    return line.append(f" in {duration(report.seconds)} → {report.options.output}", style="default")


def _usage(report: Report) -> list[Text]:
    now = report.snapshot
    if not _ended(now) and now.usage == NO_USAGE:
        return [_note("nothing was sent: all chains had ended before")] if not report.started.new else []
    batches = f" in {count(now.closed, 'batch')}" if now.closed else ""
    lines = [_note(f"{count(_ended(now), 'prompt')}{batches}, {tokens(now.usage)}")]
    paid = money(now.usage, now.models)
    return [*lines, _note(paid)] if paid else lines


def _ended(now: Snapshot) -> int:
    """Prompts that ended in the run; for a failed one, too, something was sent."""
    return now.prompts_done + now.prompts_failed


def _failures(report: Report) -> list[Text]:
    found = _grouped(report)
    kinds = found.most_common(SHOWN)
    lines = [
        Text(
            f"  {rows:,} {kind[0]} ({kind[1]}): {kind[2]}",
            style="red" if kind[0] not in (PARKED, WAITING) else "yellow",
        )
        for kind, rows in kinds
    ]
    left = len(found) - len(kinds)
    return [*lines, _note(f"and {count(left, 'other reason')}")] if left else lines


def _advice(report: Report) -> list[Text]:
    place = f" --state {report.options.state}" if report.options.state else ""
    if report.outcome.states["RUNNING"]:
        return [_note(f"Continue with:  {report.options.command_to_continue()}")]
    if not report.outcome.failures:
        return []
    lines = _how_to_resume(report, place)
    stuck = [kind for kind in report.outcome.failures if kind[0] != WAITING]
    if not stuck:
        return [*lines, _note(f"Then continue:  {report.options.command_to_continue()}")]
    example = report.outcome.examples[stuck[0]]
    lines.append(_note(f"Look at one:    {_program(report)} show {example}{place}"))
    if all(kind[1] == START for kind in stuck):
        return [*lines, _note(f"Mend, start:    {report.options.command_to_continue()}")]
    return [
        *lines,
        _note(f"Send back:      {_program(report)} retry --run {report.run}{place}"),
        _note(f"Then continue:  {report.options.command_to_continue()}"),
    ]


def _program(report: Report) -> str:
    """The program as it was called: by its path where the shell does not find it by its name."""
    called = shlex.split(report.options.command_to_continue())[:1]
    return shlex.join(called) if called and Path(called[0]).name == "gemchain" else "gemchain"


def _how_to_resume(report: Report, place: str) -> list[Text]:
    kinds = [kind for kind in report.outcome.failures if kind[0] == WAITING]
    return [
        _note(f"Resume one:     {_program(report)} resume {_example(report, kind)} VALUE{place}")
        for kind in kinds[:1]
    ]


def _note(text: str) -> Text:
    return Text(f"  {text}", style="dim")
