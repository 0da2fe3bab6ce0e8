"""One chaos run: three processes share a store and are killed again and again, while faults come and go.

Every random choice comes from one seed. The timing of the machine still differs from run to run.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from gemchain.records.states import ChainState
from gemchain.runtime import Runtime
from tests.chaos.processes import Processes, is_alive
from tests.chaos.setups import Fault, Setup

PROCESSES = 3
PATIENCE = 180.0
"""Seconds after the last fault within which everything has to end."""

LONGEST_LIFE = 0.4
"""Seconds, at most, between two kills."""

FAULT_EVERY = 3
"""Steps, on average, from one fault to the next."""

INSTANT = 0.002
"""Seconds between two looks at something that is about to change."""


@dataclass
class Report:
    """What was done to a run.

    Attributes:
        kills: One line for each kill: when, which process, at which moment, during which fault.
        moments: How many kills came at which kind of moment.
        faults: How often each fault came.
        errors: Errors with which processes ended by themselves, and how often.
    """

    kills: list[str] = field(default_factory=list)
    moments: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class ChaosRun:
    """One run in one setup.

    Args:
        setup: The store that the processes share.
        processes: Starts the processes.
        seed: Seed of what is done, and when.
        chains: How many chains are started.
        workers: How many processes share the work.
        collects: Whether each of them removes what has ended, as soon as it has.
    """

    def __init__(
        self,
        setup: Setup,
        processes: Processes,
        *,
        seed: int,
        chains: int,
        workers: int = PROCESSES,
        collects: bool = False,
    ) -> None:
        self.setup = setup
        self.report = Report()
        self._processes = processes
        self._random = random.Random(seed)
        self._chains = chains
        self._collects = collects
        self._log = setup.folder / "log"
        self._log_read = 0
        self._pids: list[int] = [0] * workers
        self._fault: Fault | None = None
        self._fault_ends = 0.0
        self._begun = time.monotonic()

    def inject_faults(self, kills: int) -> None:
        """Kill processes until there were so many kills, or until everything has ended."""
        with self.setup.runtime() as runtime:
            while len(self.report.kills) < kills and not (self._fault is None and self._has_ended(runtime)):
                self._start_missing()
                self._change_fault()
                self._kill_one()
        self._end_fault()

    def _start_missing(self) -> None:
        order = {
            "log": str(self._log),
            "environment": self.setup.environment,
            "settings": self.setup.settings,
            "chains": self._chains,
            "collects": self._collects,
        }
        for index, pid in enumerate(self._pids):
            if not pid or not is_alive(pid):
                self._read_log()
                self._pids[index] = self._processes.start(order)

    def _read_log(self) -> None:
        """Read the errors of processes that ended by themselves.

        Raises:
            AssertionError: A process ended with an error that is not allowed.
        """
        if not self._log.exists():
            return
        text = self._log.read_text(encoding="utf-8", errors="replace")
        new, self._log_read = text[self._log_read :], len(text)
        assert "FATAL" not in new, new
        for line in new.splitlines():
            if line.startswith("ERROR "):
                kind = line.split()[1].rstrip(":")
                assert kind in self.setup.allowed, line
                assert self.report.faults, f"without any fault: {line}"
                self.report.errors[kind] += 1

    def _change_fault(self) -> None:
        """Begin a fault now and then, and end it after a while."""
        if self._fault is not None:
            if time.monotonic() >= self._fault_ends:
                self._end_fault()
        elif self._random.random() < 1 / FAULT_EVERY:
            self._fault = self._random.choice([*self.setup.faults(), self._pause()])
            self._fault_ends = time.monotonic() + self._random.uniform(0.3, 1.5)
            self._fault.begin(self._pids)
            self.report.faults[self._fault.name] += 1

    def _pause(self) -> Fault:
        """A process is paused for longer than its leases last, and then goes on."""
        pid = self._random.choice(self._pids)
        return Fault(
            "a process is paused",
            lambda _: _send(pid, signal.SIGSTOP),
            lambda _: _send(pid, signal.SIGCONT),
        )

    def _end_fault(self) -> None:
        if self._fault is not None:
            self._fault.end(self._pids)
            self._fault = None

    def _kill_one(self) -> None:
        index = self._random.randrange(len(self._pids))
        wait = self._random.uniform(0, LONGEST_LIFE)
        moment = "any moment"
        if self._random.random() < 0.5 and self._wait_for_new_jobs(self._random.randint(1, 3)):
            moment = "a job was just created"
        else:
            time.sleep(wait)
        if is_alive(self._pids[index]):
            _send(self._pids[index], signal.SIGKILL)
            self.report.moments[moment] += 1
            during = f" while {self._fault.name}" if self._fault else ""
            self.report.kills.append(
                f"{time.monotonic() - self._begun:7.2f} s: process {index}, {moment}{during}"
            )
            while is_alive(self._pids[index]):
                time.sleep(INSTANT)

    def _wait_for_new_jobs(self, number: int) -> bool:
        """Wait until so many provider jobs were created, for `LONGEST_LIFE` seconds at most."""
        enough = _count(self.setup.jobs) + number
        until = time.monotonic() + LONGEST_LIFE
        while time.monotonic() < until:
            if _count(self.setup.jobs) >= enough:
                return True
            time.sleep(INSTANT)
        return False

    def finish_without_faults(self) -> None:
        """Let the processes run until everything has ended, then stop them.

        Raises:
            AssertionError: Something has not ended, or a process ended by itself without a fault.
        """
        until = time.monotonic() + PATIENCE
        with self.setup.runtime() as runtime:
            while not self._has_ended(runtime):
                assert time.monotonic() < until, f"{self._left(runtime)} after {PATIENCE} s without faults"
                self._start_missing()
                time.sleep(0.05)
        self._read_log()
        self.stop()

    def stop(self) -> None:
        """End the fault, and kill every process that runs."""
        self._end_fault()
        for pid in filter(None, self._pids):
            _send(pid, signal.SIGKILL)

    def _has_ended(self, runtime: Runtime) -> bool:
        with suppress(Exception):  # while the store has a fault, nothing counts as ended
            store = runtime.store
            counters = store.counters()
            begun = sum(counters.chains.values()) >= self._chains
            running = counters.chains.get(ChainState.RUNNING, 0)
            return begun and not running and not store.open_batches() and not store.unsettled_chains(limit=1)
        return False

    def _left(self, runtime: Runtime) -> str:
        counters = runtime.store.counters()
        running = [each.id for each in runtime.store.list_chains(state=ChainState.RUNNING, limit=5)]
        return f"still {counters.chains}, {counters.prompts}, {counters.batches}, as {running}"


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _count(folder: object) -> int:
    try:
        return sum(1 for _ in os.scandir(str(folder)))
    except FileNotFoundError:
        return 0
