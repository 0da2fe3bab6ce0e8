"""Makespan of chains: the real engine in virtual time, compared with gembatch's rules and with the ideal.

The makespan of chains is depth times turnaround, plus the time that prompts wait for their batch. In the
ideal no prompt waits: it is the critical path. The rules of gembatch: a queue is checked every 30 minutes,
but only every second time while fewer than 20 prompts wait; 200 waiting prompts are sent at once; a batch
has at most 200 prompts, and each model has one batch at a time.

`python -m benchmarks.makespan` prints the table; it takes a minute or two.

Longer than 300 lines: the three simulations share the workloads and the table that compares them.
"""

import logging
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random
from statistics import fmean
from typing import NamedTuple

import gemchain
from gemchain.engine.drive import Driver, is_idle
from gemchain.providers.simulated import SimulatedProvider
from gemchain.runtime import Providers, Runtime, using
from gemchain.testing import embedded
from gemchain.wiring import choose_provider

MINUTE = 60.0
HOUR = 3600.0


class Start(NamedTuple):
    """A chain of a workload: when it starts, its number of prompts in sequence, and its model."""

    at: float
    depth: int
    model: str = "fast"


@dataclass(frozen=True)
class Workload:
    """Chains, and the turnaround of the service.

    Attributes:
        turnaround: Seconds that the n-th batch of a model takes.
        most: Target: the largest allowed ratio to the ideal.
        per_chain: Whether the target holds for the mean of the chains, too, not only for the last end.
    """

    name: str
    starts: list[Start]
    turnaround: Callable[[str, int], float]
    most: float
    per_chain: bool = False


class Took(NamedTuple):
    """The results of a run, in seconds; `latency` is the mean of the chains' ratios to their ideal."""

    makespan: float
    latency: float
    batches: int
    wait: float


def workloads() -> list[Workload]:
    """The workloads and their targets."""
    random = Random(7)
    heavy = [min(6 * HOUR, 5 * MINUTE * random.paretovariate(1.3)) for _ in range(5_000)]
    ten = lambda _model, _number: 10 * MINUTE  # noqa: E731 -- the same for all
    stream, at = [], 0.0
    while at < 4 * HOUR:
        stream.append(Start(at, 3))
        at += random.expovariate(1 / 20)
    pair = [Start(0, 6, "fast")] * 300 + [Start(0, 2, "slow")] * 300
    return [
        Workload("10 x 3, batches of 10 min", [Start(0, 3)] * 10, ten, 1.05),
        Workload("1,000 x 3, batches of 10 min", [Start(0, 3)] * 1_000, ten, 1.05),
        Workload(
            "10,000 x 1 to 8, heavy-tailed",
            [Start(0, random.randint(1, 8)) for _ in range(10_000)],
            lambda _model, number: heavy[number],
            1.3,
        ),
        Workload("stream, one every 20 s for 4 h, x 3", stream, ten, 1.3, per_chain=True),
        Workload(
            "fast (10 min) x 6 beside slow (3 h) x 2",
            pair,
            lambda model, _number: 10 * MINUTE if model == "fast" else 3 * HOUR,
            1.3,
            per_chain=True,
        ),
    ]


def ideal_of(load: Workload, start: Start) -> float:
    """Seconds that a chain takes when no prompt waits."""
    return sum(load.turnaround(start.model, number) for number in range(start.depth))


def ideal(load: Workload) -> Took:
    """The critical path. Prompts that are ready at one moment share a batch."""
    ends = [start.at + ideal_of(load, start) for start in load.starts]
    moments = {(start.model, start.at, level) for start in load.starts for level in range(start.depth)}
    return Took(max(ends) - load.starts[0].at, 1.0, len(moments), 0.0)


# The rules of gembatch


TICK = 30 * MINUTE
FEW = 20
FULL = 200


class _Waiting(NamedTuple):
    since: float
    chain: int
    left: int


def gembatch(load: Workload) -> Took:
    """A simulation of gembatch's rules, event by event."""
    return _Gembatch(load).run()


class _Gembatch:
    def __init__(self, load: Workload) -> None:
        self.load = load
        self.order = count()
        self.events: list[tuple[float, int, str, tuple]] = []
        self.queues: dict[str, list[_Waiting]] = defaultdict(list)
        self.running: set[str] = set()
        self.skipped: set[str] = set()
        self.sent: dict[str, int] = defaultdict(int)
        self.ends: dict[int, float] = {}
        self.waits: list[float] = []

    def run(self) -> Took:
        for number, start in enumerate(self.load.starts):
            self._at(start.at, "submit", (start.model, number, start.depth))
        for model in {start.model for start in self.load.starts}:
            self._at(TICK, "tick", (model,))
        while len(self.ends) < len(self.load.starts):
            now, _, what, about = heappop(self.events)
            getattr(self, f"_{what}")(now, *about)
        starts = self.load.starts
        took = [
            (self.ends[number] - start.at) / ideal_of(self.load, start) for number, start in enumerate(starts)
        ]
        makespan = max(self.ends.values()) - starts[0].at
        return Took(makespan, fmean(took), sum(self.sent.values()), fmean(self.waits))

    def _at(self, at: float, what: str, about: tuple) -> None:
        heappush(self.events, (at, next(self.order), what, about))

    def _submit(self, now: float, model: str, chain: int, left: int) -> None:
        self.queues[model].append(_Waiting(now, chain, left))
        self._send_if_full(now, model)

    def _tick(self, now: float, model: str) -> None:
        self._at(now + TICK, "tick", (model,))
        waiting = len(self.queues[model])
        if 0 < waiting < FEW and model not in self.skipped:
            self.skipped.add(model)
            return
        self.skipped.discard(model)
        if waiting and model not in self.running:
            self._send(now, model)

    def _send_if_full(self, now: float, model: str) -> None:
        if len(self.queues[model]) >= FULL and model not in self.running:
            self._send(now, model)

    def _send(self, now: float, model: str) -> None:
        batch, self.queues[model] = self.queues[model][:FULL], self.queues[model][FULL:]
        self.waits += [now - each.since for each in batch]
        self.running.add(model)
        self._at(now + self.load.turnaround(model, self.sent[model]), "land", (model, batch))
        self.sent[model] += 1

    def _land(self, now: float, model: str, batch: list[_Waiting]) -> None:
        self.running.discard(model)
        for each in batch:
            if each.left > 1:
                self.queues[model].append(_Waiting(now, each.chain, each.left - 1))
            else:
                self.ends[each.chain] = now
        self._send_if_full(now, model)


# The engine itself


def begin(depth: int, model: str) -> None:
    """The start of a chain."""
    gemchain.submit("go", f"simulated/{model}", go_on, params={"left": depth - 1, "model": model})


def go_on(_response: gemchain.Response, left: int, model: str) -> int:
    """The next prompt, until none is left."""
    if left:
        gemchain.submit("on", f"simulated/{model}", go_on, params={"left": left - 1, "model": model})
    return left


class _Timed(SimulatedProvider):
    """The simulated service, whose batches take as long as the workload says."""

    load: Workload
    sent: dict[str, int]

    def create(self, batch):
        seconds = self.load.turnaround(batch.model, self.sent[batch.model])
        self.sent[batch.model] += 1
        self._turnaround = timedelta(seconds=seconds)
        return super().create(batch)


def engine(load: Workload) -> Took:
    """The workload on the real stages in virtual time, driven as `gemchain run` drives them."""
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as embed:
        runtime = _timed(embed.runtime, load)
        with using(runtime):
            ids = dict(_drive(runtime, load))
            return _measure(runtime, load, ids)


def _timed(runtime: Runtime, load: Workload) -> Runtime:
    service = _Timed(runtime.blobs, runtime.clock, responder=lambda _: "fine")
    service.load, service.sent = load, defaultdict(int)
    return replace(runtime, providers=Providers({"simulated": lambda: service}, choose_provider))


def _drive(runtime: Runtime, load: Workload) -> Iterator[tuple[str, Start]]:
    """Start the chains when their time comes, and drive in between; yields each chain's id."""
    driver = Driver(runtime)
    epoch = runtime.clock.now()
    coming = sorted(load.starts)
    while coming or not is_idle(runtime):
        due = [each for each in coming if epoch + timedelta(seconds=each.at) <= runtime.clock.now()]
        coming = coming[len(due) :]
        rows = [{"depth": each.depth, "model": each.model} for each in due]
        for chain, start in zip(gemchain.start_many(begin, rows) if rows else (), due, strict=True):
            yield chain.id, start
        if not driver.turn():
            driver.rest(epoch + timedelta(seconds=coming[0].at) if coming else None)


def _measure(runtime: Runtime, load: Workload, ids: dict[str, Start]) -> Took:
    store = runtime.store
    chains = store.chains(list(ids))
    assert all(chain.ended_at is not None for chain in chains.values())
    ratios = [
        _seconds(chain.created_at, chain.ended_at) / ideal_of(load, ids[name])
        for name, chain in chains.items()
    ]
    first = min(chain.created_at for chain in chains.values())
    waits = [
        _seconds(prompt.created_at, prompt.progress.claimed_at)
        for name in ids
        for prompt in store.chain_prompts(name)
    ]
    batches = sum(each.requests > 0 for each in store.list_batches(limit=100_000))
    return Took(
        _seconds(first, max(chain.ended_at for chain in chains.values())),
        fmean(ratios),
        batches,
        fmean(waits),
    )


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


# The table


def main() -> int:
    """Print the table; the exit code says whether every target was met."""
    logging.getLogger("gemchain").setLevel(logging.ERROR)
    print(f"{'workload':42}{'':10}{'makespan':>10}{'ratio':>8}{'chains':>8}{'batches':>9}{'wait':>13}")
    missed = 0
    for load in workloads():
        best = ideal(load)
        for name, took in (("ideal", best), ("gemchain", engine(load)), ("gembatch", gembatch(load))):
            print(_line(load.name if name == "ideal" else "", name, took, best), flush=True)
            if name == "gemchain" and not _meets(load, took, best):
                missed += 1
                print(f"{'':42}missed: at most {load.most} of the ideal, and twice its batches")
    return missed


def _meets(load: Workload, took: Took, best: Took) -> bool:
    ratio = (
        max(took.latency, took.makespan / best.makespan) if load.per_chain else took.makespan / best.makespan
    )
    return ratio <= load.most and took.batches <= 2 * best.batches


def _line(load: str, name: str, took: Took, best: Took) -> str:
    hours, ratio = took.makespan / HOUR, took.makespan / best.makespan
    shares = f"{ratio:8.2f}{took.latency:8.2f}"
    return f"{load:42}{name:10}{hours:8.2f} h{shares}{took.batches:9,}{took.wait / 60:9.1f} min"


if __name__ == "__main__":
    sys.exit(main())
