"""Live progress of a run: a board on a terminal, plain lines elsewhere.

Everything shown is read from the store, so a snapshot may be lost or drawn twice. The board is
redrawn in place; a plain line is printed now and then. A thread of its own reads the store, because a stage
can be busy with one part for many seconds. The thread holds no lock while it waits for the store.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gemchain.display.formatting import count, duration, money, tokens
from gemchain.display.log_lines import above_the_board
from gemchain.display.meter import Meter, Snapshot
from gemchain.display.rate import Rate
from gemchain.errors import StoreError
from gemchain.records import NO_USAGE, StepCount

__all__ = ["Board", "Lines", "Progress", "as_line", "showing"]

READS_PER_SECOND = 6
"""Reads of the store in a second, at most."""

PAUSE_FACTOR = 20
"""After a read, the thread pauses for so many times its duration: a slow store is read less often."""

LINES = 5.0
"""Seconds between two lines where there is no terminal."""

BAR = 40
STEPS = 6
"""Steps of a chain that are shown."""

WAITS = 3
"""Things waited for that are shown."""

NAME = 18
MINUTE = 60


class Progress(Protocol):
    """A display of the progress."""

    def watch(self) -> None:
        """Read the store, and show the progress when it is time."""

    def say(self, text: str) -> None:
        """Print a line that stays."""


class Quiet:
    """Shows nothing."""

    def watch(self) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""


class Lines:
    """Prints a plain line now and then, if something changed."""

    def __init__(self, meter: Meter, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._console = console
        self._clock = clock
        self._begun = clock()
        self._due = self._begun + LINES
        self._last = Snapshot()
        self._rate = Rate()

    def watch(self) -> None:
        """Print a line when it is time."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + LINES
        now = self._meter.read()
        rate = self._rate.note(self._clock(), now.prompts_done)
        if now != self._last:
            self._last = now
            self.say(f"{duration(self._clock() - self._begun)}: {as_line(now, rate)}")

    def say(self, text: str) -> None:
        """Print the text without markup."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def as_line(now: Snapshot, rate: float = 0.0) -> str:
    """A snapshot in one line, with the prompts that are done in a second."""
    parts = [
        f"chains {now.done:,} of {now.chains:,} done, {now.failed:,} failed, {now.parked:,} parked",
        f"prompts {now.queued:,} queued, {now.in_batches:,} in batches, {now.prompts_done:,} done"
        + _per(rate),
        ", ".join(f"{name} {step.ended:,}/{step.created:,}" for name, step in now.steps[:STEPS]),
        f"{count(now.running, 'batch')} running",
        tokens(now.usage) if now.usage != NO_USAGE else "",
        money(now.usage, now.models),
        f"waits for {now.waits[0]}" if now.waits else "",
    ]
    return " | ".join(filter(None, parts))


def _per(rate: float) -> str:
    """`, 120/s`, or nothing while nothing moves."""
    if rate <= 0:
        return ""
    return f", {rate:,.0f}/s" if rate >= 1 else f", {rate * MINUTE:,.1f}/min"


class Board:
    """A board that a thread of rich redraws in place. This thread never reads the store."""

    def __init__(self, meter: Meter, title: str, console: Console) -> None:
        self._meter = meter
        self._title = title
        self._console = console
        self._begun = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._rate = Rate()
        self._per_second = 0.0
        self.now = Snapshot()

    def watch(self) -> None:
        """Read the store; the next drawing shows the new snapshot."""
        self.now = self._meter.read()
        self._per_second = self._rate.note(time.monotonic(), self.now.prompts_done)

    def say(self, text: str) -> None:
        """Print a line above the board."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        now = self.now
        head = Table.grid(padding=(0, 1))
        passed = Text(duration(time.monotonic() - self._begun), style="dim")
        head.add_row(self._spinner, Text(self._title, style="bold"), passed)
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim")
        rows.add_column()
        rows.add_row("  chains", _chains(now))
        rows.add_row("  prompts", _prompts(now).append(_per(self._per_second), style="dim"))
        for name, step in now.steps[:STEPS]:
            rows.add_row(f"    {_short(name)}", _step(step))
        if len(now.steps) > STEPS:
            rows.add_row("", Text(f"and {count(len(now.steps) - STEPS, 'other step')}", style="dim"))
        rows.add_row("  batches", _batches(now))
        if now.usage != NO_USAGE:
            rows.add_row("  tokens", tokens(now.usage))
        if paid := money(now.usage, now.models):
            rows.add_row("  money", paid)
        for place, text in enumerate(now.waits[:WAITS]):
            rows.add_row("" if place else "  waits for", Text(text, style="dim"))
        return Group(head, rows)


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _step(step: StepCount) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(step.created, 1), completed=min(step.ended, step.created), width=BAR // 2)
    line.add_row(bar, Text(f"{step.ended:,} of {step.created:,}"))
    return line


def _chains(now: Snapshot) -> RenderableType:
    ended = now.done + now.failed + now.cancelled
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(now.chains, 1), completed=ended, width=BAR)
    line.add_row(bar, f"{now.done:,} of {now.chains:,} done", *_not_done(now))
    return line


def _not_done(now: Snapshot) -> list[Text]:
    found = (
        (now.failed, "failed", "red"),
        (now.parked, "parked", "yellow"),
        (now.cancelled, "cancelled", "dim"),
    )
    return [Text(f"{number:,} {name}", style=style) for number, name, style in found if number]


def _prompts(now: Snapshot) -> Text:
    text = Text()
    text.append(f"{now.queued:,}", style="cyan").append(" queued · ")
    text.append(f"{now.in_batches:,}", style="cyan").append(" in batches · ")
    if now.answered:
        text.append(f"{now.answered:,}", style="yellow").append(" answered, callback to be run again · ")
    return text.append(f"{now.prompts_done:,}", style="green").append(" done")


def _batches(now: Snapshot) -> Text:
    return Text().append(f"{now.running:,}", style="cyan").append(f" running · {now.closed:,} closed")


class _WarningHandler(logging.Handler):
    """Passes gemchain's own warnings to the progress display."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"! {record.getMessage()}")


@contextmanager
def _watching(shown: Progress) -> Iterator[None]:
    """A block during which a thread watches the store again and again."""
    stopped = threading.Event()

    def watch() -> None:
        pause = 0.0
        while not stopped.wait(pause):
            begun = time.monotonic()
            with suppress(StoreError):  # the engine meets the same error, and reports it
                shown.watch()
            pause = max(1 / READS_PER_SECOND, PAUSE_FACTOR * (time.monotonic() - begun))

    thread = threading.Thread(target=watch, name="gemchain-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextmanager
def showing(meter: Meter, title: str, console: Console, *, quiet: bool = False) -> Iterator[Progress]:
    """Show progress inside the block: a board on a terminal, lines elsewhere, nothing when `quiet`."""
    shown: Progress
    if quiet:
        shown = Quiet()
    elif console.is_terminal:
        shown = Board(meter, title, console)
    else:
        shown = Lines(meter, console)
    handler = _WarningHandler(shown.say)
    logger = logging.getLogger("gemchain")
    logger.addHandler(handler)
    try:
        if isinstance(shown, Board):
            stream = sys.stderr
            with (
                Live(shown, console=console, refresh_per_second=READS_PER_SECOND, transient=True),
                above_the_board(stream),
                _watching(shown),
            ):
                yield shown
        else:
            with nullcontext() if quiet else _watching(shown):
                yield shown
    finally:
        logger.removeHandler(handler)
