"""What `gemchain run` says in the end."""

from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.text import Text

from gemchain.cli.output.wording import count, duration, money, tokens
from gemchain.cli.run.progress import Snapshot
from gemchain.cli.run.results import PARKED, WAITING, Summary
from gemchain.cli.run.starting import Started
from gemchain.records import NO_USAGE
from gemchain.records.states import ChainState

__all__ = ["Told", "as_data", "show"]

SHOWN = 5
"""Kinds of failures that are shown."""


class _Order(Protocol):
    @property
    def output(self) -> Any: ...
    @property
    def state(self) -> str | None: ...
    @property
    def as_json(self) -> bool: ...
    @property
    def quiet(self) -> bool: ...
    def how_to_go_on(self) -> str:
        """The command that continues."""


class Told(NamedTuple):
    """All that there is to say.

    Attributes:
        idle: Whether nothing was left to do; False after a timeout.
        seconds: How long it took.
    """

    order: _Order
    started: Started
    idle: bool
    outcome: Summary
    now: Snapshot
    seconds: float


def as_data(told: Told) -> dict[str, Any]:
    """The same for programs."""
    usage = told.now.usage
    return {
        "rows": told.started.rows,
        "started": told.started.new,
        "states": dict(told.outcome.states),
        "prompts": told.now.prompts_done,
        "batches": told.now.closed,
        "usage": usage._asdict(),
        "simulated": bool(told.now.models.simulated) and not told.now.models.real,
        "failures": [
            {
                "state": kind[0],
                "reason": kind[1],
                "message": kind[2],
                "rows": rows,
                "chain": _example(told, kind),
            }
            for kind, rows in told.outcome.failures.most_common()
        ],
        "output": str(told.order.output),
        "seconds": round(told.seconds, 3),
    }


def _example(told: Told, kind: tuple[str, str, str]) -> str:
    return told.outcome.examples[kind]


def show(told: Told, console: Console) -> None:
    """Print it for people."""
    for line in _lines(told):
        console.print(line, soft_wrap=True, highlight=False)


def _lines(told: Told) -> list[Text]:
    if not told.started.rows:
        return [Text("Nothing to do: the input has no rows.")]
    lines = [_headline(told), *_work(told), *_failures(told)]
    if told.outcome.changed:
        changed = count(told.outcome.changed, "row")
        lines.append(
            _note(f"{changed} changed since the chain was started; the result is that of the earlier row")
        )
    return lines + _advice(told)


def _headline(told: Told) -> Text:
    states = told.outcome.states
    done = states[ChainState.DONE.value]
    rest = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()) if state != "DONE")
    good = told.outcome.all_done
    line = Text("✓ " if good else "● ", style="bold green" if good else "bold yellow")
    line.append(f"{count(done, 'chain')} done" + (f", {rest}" if rest else ""), style="default")
    return line.append(f" in {duration(told.seconds)} → {told.order.output}", style="default")


def _work(told: Told) -> list[Text]:
    now = told.now
    if not now.prompts_done and now.usage == NO_USAGE:
        return [_note("nothing was sent: all chains had ended before")] if not told.started.new else []
    lines = [
        _note(f"{count(now.prompts_done, 'prompt')} in {count(now.closed, 'batch')}, {tokens(now.usage)}")
    ]
    paid = money(now.usage, now.models)
    return [*lines, _note(paid)] if paid else lines


def _failures(told: Told) -> list[Text]:
    kinds = told.outcome.failures.most_common(SHOWN)
    lines = [
        Text(
            f"  {rows:,} {kind[0]} ({kind[1]}): {kind[2]}",
            style="red" if kind[0] not in (PARKED, WAITING) else "yellow",
        )
        for kind, rows in kinds
    ]
    left = len(told.outcome.failures) - len(kinds)
    return [*lines, _note(f"and {count(left, 'other reason')}")] if left else lines


def _advice(told: Told) -> list[Text]:
    place = f" --state {told.order.state}" if told.order.state else ""
    if told.outcome.states["RUNNING"]:
        return [_note(f"Continue with:  {told.order.how_to_go_on()}")]
    if not told.outcome.failures:
        return []
    lines = _how_to_resume(told, place)
    stuck = [kind for kind in told.outcome.failures if kind[0] != WAITING]
    if not stuck:
        return [*lines, _note(f"Then continue:  {told.order.how_to_go_on()}")]
    example = told.outcome.examples[stuck[0]]
    return [
        *lines,
        _note(f"Look at one:    gemchain show {example}{place}"),
        _note(f"Send back:      gemchain retry --all{place}"),
        _note(f"Then continue:  {told.order.how_to_go_on()}"),
    ]


def _how_to_resume(told: Told, place: str) -> list[Text]:
    kinds = [kind for kind in told.outcome.failures if kind[0] == WAITING]
    return [
        _note(f"Resume one:     gemchain resume {_example(told, kind)} VALUE{place}") for kind in kinds[:1]
    ]


def _note(text: str) -> Text:
    return Text(f"  {text}", style="dim")
