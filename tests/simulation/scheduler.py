"""Simulated processes on one virtual clock. Only one runs at a time, and the seed decides which."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from gemchain import runtime as runtime_module
from gemchain.runtime import Runtime

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
"""Virtual time is counted in microseconds."""

CALL = 1_000
"""What one call of a port takes when nothing goes wrong."""


class Crash(BaseException):
    """Death of a simulated process. No Exception: nothing in the engine may catch it and go on."""


class Stop(BaseException):
    """Ctrl-C: the process leaves, and its ports still work while it does."""


class Violation(BaseException):
    """A promise was broken. No Exception: nothing in the engine may hide it."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


@dataclass(slots=True)
class Event:
    """Something that happened. Kept as it is, and put into words only for a reader."""

    at: int
    process: str
    name: str
    about: Any
    outcome: Any = None


@dataclass(slots=True, eq=False)
class Process:
    """A simulated process.

    Attributes:
        body: What it runs; a process that died is started again with it.
        skew: Microseconds that its clock is ahead.
        mortal: Whether faults may kill it.
        again: Whether it starts again after its death.
        serves: Whose work it does; None for everyone's.
    """

    name: str
    body: Callable[["Process"], None]
    skew: int = 0
    mortal: bool = True
    again: bool = True
    serves: frozenset[str] | None = None
    wake_at: int = 0
    dead: bool = False
    runtime: Runtime | None = None
    life: greenlet = field(default=None)  # type: ignore[assignment]


class Scheduler:
    """Time, turns and deaths.

    Args:
        random: The seed's dice.
        rates: How often a point makes a process yield, wait or die; see `swarm.py`.
    """

    def __init__(self, random: Random, rates: Any) -> None:
        self.random = random
        self.rates = rates
        self.now = 0
        self.points = 0
        self.calm = False
        self.current: Process | None = None
        self.processes: list[Process] = []
        self.events: list[Event] = []
        self.hub = getcurrent()

    def time(self) -> datetime:
        """True time, which is the store's."""
        return EPOCH + timedelta(microseconds=self.now)

    def note(self, name: str, about: Any = None, outcome: Any = None) -> Event:
        """Write down what happened."""
        event = Event(self.now, self.current.name if self.current else "world", name, about, outcome)
        self.events.append(event)
        return event

    def spawn(self, process: Process) -> Process:
        """Start a process, or start it again."""
        process.dead = False
        process.life = greenlet(lambda: self._live(process))
        if process not in self.processes:
            self.processes.append(process)
        return process

    def _live(self, process: Process) -> None:
        with suppress(Crash, Stop):
            process.body(process)

    def run(self, until: Callable[[], bool]) -> None:
        """Let processes take turns until `until` holds."""
        while not until():
            ready = [each for each in self.processes if each.wake_at <= self.now]
            if not ready:
                if not self.processes:
                    return
                self.now = min(each.wake_at for each in self.processes)
                continue
            self.turn(ready[int(self.random.random() * len(ready))])

    def turn(self, process: Process) -> None:
        """Let one process run to its next point."""
        self.current = process
        before = runtime_module.install(process.runtime)
        try:
            process.life.switch()
        finally:
            runtime_module.install(before)
            self.current = None
        if process.life.dead:
            self.processes.remove(process)
            if process.again and not self.calm:
                process.wake_at = self.now + self._ticks(0.1, 20)
                self.spawn(process)

    def point(self) -> None:
        """Where a process touches the world: here it may yield, wait, or die."""
        process = self.current
        assert process is not None
        if process.dead:
            raise Crash
        self.points += 1
        self.now += CALL
        if self.calm:
            return
        drawn = self.random.random()
        rates = self.rates
        if drawn < rates.switch:
            self.sleep(0)
        elif (drawn := drawn - rates.switch) < rates.delay:
            ticks = self._ticks(0.05, rates.longest_delay)
            self.note("wait", ticks / SECOND)
            self.sleep(ticks)
        elif process.mortal and (drawn := drawn - rates.delay) < rates.crash:
            self.die(process)
        elif process.mortal and drawn - rates.crash < rates.stop:
            self.note("STOP")
            raise Stop

    def die(self, process: Process) -> None:
        """Kill the process that runs."""
        self.note("CRASH")
        process.dead = True
        raise Crash

    def sleep(self, ticks: int) -> None:
        """Let others run, for so long."""
        process = self.current
        assert process is not None
        process.wake_at = self.now + max(0, ticks)
        self.hub.switch()
        if process.dead:
            raise Crash

    def kill(self, process: Process) -> None:
        """End a process that does not run now, and unwind what it was in."""
        process.dead = True
        if process in self.processes:
            self.processes.remove(process)
        if process.life and not process.life.dead:
            self.current = process
            process.life.throw(Crash)
            self.current = None

    def _ticks(self, least: float, most: float) -> int:
        return int((least + self.random.random() * max(0.0, most - least)) * SECOND)
