"""One seed's run: chaos, then calm, then the final look."""

import json
import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from gemchain import identity, runtime
from gemchain.continuations import Continuations
from gemchain.engine import correlation, drive, inputs
from gemchain.errors import UnresolvedError
from gemchain.interventions import retry_prompts
from gemchain.runtime import Providers, Runtime
from gemchain.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.stores.sqlite import SqliteStore
from tests.simulation import callbacks, engines, users
from tests.simulation.checker import CheckedStore, Checker
from tests.simulation.model import check_chain
from tests.simulation.plans import Planner
from tests.simulation.ports import FaultyBlobs, FaultyStore, FaultyWaker, MemoryBlobs, SkewedClock
from tests.simulation.scheduler import SECOND, Process, Scheduler, Violation
from tests.simulation.service import FaultyProvider, Service
from tests.simulation.swarm import draw_rates, draw_shape

CHAOS = 900
"""Points of a run after which the faults end at the latest, unless people are still busy."""

CALM = 3600 * SECOND
"""Virtual time in which everything must have ended once the faults are off."""

NAMES = Continuations(modules=("tests",))


@dataclass(slots=True)
class Report:
    """What came of a seed.

    Attributes:
        violation: The first broken promise; None when all were kept.
        faults: How often each fault struck.
    """

    seed: int
    violation: Violation | None
    faults: Counter
    points: int
    chains: int
    prompts: int
    trace: list = field(repr=False)
    names: dict = field(repr=False)


class DeployedFunctions:
    """The functions by name, without those that the present deploy lacks."""

    def __init__(self, world):
        self._world = world

    def __getattr__(self, name):
        return getattr(NAMES, name)

    def resolve(self, name):
        """The function, if the present deploy has it."""
        if name in self._world.missing:
            raise UnresolvedError(f"the present deploy has no {name!r}")
        return NAMES.resolve(name)


class World:
    """Everything that exists under one seed.

    Args:
        open_store: Opens the real store on a clock; SQLite in memory by default.
    """

    def __init__(self, seed, open_store=None):
        self.seed = seed
        self.random = Random(seed)
        self.rates = draw_rates(self.random)
        self.shape = draw_shape(self.random, self.rates)
        self.plan = Planner(self.random).draw()
        self.scheduler = Scheduler(self.random, self.rates)
        self.checker = Checker(self)
        self.store = (open_store or _sqlite)(SimpleNamespace(now=self.scheduler.time))
        self.checked_store = CheckedStore(self.store, self.checker)
        self.files = MemoryBlobs()
        self.service = Service(self)
        self.hints, self.resting = [], []
        self.missing = set()
        self.runs, self.declared = {}, {}
        self.faults = Counter()

    def strikes(self, fault):
        """Whether a fault happens now."""
        rate = getattr(self.rates, fault)
        if not rate or self.scheduler.calm or self.random.random() >= rate:
            return False
        self.faults[fault] += 1
        return True

    def stall(self):
        """A moment at which a process may fall asleep."""
        if self.strikes("stall"):
            ticks = int(self.random.random() * self.rates.longest_delay * SECOND)
            self.scheduler.note("stall", ticks)
            self.scheduler.sleep(ticks)

    def node_of(self, prompt):
        """The node of the plan that a prompt stands for."""
        found = json.loads(prompt.params if prompt.labels is None else prompt.labels)
        return self.plan.nodes[found["node"]]

    def process(self, name, body, **more):
        """A process with ports of its own."""
        skew = self.random.choice((0, 0, 1, -1, 20, -20)) * SECOND
        process = Process(name, body, skew, **more)
        process.wake_at = int(self.random.random() * 5 * SECOND)
        process.runtime = Runtime(
            settings=self.shape.settings,
            store=FaultyStore(self),
            blobs=FaultyBlobs(self),
            providers=Providers({"simulated": lambda: FaultyProvider(self)}, _choose),
            waker=FaultyWaker(self),
            clock=SkewedClock(self, process),
            continuations=DeployedFunctions(self),
        )
        return self.scheduler.spawn(process)

    def run(self):
        """Chaos, calm, and the final look."""
        try:
            self._chaos()
            self._calm()
            self._look()
        except Violation as violation:
            return self._report(violation)
        finally:
            for process in [*self.scheduler.processes]:
                self.scheduler.kill(process)
            self.store.close()
        return self._report(None)

    def _report(self, violation):
        scheduler, checker = self.scheduler, self.checker
        names = {prompt.id: self.node_of(prompt).id for prompt in checker.prompts.values()}
        self.faults["crash"] = sum(each.name == "CRASH" for each in scheduler.events)
        self.faults["stop"] = sum(each.name == "STOP" for each in scheduler.events)
        self.faults["late create"] = checker.late_creates
        self.faults["delay"] = sum(each.name == "wait" for each in scheduler.events)
        return Report(
            self.seed, violation, +self.faults, scheduler.points,
            len(checker.chains), len(checker.prompts), scheduler.events, names,
        )  # fmt: skip

    def _chaos(self):
        shape, pick = self.shape, self.random
        for number in range(shape.drivers):
            self.process(f"driver{number}", engines.driver(self))
        for number in range(shape.functions or not shape.drivers):
            self.process(f"function{number}", engines.functions(self))
        programs = [each for each in self.plan.programs if each.startswith("program") and " " not in each]
        people = []
        for number in range(pick.choice((1, 2))):
            errands = users.draw_errands(pick, programs)
            people.append(self.process(f"user{number}", users.user(self, errands)))
        scheduler = self.scheduler
        scheduler.run(
            lambda: (
                scheduler.points > 4 * CHAOS
                or (
                    not any(each in scheduler.processes for each in people)
                    and (scheduler.points > CHAOS or (scheduler.now > 60 * SECOND and self._is_idle()))
                )
            )
        )
        for process in people:
            scheduler.kill(process)

    def _is_idle(self):
        return drive.is_idle(SimpleNamespace(store=self.store))

    def _calm(self):
        """Faults off. Some processes carry on from where they are, the others are gone."""
        scheduler = self.scheduler
        scheduler.calm = True
        scheduler.note("CALM")
        self.missing.clear()
        for process in [*scheduler.processes]:
            process.again = False
            if self.random.random() < 0.5:
                scheduler.kill(process)
        last = self.process("last", engines.driver(self), mortal=False)
        ends_at = scheduler.now + CALM
        for _ in range(60):
            scheduler.run(lambda: self._is_over(ends_at))
            if not self._retry_parked(last):
                return
        raise Violation("everything ends", "prompts are parked again and again")

    def _is_over(self, ends_at):
        if self.scheduler.now > ends_at:
            left = [
                (p.id, p.progress.state, p.progress.batch_id)
                for p in self.checker.prompts.values()
                if p.progress.state in OPEN_PROMPT
            ]
            batches = [(each.id, each.state) for each in self.store.open_batches()]
            raise Violation("everything ends", f"open: {left}, {batches}")
        # Time must pass until the sweep has had its turn.
        return self._is_idle() and self.scheduler.now > ends_at - CALM + self._quiet() * SECOND

    def _quiet(self):
        return self.shape.settings.sweep + self.shape.settings.lease + 30

    def _retry_parked(self, last):
        parked = self.store.list_prompts(state=PromptState.PARKED)
        if parked:
            person = Process("operator", lambda _: retry_prompts(last.runtime, parked), again=False)
            person.runtime = last.runtime
            self.scheduler.spawn(person)
            self.scheduler.run(lambda: person not in self.scheduler.processes)
        return bool(parked)

    def _look(self):
        """The final look at every record."""
        found = []
        sweeper = Process("sweeper", lambda _: found.append(drive.sweep(sweeper.runtime)), again=False)
        sweeper.runtime = next(each.runtime for each in self.scheduler.processes if each.name == "last")
        self.scheduler.spawn(sweeper)
        self.scheduler.run(lambda: bool(found))
        self._demand(found == [0], "the sweeper finds nothing", found)
        prompts = self.store.prompts(self.checker.prompts)
        self._demand(prompts == self.checker.prompts, "nobody writes behind the model's back", "")
        self._demand(not self.store.open_parts(), "every part is dispatched", "")
        chains = {each.id: each for each in self.store.list_chains(limit=1_000)}
        self._demand(chains.keys() == self.checker.chains.keys(), "every chain is known", "")
        families = {}
        for prompt in prompts.values():
            families.setdefault(prompt.chain_id, []).append(prompt)
        for chain in chains.values():
            self._demand(chain.state is not ChainState.RUNNING, "every chain ends", chain.id)
            check_chain(self, chain, families.get(chain.id, []))
        self._check_tally(prompts, chains)

    def _check_tally(self, prompts, chains):
        tally = self.store.tally()
        counted = Counter(each.progress.state for each in prompts.values())
        self._demand(Counter(tally.prompts) == counted, "the tally is true", (tally.prompts, counted))
        counted = Counter(each.state for each in chains.values())
        self._demand(Counter(tally.chains) == counted, "the tally is true", (tally.chains, counted))
        spent = sum(each.progress.usage.prompt_tokens for each in prompts.values())
        self._demand(tally.usage.prompt_tokens == spent, "the tally is true", (tally.usage, spent))

    @staticmethod
    def _demand(holds, rule, detail):
        if not holds:
            raise Violation(rule, str(detail))


def _choose(model):
    provider, _, name = model.partition("/")
    return provider, name


def _sqlite(clock):
    return SqliteStore(":memory:", clock)


@contextmanager
def _seeded(world):
    """Ids that are random elsewhere come from the seed; what caches between processes is emptied."""
    dice = Random(world.seed * 2 + 1)
    secrets = SimpleNamespace(token_hex=lambda size: f"{dice.getrandbits(size * 8):0{size * 2}x}")
    correlation._load_manifest.cache_clear()
    callbacks.world = world
    before = runtime.install(None)
    with patch.object(identity, "secrets", secrets), patch.object(inputs, "PAGE", world.shape.page):
        try:
            yield
        finally:
            callbacks.world = None
            runtime.install(before)


def simulate(seed, open_store=None):
    """Run one seed.

    Args:
        seed: A whole number; the same number, the same run.
        open_store: Opens the store under test on the clock that it is given.
    """
    log = logging.getLogger("gemchain")
    before, log.disabled = log.disabled, True
    world = World(seed, open_store)
    try:
        with _seeded(world):
            return world.run()
    finally:
        log.disabled = before
