"""Stores against one model in memory: any sequence of calls leaves both with the same records.

The model knows nothing of rows, indexes or documents. A further store is one more entry in `SUBJECTS`.

Longer than 300 lines: the model, its rules and its strategies are one state machine of Hypothesis.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from gemchain.records import Batch, Chain, ChainMove, Draft, Failure, Move, Prompt, Unit, Verdict
from gemchain.records.identity import child_id
from gemchain.records.states import (
    CHAIN_MOVES,
    PROMPT_MOVES,
    UNFINISHED_PROMPT,
    BatchState,
    ChainState,
    PromptState,
)
from gemchain.stores.sqlite import MEMORY, SqliteStore
from gemchain.testing import VirtualClock
from tests import firestore_state
from tests.support.fuzzing import MORE

P = PromptState
MODELS = ("one", "two")
ENOUGH = 1 << 30
PICK = st.integers(0, 50)
OLD = st.sampled_from([False, False, False, True])
"""Whether a record is taken as it once was read."""


@dataclass
class Model:
    """What a store must hold. Records are kept without their versions, which belong to the store."""

    prompts: dict = field(default_factory=dict)
    changes: Counter = field(default_factory=Counter)
    chains: dict = field(default_factory=dict)
    batches: dict = field(default_factory=dict)
    tokens: set = field(default_factory=set)

    def commit(self, unit, seen):
        """Apply a unit; `seen` says how often what it moves had changed when it was read."""
        if unit.token in self.tokens:
            return Verdict.APPLIED
        fresh = all(seen[move.prompt.id] == self.changes[move.prompt.id] for move in unit.moves)
        born = unit.chain is None or unit.chain.id not in self.chains
        ending = unit.ending
        there = ending is None or self.chains[ending.chain_id].state is ending.before
        if ending is not None and ending.version is not None:
            fresh = fresh and seen[ending.chain_id] == self.changes[ending.chain_id]
        if not (fresh and born and there):
            return Verdict.CONFLICT
        self._apply(unit)
        return Verdict.APPLIED

    def _apply(self, unit):
        self.tokens.add(unit.token)
        for move in unit.moves:
            self.prompts[move.prompt.id] = replace(self.prompts[move.prompt.id], progress=move.after)
            self.changes[move.prompt.id] += 1
        for draft in unit.drafts:
            self.prompts[draft.prompt.id] = draft.prompt
        if unit.chain is not None:
            self.chains[unit.chain.id] = replace(unit.chain, token=unit.token)
        if unit.ending is not None:
            chain, ending = self.chains[unit.ending.chain_id], unit.ending
            self.changes[chain.id] += 1
            self.chains[chain.id] = replace(
                chain,
                state=ending.after,
                result=ending.result,
                failure=ending.failure,
                ended_at=ending.ended_at,
            )

    def ready(self, queue, now):
        """The prompts that may be claimed, first things first where the contract says so."""
        found = [
            each
            for each in self.prompts.values()
            if each.progress.state is P.QUEUED
            and each.queue == queue
            and (each.progress.not_before_at is None or each.progress.not_before_at <= now)
        ]
        return sorted(found, key=lambda each: -each.priority)

    def claim(self, prompt_id, batch_id, now):
        """Move a prompt as a claim does."""
        prompt = self.prompts[prompt_id]
        after = replace(
            prompt.progress, state=P.CLAIMED, batch_id=batch_id, not_before_at=None, claimed_at=now
        )
        self.prompts[prompt_id] = replace(prompt, progress=after)
        self.changes[prompt_id] += 1

    def of_chain(self, chain_id):
        """The prompts of a chain."""
        return [each for each in self.prompts.values() if each.chain_id == chain_id]


def bare(prompt):
    """A prompt without its version."""
    return replace(prompt, version=0)


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of commits, claims and repetitions, also with records that are old by now."""

    open_store = None
    sent = Bundle("sent")
    """Units that were committed, or tried, each with what was known of its prompts."""

    def __init__(self):
        super().__init__()
        self.clock = VirtualClock()
        self.store = type(self).open_store(self.clock)
        self.model = Model()
        self.numbers = count()
        self.reads = {}
        self.chains_read = {}

    def teardown(self):
        self.store.close()

    # What happens

    @rule(seconds=st.sampled_from([0.001, 1, 40]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(children=st.integers(1, 3), model=st.sampled_from(MODELS), priority=st.integers(-1, 1))
    def a_chain_is_born(self, children, model, priority):
        number = next(self.numbers)
        chain = Chain(id=f"c{number:030x}", function="m:f", created_at=self.clock.now())
        drafts = self._drafts(chain.id, None, children, model, priority)
        self._commit([(Unit(token=f"u{number}", chain=chain, drafts=drafts), {})])

    @rule(target=sent, pick=PICK, state=PICK, children=st.integers(0, 2), old=OLD, rests=st.booleans())
    def a_prompt_is_moved(self, pick, state, children, old, rests):
        known = self._pick(pick, old=old)
        states = sorted(PROMPT_MOVES[known[0].progress.state]) if known else []
        if not states:
            return multiple()
        chosen = states[state % len(states)]
        entry = self._move(known, chosen, children if chosen is P.DONE else 0, rests=rests)
        self._commit([entry])
        return entry

    @rule(picks=st.lists(PICK, min_size=2, max_size=4), old=OLD)
    def several_are_moved_in_one_call(self, picks, old):
        entries = {}
        for known in filter(None, [self._pick(pick, old=old) for pick in picks]):
            if P.CANCELLED in PROMPT_MOVES[known[0].progress.state]:
                entries.setdefault(known[0].id, self._move(known, P.CANCELLED, 0, rests=False))
        if entries:
            self._commit(list(entries.values()))

    @rule(entry=sent)
    def a_unit_is_committed_again(self, entry):
        self._commit([entry])

    @rule(number=PICK, before=st.sampled_from(ChainState), pick=PICK, asks=st.booleans(), old=OLD)
    def a_chain_is_moved(self, number, before, pick, asks, old):
        names, states = sorted(self.model.chains), sorted(CHAIN_MOVES[before])
        if not names or not states:
            return
        chain, changes = self._read_chain(names[number % len(names)], old=old)
        after = states[pick % len(states)]
        ending = ChainMove(
            chain.id,
            before,
            after,
            result='"value"' if after is ChainState.DONE else None,
            failure=Failure("why", "because") if after is ChainState.FAILED else None,
            ended_at=None if after is ChainState.RUNNING else self.clock.now(),
            version=chain.version if asks and chain.state is before else None,
        )
        self._commit([(Unit(token=f"u{next(self.numbers)}", ending=ending), {chain.id: changes})])

    @rule(model=st.sampled_from(MODELS), limit=st.integers(1, 4))
    def a_batch_claims(self, model, limit):
        planned = Batch(
            id=f"b{next(self.numbers):030x}", provider="simulated", model=model, created_at=self.clock.now()
        )
        batch = self.store.plan(planned)
        ready = self.model.ready(batch.queue, self.clock.now())
        rows = self.store.claim(batch, limit=limit, max_bytes=ENOUGH)
        claimed = [self.model.prompts[row.prompt_id] for row in rows]
        assert len(claimed) == min(limit, len(ready))
        assert {each.id for each in claimed} <= {each.id for each in ready}
        assert sorted(-each.priority for each in claimed) == [-each.priority for each in ready[: len(rows)]]
        for prompt in claimed:
            self.model.claim(prompt.id, batch.id, self.clock.now())
        self.model.batches[batch.id] = batch

    @rule(target=sent, number=PICK, rests=st.booleans())
    def a_claimed_prompt_is_queued_again(self, number, rests):
        claimed = sorted(n for n, each in self.model.prompts.items() if each.progress.state is P.CLAIMED)
        if not claimed:
            return multiple()
        known = self._read(claimed[number % len(claimed)])
        entry = self._move(known, P.QUEUED, 0, rests=rests)
        self._commit([entry])
        return entry

    @rule(number=PICK)
    def a_batch_is_closed(self, number):
        planned = [each for each in self.model.batches.values() if each.state is BatchState.PLANNED]
        if planned:
            batch = planned[number % len(planned)]
            self.model.batches[batch.id] = self.store.save_batch(replace(batch, state=BatchState.CLOSED))

    @rule(number=PICK, old=st.booleans())
    def marks_are_cleared(self, number, old):
        known = self._pick(number, old=old)
        if known is None:
            return
        prompt, changes = known
        self.store.settle([prompt])
        if prompt.progress.unsettled and self.model.changes[prompt.id] == changes:
            settled = self.model.prompts[prompt.id]
            after = replace(settled.progress, unsettled=False)
            self.model.prompts[prompt.id] = replace(settled, progress=after)
            self.reads.pop(prompt.id)  # a store may give it another version

    # How

    def _drafts(self, chain_id, parent, children, model, priority):
        drafts = []
        for index in range(children):
            request = f'{{"contents":[{index}]}}'
            prompt = Prompt(
                id=child_id(parent.id if parent else chain_id, index),
                chain_id=chain_id,
                parent_id=parent.id if parent else None,
                path=f"0.{index}",
                provider="simulated",
                model=model,
                size=len(request),
                priority=priority,
                forked=children > 1,
                created_at=self.clock.now(),
            )
            drafts.append(Draft(prompt, request))
        return tuple(drafts)

    def _pick(self, number, *, old):
        """Some prompt: as it is now, or as it once was read. None while there is none."""
        names = sorted(self.model.prompts)
        if not names:
            return None
        name = names[number % len(names)]
        before = self.reads.get(name)
        return before if old and before else self._read(name)

    def _read(self, name):
        """A prompt as it is now, with the number of its changes; the first time, remembered for later."""
        known = self.store.prompts([name])[name], self.model.changes[name]
        self.reads.setdefault(name, known)
        return known

    def _move(self, known, state, children, *, rests):
        prompt, changes = known
        now = self.clock.now()
        after = replace(
            prompt.progress,
            state=state,
            batch_id=None if state is P.QUEUED else prompt.progress.batch_id,
            not_before_at=now + timedelta(seconds=30) if rests and state in (P.QUEUED, P.ANSWERED) else None,
            failure=Failure("why", "because") if state in (P.FAILED, P.PARKED) else None,
            unsettled=rests and state is P.FAILED,
        )
        drafts = self._drafts(prompt.chain_id, prompt, children, prompt.model, prompt.priority)
        unit = Unit(token=f"u{next(self.numbers)}", moves=(Move(prompt, after),), drafts=drafts)
        return unit, {prompt.id: changes}

    def _read_chain(self, name, *, old):
        """A chain, and how often it had moved when it was read: now, or the last time."""
        if not old or name not in self.chains_read:
            self.chains_read[name] = self.store.chains([name])[name], self.model.changes[name]
        return self.chains_read[name]

    def _commit(self, entries):
        expected = [self.model.commit(unit, seen) for unit, seen in entries]
        assert self.store.commit([unit for unit, _ in entries]) == expected

    # What must hold

    @invariant()
    def the_records_are_the_same(self):
        model, store = self.model, self.store
        assert {name: bare(prompt) for name, prompt in store.prompts(model.prompts).items()} == model.prompts
        chains = store.chains(model.chains)
        assert {name: replace(chain, version=0) for name, chain in chains.items()} == model.chains
        for name in model.chains:
            family = model.of_chain(name)
            assert {bare(each).id for each in store.chain_prompts(name)} == {each.id for each in family}
            open_prompts = any(each.progress.state in UNFINISHED_PROMPT for each in family)
            assert store.has_open(name) is open_prompts

    @invariant()
    def the_tally_is_true(self):
        counters, model = self.store.counters(), self.model
        assert Counter(counters.prompts) == Counter(each.progress.state for each in model.prompts.values())
        assert Counter(counters.chains) == Counter(each.state for each in model.chains.values())
        assert Counter(counters.batches) == Counter(each.state for each in model.batches.values())

    @invariant()
    def the_queues_are_true(self):
        now = self.clock.now()
        found = {each.queue: (each.ready, each.resting, each.size) for each in self.store.queues()}
        expected = {}
        for model in MODELS:
            queue = f"batch/simulated:{model}"
            waiting = [
                each
                for each in self.model.prompts.values()
                if each.progress.state is P.QUEUED and each.queue == queue
            ]
            ready = len(self.model.ready(queue, now))
            if waiting:
                expected[queue] = (ready, len(waiting) - ready, sum(each.size for each in waiting))
        assert found == expected

    @invariant()
    def what_is_due_is_found(self):
        now, prompts = self.clock.now(), self.model.prompts.values()
        answered = [each for each in prompts if each.progress.state is P.ANSWERED]
        due = {each.id for each in answered if (each.progress.not_before_at or now) <= now}
        assert {each.id for each in self.store.due_answers(limit=1_000)} == due
        assert (self.store.next_answer_at() is None) is (not answered)
        unsettled = {each.chain_id for each in prompts if each.progress.unsettled}
        assert set(self.store.unsettled_chains(limit=1_000)) == unsettled
        for batch_id in self.model.batches:
            held = {each.id for each in prompts if each.progress.batch_id == batch_id}
            claimed = {name for name in held if self.model.prompts[name].progress.state is P.CLAIMED}
            pages = self.store.members(batch_id, state=P.CLAIMED)
            assert {each.id for page in pages for each in page} == claimed
            assert {row.prompt_id for row in self.store.input_rows(batch_id)} == claimed


def on_sqlite(tmp_path_factory):
    return lambda clock: SqliteStore(MEMORY, clock)


def on_firestore(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("files"))

    def open_store(clock):
        firestore_state.TIME.clock = clock
        project = firestore_state.new_project()
        return firestore_state.open_store(firestore_state.host(), project, folder, clock)

    return open_store


SUBJECTS = {"sqlite": (on_sqlite, 200, 40), "firestore": (on_firestore, 12, 25)}
"""Each with how many sequences are tried, and how long they are."""


@pytest.mark.parametrize("subject", SUBJECTS)
def test_any_sequence_of_calls_leaves_the_store_as_the_model_says(subject, tmp_path_factory, monkeypatch):
    maker, examples, length = SUBJECTS[subject]
    if subject == "firestore":
        monkeypatch.setenv(firestore_state.HOST, firestore_state.host())
    opened = maker(tmp_path_factory)
    machine = type("Machine", (StoreMachine,), {"open_store": staticmethod(opened)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * max(1, MORE),
            stateful_step_count=length,
            suppress_health_check=list(HealthCheck),
        ),
    )
