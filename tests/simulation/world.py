"""One seed's run: chaos, then calm, then the final look.

Longer than 300 lines: everything under one seed shares its state.
"""

import json
import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

import gemchain
from gemchain import runtime
from gemchain.api.operations import retry_prompts
from gemchain.engine import drive
from gemchain.engine.batches import input_file
from gemchain.engine.rows import unkeyed
from gemchain.errors import UnresolvedError
from gemchain.functions.continuations import Continuations
from gemchain.records import identity
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.runtime import Providers, Runtime
from tests.simulation import callbacks, engines, programs, users
from tests.simulation.checker import CheckedStore, Checker
from tests.simulation.direct import Requests, SimulatedRun
from tests.simulation.model import check_chain
from tests.simulation.plans import Planner
from tests.simulation.ports import OURS, FaultyBlobs, FaultyStore, FaultyWaker, MemoryBlobs, SkewedClock
from tests.simulation.rerun import check_program
from tests.simulation.scheduler import SECOND, Process, Scheduler, Violation
from tests.simulation.service import FaultyProvider, Service
from tests.simulation.stores import Even, sqlite
from tests.simulation.swarm import PROVIDERS, Growth, Lanes, Owners, draw_rates, draw_shape
from tests.simulation.words import legend

CHAOS = 900
"""Points of a run after which the faults end at the latest, unless people are still busy."""

EVEN_CHAOS = 250
"""The same for a run that is compared: Firestore's stand-in takes a hundred times as long as SQLite."""

BUSY = (PromptState.QUEUED, PromptState.CLAIMED, PromptState.ANSWERED)
"""Prompts that need nobody but their provider and us."""

CALM = 3600 * SECOND
"""Virtual time in which everything must have ended once the faults are off."""

SKEWS = (1, -1, 20, -20)
"""Seconds that a clock may be ahead."""

NAMES = Continuations(modules=("tests",), signing_key=OURS)


@dataclass(slots=True)
class Report:
    """What came of a seed.

    Attributes:
        violation: The first broken promise; None when all were kept.
        faults: How often each fault struck.
        paid: Answers on the bill of the service.
        ends: How everything ended: chains, prompts, runs of functions, and the bill; equal on every store.
        legend: What was drawn, in words.
        in_vain: Those of jobs that no batch wanted: somebody slept past his lease while he created one.
    """

    seed: int
    violation: Violation | None
    faults: Counter
    points: int
    chains: int
    prompts: int
    paid: int
    in_vain: int
    ends: dict = field(repr=False)
    legend: list = field(repr=False)
    trace: list = field(repr=False)
    names: dict = field(repr=False)


class DeployedFunctions:
    """The functions by name, without those, and those versions, that the present deploy lacks."""

    def __init__(self, world):
        self._world = world

    def __getattr__(self, name):
        return getattr(NAMES, name)

    def resolve(self, name):
        """The function, if the present deploy has it."""
        if name in self._world.missing:
            raise UnresolvedError(f"the present deploy has no {name!r}")
        return NAMES.resolve(name)

    def resolve_chain(self, name):
        """The async function of that name and version, if the present deploy has it."""
        if name in self._world.missing:
            raise UnresolvedError(f"the present deploy has no {name!r}")
        return NAMES.resolve_chain(name)


class World:
    """Everything that exists under one seed.

    Args:
        open_store: Opens the real store on a clock; SQLite in memory by default.
        even: Whether the run must be the same on every store.
    """

    def __init__(self, seed, open_store=None, *, even=False, grows=None, owned=True, lanes=None):
        self.seed = seed
        self.growth = Growth(seed, grows)
        self.owners = Owners(seed, wanted=owned)
        self.random = Random(seed)
        self.rates = draw_rates(self.random)
        self.lanes = Lanes(seed, wanted=False if even else lanes)
        self.growth.add_to(self.rates)
        self.shape = draw_shape(self.random, self.rates)
        if even:  # which of the ready prompts goes into a batch is the store's choice: so all do
            settings = self.shape.settings.changed(max_batch_requests=100, group=50)
            self.shape = replace(self.shape, settings=settings, page=5_000, job_requests=100)
        self.chaos = EVEN_CHAOS if even else CHAOS
        self.plan = Planner(
            self.random, only_async=self.rates.theme == "programs", alike=self.growth.share == 1
        ).draw()
        self.shape.settings = self.lanes.settings(self.shape.settings)
        for node in self.plan.nodes.values():
            if node.model and self.lanes.share:
                node.model, node.sent = self.lanes.model(node.model), self.lanes.of_prompt()
        self.scheduler = Scheduler(self.random, self.rates)
        self.checker = Checker(self)
        clock = SimpleNamespace(now=self.scheduler.time)
        self.opened = [(open_store or sqlite)(clock)]
        self.even = even
        self.store = Even(self.opened[0], clock) if even else self.opened[0]
        self.files = MemoryBlobs()
        self.service = Service(self)
        self.requests = Requests(self)
        self.hints, self.resting = [], []
        self.missing = {users.ANEW}
        self.runs, self.declared = {}, {}
        self.met, self.said, self.rerun = {}, set(), None
        self.diligent = self.random.random() < 0.3
        self.faults = Counter()

    def strikes(self, fault):
        """Whether a fault happens now."""
        rate = getattr(self.rates, fault)
        if not rate or self.scheduler.calm or self.random.random() >= rate:
            return False
        self.faults[fault] += 1
        return True

    def handle(self):
        """The store as another process opens it: what one remembers of it, the others do not."""
        another = getattr(self.opened[0], "another", None)
        if another is None:
            return CheckedStore(self.store, self.checker)
        self.opened.append(another())
        clock = SimpleNamespace(now=self.scheduler.time)
        return CheckedStore(Even(self.opened[-1], clock) if self.even else self.opened[-1], self.checker)

    def stall(self):
        """A moment at which a process may fall asleep."""
        if self.strikes("stall"):
            ticks = int(self.random.random() * self.rates.longest_delay * SECOND)
            self.scheduler.note("stall", ticks / SECOND)
            self.faults["lease_outlived"] += ticks > self.shape.settings.lease * SECOND
            self.scheduler.sleep(ticks)

    def oversleep(self):
        """A rare moment at which a lease matters: where processes fall asleep at all, they do so here."""
        if self.rates.stall and self.random.random() < 0.5:
            ticks = int(3 * self.random.random() * self.shape.settings.lease * SECOND)
            self.scheduler.note("stall", ticks / SECOND)
            self.faults["lease_outlived"] += ticks > self.shape.settings.lease * SECOND
            self.scheduler.sleep(ticks)

    def node_of(self, prompt):
        """The node of the plan that a prompt stands for."""
        found = json.loads(prompt.params if prompt.labels is None else prompt.labels)
        return self.plan.nodes[found["node"]]

    def name_of(self, prompt):
        """What a reader is told of a prompt: its node, or its place in a program."""
        if not prompt.durable:
            return self.node_of(prompt).id
        chain = self.checker.chains.get(prompt.chain_id)
        program = "" if chain is None else json.loads(chain.args)["params"]["program"]
        return f"{program}@{prompt.path}"

    def meet(self, chain_id, place, value):
        """A program met an outcome at one of its places."""
        if self.rerun is None:
            self.met.setdefault((chain_id, place), {})[repr(programs.plain_all(value))] = value

    def variant(self, chain_id, place, text):
        """The text of an awaited prompt: as it is recorded, unless the program is fickle just now."""
        if self.rerun is None and self.strikes("callback_fickle"):
            return f"{text} ~{self.random.randrange(3)}"
        recorded = self.checker.texts.get(identity.placed_id("p", chain_id, place), text)
        return recorded if recorded.startswith(f"{text} ~") else text

    def process(self, name, body, *, owner="", serves=None, **more):
        """A process with ports of its own.

        Args:
            name: Its name.
            body: What it runs.
            owner: To whom the chains belong that it starts.
            serves: Whose work it does; None for everyone's.
            **more: Further fields of the process.
        """
        skew = self.random.choice(SKEWS) * SECOND if self.strikes("clock_skewed") else 0
        process = Process(name, body, skew, serves=serves, **more)
        process.wake_at = int(self.random.random() * 5 * SECOND)
        process.runtime = Runtime(
            settings=self.shape.settings,
            store=FaultyStore(self),
            blobs=FaultyBlobs(self),
            providers=Providers({name: partial(FaultyProvider, self, name) for name in PROVIDERS}, _choose),
            waker=FaultyWaker(self),
            clock=SkewedClock(self, process),
            continuations=DeployedFunctions(self),
            owner=owner,
        )
        return self.scheduler.spawn(process)

    def performance(self, batch):
        """Single requests of a batch, on their way."""
        return SimulatedRun(self, batch)

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
            for store in self.opened:
                store.close()
        return self._report(None)

    def _report(self, violation):
        scheduler, checker = self.scheduler, self.checker
        names = {prompt.id: self.name_of(prompt) for prompt in checker.prompts.values()}
        self.faults["crash"] = sum(each.name == "CRASH" for each in scheduler.events)
        self.faults["stop"] = sum(each.name == "STOP" for each in scheduler.events)
        self.faults["late_create"] = checker.late.total()
        self.faults["delay"] = sum(each.name == "wait" for each in scheduler.events)
        jobs = {each.job for each in checker.batches.values()}
        vain = sum(len(each.charged) for each in self.service.jobs if each.name not in jobs)
        return Report(
            seed=self.seed,
            violation=violation,
            faults=self.faults,
            points=scheduler.points,
            chains=len(checker.chains),
            prompts=len(checker.prompts),
            paid=sum(len(each.charged) for each in self.service.jobs),
            in_vain=vain,
            ends=self._ends(),
            legend=legend(self),
            trace=scheduler.events,
            names=names,
        )

    def _ends(self):
        checker = self.checker
        return {
            "chains": {
                each.id: (each.state, each.result, each.failure and each.failure.reason)
                for each in checker.chains.values()
            },
            "prompts": {
                each.id: (each.progress.state, each.progress.attempt, each.progress.result)
                for each in checker.prompts.values()
            },
            "effects": dict(self.runs),
            "bill": Counter(name for job in self.service.jobs for name in job.charged),
        }

    def _chaos(self):
        shape, pick = self.shape, self.random
        for number in range(shape.drivers):
            self.process(f"driver{number}", engines.driver(self), serves=self.owners.of_process())
        for number in range(shape.functions or not shape.drivers):
            self.process(f"function{number}", engines.functions(self), serves=self.owners.of_process())
        roots = [each for each in (*self.plan.programs, *self.plan.bodies) if " " not in each]
        people = []
        for number in range(pick.choice((1, 2))):
            errands = users.draw_errands(pick, self.plan, sorted(roots))
            owner = self.owners.of_person()
            people.append(self.process(f"user{number}", users.user(self, errands), owner=owner))
        scheduler = self.scheduler
        scheduler.run(
            lambda: (
                scheduler.points > 4 * self.chaos
                or (
                    not any(each in scheduler.processes for each in people)
                    and (scheduler.points > self.chaos or (scheduler.now > 60 * SECOND and self._is_idle()))
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
        self.missing = {users.ANEW}
        for process in [*scheduler.processes]:
            process.again = False
            if self.random.random() < 0.5:
                scheduler.kill(process)
        last = self.process("last", engines.driver(self), mortal=False)
        self._wait_for_all_but_the_one_that_is_down()
        ends_at = scheduler.now + CALM
        for _ in range(60):
            scheduler.run(lambda: self._is_over(ends_at))
            if not self._attend(last):
                return
        raise Violation("everything ends", "prompts are parked again and again")

    def _wait_for_all_but_the_one_that_is_down(self):
        """One provider that cannot be reached holds up no prompt of another."""
        if self.lanes.down is None:
            return
        ends_at = self.scheduler.now + CALM

        def left():
            return [
                (each.id, each.progress.state)
                for each in self.checker.prompts.values()
                if each.progress.state in BUSY and each.provider != self.lanes.down
            ]

        self.scheduler.run(lambda: not left() or self.scheduler.now > ends_at)
        self._demand(not left(), "one provider that is down holds up no other", left())
        self.lanes.down = None

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

    def _attend(self, last):
        """A person sends back what is parked, perhaps what failed, and answers what waits for a word."""
        parked = self.store.list_prompts(state=PromptState.PARKED)
        waiting = [each for each in self.store.list_prompts(state=PromptState.WAITING) if each.kind == "wait"]
        failed = [each.id for each in self.checker.chains.values() if each.state is ChainState.FAILED]
        failed = failed if self.diligent else []
        self.diligent = False

        def work(_):
            self.missing.clear()
            retry_prompts(last.runtime, parked)
            for chain_id in failed:
                gemchain.Chain(chain_id).retry()
            for each in waiting:
                users.resume(self, each)

        if parked or waiting or failed:
            person = Process("operator", work, again=False)
            person.runtime = last.runtime
            self.scheduler.spawn(person)
            self.scheduler.run(lambda: person not in self.scheduler.processes)
        return bool(parked or waiting or failed)

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
            check = check_program if "@" in chain.function else check_chain
            check(self, chain, families.get(chain.id, []))
        self._check_tally(prompts, chains)
        self._check_bill()

    def _check_bill(self):
        for job in self.service.jobs:
            if job.ready_at <= self.scheduler.now:
                self.service.report(job)
        self.checker.check_bill(self.service.jobs)
        twice = [each for each, count in self.requests.asked.items() if count > 1]
        self._demand(not twice, "a performer asks each prompt once", twice)

    def _check_tally(self, prompts, chains):
        counters = self.store.counters()
        counted = Counter(each.progress.state for each in prompts.values())
        self._demand(
            Counter(counters.prompts) == counted, "the counters are right", (counters.prompts, counted)
        )
        counted = Counter(each.state for each in chains.values())
        self._demand(
            Counter(counters.chains) == counted, "the counters are right", (counters.chains, counted)
        )
        spent = sum(each.progress.usage.prompt_tokens for each in prompts.values())
        self._demand(counters.usage.prompt_tokens == spent, "the counters are right", (counters.usage, spent))
        for owner in self.store.owners():
            mine = self.store.owned_by({owner}).counters()
            counted = Counter(each.progress.state for each in prompts.values() if each.owner == owner)
            self._demand(
                Counter(mine.prompts) == counted, "the counters of an owner are right", (owner, mine, counted)
            )
            counted = Counter(each.state for each in chains.values() if each.owner == owner)
            self._demand(
                Counter(mine.chains) == counted, "the counters of an owner are right", (owner, mine, counted)
            )

    @staticmethod
    def _demand(holds, rule, detail):
        if not holds:
            raise Violation(rule, str(detail))


def _choose(model):
    provider, _, name = model.partition("/")
    return provider, name


@contextmanager
def _seeded(world):
    """Ids that are random elsewhere come from the seed; what caches between processes is emptied."""
    dice = Random(world.seed * 2 + 1)
    secrets = SimpleNamespace(token_hex=lambda size: f"{dice.getrandbits(size * 8):0{size * 2}x}")
    unkeyed._asking.cache_clear()
    unkeyed._turns.cache_clear()
    callbacks.world = world
    before = runtime.install(None)
    with patch.object(identity, "secrets", secrets), patch.object(input_file, "PAGE", world.shape.page):
        try:
            yield
        finally:
            callbacks.world = None
            runtime.install(before)


def simulate(seed, open_store=None, *, even=False, grows=None, owned=True, lanes=None):
    """Run one seed.

    Args:
        seed: A whole number; the same number, the same run.
        open_store: Opens the store under test on the clock that it is given.
        even: Whether the run must be the same on every store; it is also shorter.
        grows: Whether output grows while jobs run; the seed decides when None.
        owned: False for a run without owners; the seed decides otherwise.
        lanes: Whether prompts are sent one at a time, too; the seed decides when None.
    """
    log = logging.getLogger("gemchain")
    before, log.disabled = log.disabled, True
    world = World(seed, open_store, even=even, grows=grows, owned=owned, lanes=lanes)
    try:
        with _seeded(world):
            return world.run()
    finally:
        log.disabled = before
