"""Live progress: what the tally says, less what was there before this command began.

Knows nothing that the store does not know; it may be missed or drawn twice without harm. On a
terminal it is a small board that is redrawn in place, elsewhere a plain line now and then. A thread
of its own looks at the store, since a stage can be busy with one part for many seconds; it holds no
lock while it waits for the store.

Longer than 300 lines: the terminal and the plain form show the same snapshot.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gemchain.cli.output.wording import Models, count, duration, money, tokens
from gemchain.errors import StoreError
from gemchain.ports import Store
from gemchain.records import NO_USAGE, Counters, Usage, queue_names
from gemchain.records.states import OPEN_BATCH, BatchState, ChainState, PromptState

__all__ = ["Board", "Meter", "Progress", "Snapshot", "showing"]

LOOKS = 6
"""Looks at the store in a second, at most."""

REST = 20
"""A look is followed by a rest of so many times its own length: a distant store is asked less often."""

LINES = 5.0
"""Seconds between two lines where there is no terminal."""

BAR = 40
NEWEST = 20

State = TypeVar("State", PromptState, BatchState)


class Snapshot(NamedTuple):
    """Where the run stands. Chains are those of its rows; prompts done and tokens those since it began."""

    chains: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    parked: int = 0
    queued: int = 0
    in_batches: int = 0
    answered: int = 0
    prompts_done: int = 0
    running: int = 0
    closed: int = 0
    usage: Usage = NO_USAGE
    models: Models = Models()


@dataclass(slots=True)
class Meter:
    """Reads snapshots from a store.

    Attributes:
        before: The tally when the run began.
        others: Chains in `before` that are not of this run, by state.
    """

    store: Store
    before: Counters = field(init=False)
    others: dict[ChainState, int] = field(init=False)
    chains: int = 0
    models: Models = field(default_factory=Models)

    def __post_init__(self) -> None:
        self.before = self.store.counters()
        self.others = dict(self.before.chains)

    def own(self, known: dict[ChainState, int], chains: int) -> None:
        """Say which chains that were there before belong to the run, and how many it has in all."""
        self.others = {state: n - known.get(state, 0) for state, n in self.before.chains.items()}
        self.chains = chains

    def read(self, batches: int = NEWEST) -> Snapshot:
        """A look at the store: three small queries.

        Args:
            batches: How many batches to look at for the models that were asked, the newest first.
        """
        counters = self.store.counters()
        self.models = self.models.plus(self._asked(batches))
        return Snapshot(
            chains=self.chains,
            done=self._ours(counters, ChainState.DONE),
            failed=self._ours(counters, ChainState.FAILED),
            cancelled=self._ours(counters, ChainState.CANCELLED),
            parked=counters.prompts.get(PromptState.PARKED, 0),
            queued=counters.prompts.get(PromptState.QUEUED, 0),
            in_batches=counters.prompts.get(PromptState.CLAIMED, 0),
            answered=counters.prompts.get(PromptState.ANSWERED, 0),
            prompts_done=_rise(counters.prompts, self.before.prompts, PromptState.DONE),
            running=sum(counters.batches.get(state, 0) for state in OPEN_BATCH),
            closed=_rise(counters.batches, self.before.batches, BatchState.CLOSED),
            usage=counters.usage.minus(self.before.usage),
            models=self.models,
        )

    def _ours(self, counters: Counters, state: ChainState) -> int:
        return max(0, counters.chains.get(state, 0) - self.others.get(state, 0))

    def _asked(self, batches: int) -> Iterator[tuple[str, str]]:
        for queue in self.store.queues():
            _, provider, model = queue_names(queue.queue)
            yield provider, model
        for batch in self.store.list_batches(limit=batches):
            yield batch.provider, batch.model


def _rise(now: Mapping[State, int], before: Mapping[State, int], key: State) -> int:
    return max(0, now.get(key, 0) - before.get(key, 0))


class Progress(Protocol):
    """A display of progress."""

    def watch(self) -> None:
        """Look at the store, and show it when it is time."""

    def say(self, text: str) -> None:
        """A line that stays."""


class Quiet:
    """Shows nothing."""

    def watch(self) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


class Lines:
    """A plain line now and then, where something changed."""

    def __init__(self, meter: Meter, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._console = console
        self._clock = clock
        self._begun = clock()
        self._due = self._begun + LINES
        self._last = Snapshot()

    def watch(self) -> None:
        """Print a line when it is time."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + LINES
        now = self._meter.read()
        if now != self._last:
            self._last = now
            self.say(f"{duration(self._clock() - self._begun)}: {as_line(now)}")

    def say(self, text: str) -> None:
        """Print it as it is."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def as_line(now: Snapshot) -> str:
    """A snapshot in one line."""
    parts = [
        f"chains {now.done:,} of {now.chains:,} done, {now.failed:,} failed, {now.parked:,} parked",
        f"prompts {now.queued:,} queued, {now.in_batches:,} in batches, {now.prompts_done:,} done",
        f"{count(now.running, 'batch')} running",
        tokens(now.usage) if now.usage != NO_USAGE else "",
        money(now.usage, now.models),
    ]
    return " | ".join(filter(None, parts))


class Board:
    """The board. It is redrawn in place by a thread of rich, which never touches the store."""

    def __init__(self, meter: Meter, title: str, console: Console) -> None:
        self._meter = meter
        self._title = title
        self._console = console
        self._begun = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self.now = Snapshot()

    def watch(self) -> None:
        """Look at the store; the next drawing shows it."""
        self.now = self._meter.read()

    def say(self, text: str) -> None:
        """A line above the board."""
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
        rows.add_row("  prompts", _prompts(now))
        rows.add_row("  batches", _batches(now))
        if now.usage != NO_USAGE:
            rows.add_row("  tokens", tokens(now.usage))
        if paid := money(now.usage, now.models):
            rows.add_row("  money", paid)
        return Group(head, rows)


def _chains(now: Snapshot) -> RenderableType:
    ended = now.done + now.failed + now.cancelled
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(now.chains, 1), completed=ended, width=BAR)
    line.add_row(bar, f"{now.done:,} of {now.chains:,} done", *_troubles(now))
    return line


def _troubles(now: Snapshot) -> list[Text]:
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


class _Above(logging.Handler):
    """Passes gemchain's own warnings to the display."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"! {record.getMessage()}")


@contextmanager
def _watching(shown: Progress) -> Iterator[None]:
    """Let a thread watch again and again inside the block."""
    over = threading.Event()

    def watch() -> None:
        rest = 0.0
        while not over.wait(rest):
            begun = time.monotonic()
            with suppress(StoreError):  # the driver meets it too, and reports it
                shown.watch()
            rest = max(1 / LOOKS, REST * (time.monotonic() - begun))

    thread = threading.Thread(target=watch, name="gemchain-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
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
    above = _Above(shown.say)
    logger = logging.getLogger("gemchain")
    logger.addHandler(above)
    try:
        if isinstance(shown, Board):
            with Live(shown, console=console, refresh_per_second=LOOKS, transient=True), _watching(shown):
                yield shown
        else:
            with nullcontext() if quiet else _watching(shown):
                yield shown
    finally:
        logger.removeHandler(above)
