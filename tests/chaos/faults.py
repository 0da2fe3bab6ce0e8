"""Havoc: three processes that share a world are killed again and again, and what is left is compared.

Everything that is drawn comes from one seed; what the machine makes of it differs from run to run.

Longer than 300 lines: a run injects faults, stops them and checks, and the three share its state.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from gemchain.engine.operations.retention import forget
from gemchain.engine.stages.sweep import sweep
from gemchain.records.states import OPEN_BATCH, BatchState, ChainState
from gemchain.runtime import Runtime, using
from tests.chaos.processes import Nursery, lives
from tests.chaos.worlds import Trouble, World

PROCESSES = 3
PATIENCE = 180.0
"""Seconds after the last trouble in which everything has to end."""

LONGEST_LIFE = 0.4
TROUBLE_EVERY = 3
"""Steps, on average, from one trouble to the next."""

INSTANT = 0.002


@dataclass
class Told:
    """What was done to a run.

    Attributes:
        kills: When each process was killed, and what it had just done.
        moments: How many kills came at which kind of moment.
        troubles: How often each trouble came.
        complaints: Errors with which processes ended by themselves, and how often.
    """

    kills: list[str] = field(default_factory=list)
    moments: Counter[str] = field(default_factory=Counter)
    outages: Counter[str] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)


class Havoc:
    """One run in one world.

    Args:
        world: Where.
        nursery: Where processes come from.
        seed: Of what is done, and when.
        chains: How many chains are started.
        processes: How many share the work.
        collects: Whether each of them removes what has ended, as soon as it has.
    """

    def __init__(
        self,
        world: World,
        nursery: Nursery,
        *,
        seed: int,
        chains: int,
        processes: int = PROCESSES,
        collects: bool = False,
    ) -> None:
        self.world = world
        self.told = Told()
        self._nursery = nursery
        self._dice = random.Random(seed)
        self._chains = chains
        self._collects = collects
        self._log = world.folder / "log"
        self._read = 0
        self._pids: list[int] = [0] * processes
        self._trouble: Trouble | None = None
        self._trouble_ends = 0.0
        self._begun = time.monotonic()

    # Havoc

    def wreak(self, kills: int) -> None:
        """Kill until there were so many, or until everything has ended."""
        with self.world.runtime() as outside:
            while len(self.told.kills) < kills and not (self._trouble is None and self._has_ended(outside)):
                self._revive()
                self._come_and_go()
                self._kill_one()
        self._end_trouble()

    def _revive(self) -> None:
        order = {
            "log": str(self._log),
            "environment": self.world.environment,
            "settings": self.world.settings,
            "chains": self._chains,
            "collects": self._collects,
        }
        for place, pid in enumerate(self._pids):
            if not pid or not lives(pid):
                self._hear()
                self._pids[place] = self._nursery.bear(order)

    def _hear(self) -> None:
        """Read what processes said that ended by themselves.

        Raises:
            AssertionError: One of them should not have.
        """
        if not self._log.exists():
            return
        text = self._log.read_text(encoding="utf-8", errors="replace")
        new, self._read = text[self._read :], len(text)
        assert "FATAL" not in new, new
        for line in new.splitlines():
            if line.startswith("TROUBLE "):
                kind = line.split()[1].rstrip(":")
                assert kind in self.world.allowed, line
                assert self.told.outages, f"without any trouble: {line}"
                self.told.complaints[kind] += 1

    def _come_and_go(self) -> None:
        """Let a trouble begin now and then, and end after a while."""
        if self._trouble is not None:
            if time.monotonic() >= self._trouble_ends:
                self._end_trouble()
        elif self._dice.random() < 1 / TROUBLE_EVERY:
            self._trouble = self._dice.choice([*self.world.outages(), self._pause()])
            self._trouble_ends = time.monotonic() + self._dice.uniform(0.3, 1.5)
            self._trouble.begin(self._pids)
            self.told.outages[self._trouble.name] += 1

    def _pause(self) -> Trouble:
        """A process that stands still for longer than its leases last, and then goes on."""
        pid = self._dice.choice(self._pids)
        return Trouble(
            "a process stands still",
            lambda _: _send(pid, signal.SIGSTOP),
            lambda _: _send(pid, signal.SIGCONT),
        )

    def _end_trouble(self) -> None:
        if self._trouble is not None:
            self._trouble.end(self._pids)
            self._trouble = None

    def _kill_one(self) -> None:
        place = self._dice.randrange(len(self._pids))
        wait = self._dice.uniform(0, LONGEST_LIFE)
        moment = "any moment"
        if self._dice.random() < 0.5 and self._outwaits_new_job(self._dice.randint(1, 3)):
            moment = "a job was just made"
        else:
            time.sleep(wait)
        if lives(self._pids[place]):
            _send(self._pids[place], signal.SIGKILL)
            self.told.moments[moment] += 1
            during = f" while {self._trouble.name}" if self._trouble else ""
            self.told.kills.append(
                f"{time.monotonic() - self._begun:7.2f} s: process {place}, {moment}{during}"
            )
            while lives(self._pids[place]):
                time.sleep(INSTANT)

    def _outwaits_new_job(self, number: int) -> bool:
        """Wait for provider jobs to come into being, no longer than a life lasts."""
        enough = _count(self.world.jobs) + number
        until = time.monotonic() + LONGEST_LIFE
        while time.monotonic() < until:
            if _count(self.world.jobs) >= enough:
                return True
            time.sleep(INSTANT)
        return False

    # Peace

    def make_peace(self) -> None:
        """Let the processes live until everything has ended; then they are stopped for good.

        Raises:
            AssertionError: Something has not ended, or a process died by itself without trouble.
        """
        until = time.monotonic() + PATIENCE
        with self.world.runtime() as outside:
            while not self._has_ended(outside):
                assert time.monotonic() < until, f"{self._left(outside)} after {PATIENCE} s of peace"
                self._revive()
                time.sleep(0.05)
        self._hear()
        self.stop()

    def stop(self) -> None:
        """Stop whoever lives."""
        self._end_trouble()
        for pid in filter(None, self._pids):
            _send(pid, signal.SIGKILL)

    def _has_ended(self, outside: Runtime) -> bool:
        with suppress(Exception):  # a store in trouble has not ended anything
            store = outside.store
            counters = store.counters()
            begun = sum(counters.chains.values()) >= self._chains
            running = counters.chains.get(ChainState.RUNNING, 0)
            return begun and not running and not store.open_batches() and not store.unsettled_chains(limit=1)
        return False

    def _left(self, outside: Runtime) -> str:
        counters = outside.store.counters()
        running = [each.id for each in outside.store.list_chains(state=ChainState.RUNNING, limit=5)]
        return f"still {counters.chains}, {counters.prompts}, {counters.batches}, as {running}"


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _count(folder: object) -> int:
    try:
        return sum(1 for _ in os.scandir(str(folder)))
    except FileNotFoundError:
        return 0


def findings(world: World) -> dict[str, object]:
    """What is left in a world: results, prompts, payments by the service's own books, effects.

    Raises:
        AssertionError: Something is left open, or the service was asked twice for one batch.
    """
    with world.runtime() as runtime, using(runtime):
        store = runtime.store
        assert sweep(runtime) == 0, "nothing is stuck"
        assert not store.open_parts()
        assert not store.open_batches()
        batches = store.list_batches(limit=1_000_000)
        assert {each.state for each in batches} <= {BatchState.CLOSED, BatchState.FAILED}
        assert not {each.state for each in batches} & OPEN_BATCH
        jobs = Counter(each.parent.name for each in world.jobs.glob("*/*.json"))
        twice = {name: number for name, number in jobs.items() if number > 1}
        assert not twice, f"jobs that were paid for twice: {twice}"
        chains = store.list_chains(limit=1_000_000)
        prompts = [prompt for chain in chains for prompt in store.chain_prompts(chain.id)]
        attempts = [prompt.progress.attempt for prompt in prompts]
        return {
            "totals": dict(store.counters().prompts),
            "chains": sorted((each.id, each.state, each.result) for each in chains),
            "prompts": sorted((each.id, each.path, each.progress.state) for each in prompts),
            "paid": dict(runtime.providers.named("simulated").paid_rows()),
            "effects": sorted(each.name for each in world.effects.iterdir()),
            "_jobs": sum(jobs.values()),
            "_attempts": sum(attempts) / len(attempts),
        }


def findings_of_collected(world: World) -> dict[str, object]:
    """What is left in a world in which everything that ended was removed: results, effects, and totals.

    Raises:
        AssertionError: Something is left that should have gone.
    """
    with world.runtime() as runtime, using(runtime):
        forget(runtime, timedelta(0))
        store = runtime.store
        assert sweep(runtime) == 0, "nothing is stuck"
        assert not store.open_batches()
        chains = store.list_chains(limit=1_000_000)
        assert not any(True for chain in chains for _ in store.chain_prompts(chain.id))
        assert not store.list_batches()
        left = [info.uri for info in runtime.blobs.list("")]
        assert not left, f"files that nobody needs: {left}"
        return {
            "chains": sorted((each.id, each.state, each.result) for each in chains),
            "effects": sorted(each.name for each in world.effects.iterdir()),
            "totals": dict(store.counters().prompts),
        }


COMPARED = ("chains", "prompts", "paid", "effects", "totals")
COMPARED_AFTER_COLLECTION = ("chains", "effects", "totals")


def assert_same(found: dict[str, object], expected: dict[str, object]) -> None:
    """Nothing lost, nothing doubled, nothing paid twice.

    Raises:
        AssertionError: Names what differs.
    """
    for name in COMPARED if "paid" in found else COMPARED_AFTER_COLLECTION:
        ours, theirs = found[name], expected[name]
        if ours != theirs:
            mine, its = (set(each.items() if isinstance(each, dict) else each) for each in (ours, theirs))
            raise AssertionError(
                f"{name}: too much {sorted(mine - its)[:5]}, missing {sorted(its - mine)[:5]}"
            )
    paid = found.get("paid", {"": 1})
    assert isinstance(paid, dict)
    assert set(paid.values()) == {1}, "every prompt is paid exactly once"
