"""What `Store` promises of reading, counting and coming back.

Longer than 300 lines: all that reads is one contract.
"""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import reduce

import pytest

from gemchain.records import ChainMove, Progress, StepCount, Unit, Usage
from gemchain.records.identity import chain_id
from gemchain.records.states import PROMPT_MOVES, UNFINISHED_PROMPT, BatchState, ChainState, PromptState
from tests.contracts.store_samples import APPLIED, CONFLICT, ids, request_of

P, C, B = PromptState, ChainState, BatchState
SPENT = Usage(3, 1, 0.25, 0.5)


class ReadingContract:
    def test_ids_without_a_record_are_left_out(self, given):
        (prompt,) = given.queue("p1")
        assert given.store.prompts(["p1", "nobody"]) == {"p1": prompt}
        assert given.store.chains(["c-p1", "nobody"]).keys() == {"c-p1"}
        assert given.store.requests(["p1", "nobody"]) == {"p1": request_of("p1")}
        assert given.store.prompts([]) == given.store.chains([]) == given.store.batches([]) == {}

    def test_an_id_asked_for_twice_is_found_once(self, given):
        given.queue("p1")
        assert list(given.store.prompts(["p1", "p1"])) == ["p1"]

    def test_thousands_of_prompts_are_read_in_one_call(self, given):
        names = {f"p{n}" for n in range(3_000)}
        given.queue(*names)
        assert given.store.prompts(names).keys() == names
        assert given.store.requests(names).keys() == names

    def test_a_chain_gives_all_its_prompts_and_no_others(self, given):
        given.start("c1", *(f"p{n}" for n in range(1_200)))
        given.start("c2", "other")
        found = list(given.store.chain_prompts("c1"))
        assert {each.chain_id for each in found} == {"c1"}
        assert len({*ids(found)}) == len(found) == 1_200
        assert list(given.store.chain_prompts("nobody")) == []

    def test_a_chain_is_open_while_any_prompt_is(self, given):
        given.start("c1", "p1", "p2")
        given.claim(given.plan())
        one, two = given.read("p1", "p2")
        given.move(one, P.DONE)
        assert given.store.has_open("c1")
        parked = given.move(two, P.PARKED)
        assert given.store.has_open("c1")
        given.move(parked, P.CANCELLED)
        assert not given.store.has_open("c1")

    def test_a_child_keeps_its_chain_open(self, given):
        (before,) = given.claimed("p1")
        given.move(before, P.DONE, "p2")
        assert given.store.has_open("c-p1")

    def test_failed_prompts_do_not_keep_a_chain_open_until_sent_back(self, given):
        (before,) = given.claimed("p1")
        failed = given.move(before, P.FAILED)
        assert not given.store.has_open("c-p1")
        given.move(failed, P.QUEUED)
        assert given.store.has_open("c-p1")

    def test_a_chain_without_prompts_or_an_unknown_one_is_not_open(self, given):
        given.start("c1")
        assert not given.store.has_open("c1")
        assert not given.store.has_open("nobody")

    def test_another_handle_sees_at_once_that_a_chain_is_open_no_more(self, given, elsewhere):
        (before,) = given.claimed("p1")
        other = elsewhere()
        assert other.has_open("c-p1")
        given.move(before, P.DONE)
        assert not other.has_open("c-p1")
        other.close()

    def test_chains_are_listed_page_by_page_each_once(self, given):
        for number in range(7):
            given.start(f"c{number}")
            given.clock.advance(1)
        pages, after = [], None
        while page := given.store.list_chains(limit=3, after=after):
            pages.append(ids(page))
            after = page[-1].id
        assert [len(page) for page in pages] == [3, 3, 1]
        listed = [each for page in pages for each in page]
        assert listed in (sorted(listed), sorted(listed, reverse=True))
        assert len({*listed}) == 7

    def test_chains_are_listed_by_state(self, given):
        for name in ("c1", "c2", "c3"):
            given.start(name)
        given.store.commit([Unit("t", ending=given.end("c2"))])
        assert ids(given.store.list_chains(state=C.DONE)) == ["c2"]
        assert sorted(ids(given.store.list_chains(state=C.RUNNING))) == ["c1", "c3"]
        assert given.store.list_chains(state=C.FAILED) == []

    def test_prompts_are_listed_by_state(self, given):
        moves = {"failed": P.FAILED, "parked": P.PARKED, "done": P.DONE, "answered": P.ANSWERED}
        claimed = given.claimed(*moves, "gone", "claimed")
        for prompt in claimed[:-1]:
            given.move(prompt, moves.get(prompt.id, P.CANCELLED))
        given.queue("queued")
        expected = {**{state: name for name, state in moves.items()}, P.CANCELLED: "gone"}
        expected |= {P.CLAIMED: "claimed", P.QUEUED: "queued", P.WAITING: "waiting"}
        given.start("c1", "waiting", kind="wait", progress=Progress(P.WAITING))
        assert {state: ids(given.store.list_prompts(state=state)) for state in P} == {
            state: [name] for state, name in expected.items()
        }

    def test_no_more_prompts_are_listed_than_asked_for(self, given):
        given.queue(*"abcde")
        assert len(given.store.list_prompts(state=P.QUEUED, limit=3)) == 3

    def test_ids_are_found_by_their_beginning(self, given):
        given.start("xa1", "xa2", "xb1")
        given.plan("xa3")
        assert sorted(given.store.find_ids("xa")) == ["xa1", "xa2", "xa3"]
        assert given.store.find_ids("xb1") == ["xb1"]
        assert given.store.find_ids("nobody") == []
        assert len(given.store.find_ids("x", limit=2)) == 2

    def test_chains_are_found_by_their_whole_key(self, given):
        one, two, other = (chain_id(*each) for each in (("m:f", "17"), ("m:g", "17"), ("m:f", "170")))
        for number, (identity, name, key) in enumerate(
            [(one, "m:f", "17"), (two, "m:g@2", "17"), (other, "m:f", "170")]
        ):
            given.start(identity, f"p{number}", chain_fields={"function": name, "key": key})
        given.start("c-without", "p9")
        # An async chain's version is no part of what its key belongs to.
        assert sorted(given.store.find_key("17")) == sorted([one, two])
        assert given.store.find_key("170") == [other]
        assert len(given.store.find_key("17", limit=1)) == 1
        assert given.store.find_key("1") == given.store.find_key("%") == given.store.find_key("") == []

    def test_a_beginning_is_taken_letter_by_letter(self, given):
        given.start("c%_", "p*", "p?", "P?")
        assert given.store.find_ids("%") == given.store.find_ids("_") == given.store.find_ids("'") == []
        assert given.store.find_ids("c%") == ["c%_"]
        assert given.store.find_ids("p?") == ["p?"]

    def test_the_stores_time_is_aware_of_its_zone(self, given):
        assert given.store.now().utcoffset() is not None


class TallyContract:
    def test_an_empty_store_tallies_nothing(self, given):
        counters = given.store.counters()
        assert not any([*counters.prompts.values(), *counters.chains.values(), *counters.batches.values()])
        assert counters.usage == Usage()

    def test_a_tally_counts_every_kind_of_record(self, given):
        one, two, _ = given.claimed("p1", "p2", "p3")
        given.store.commit([replace(given.unit(one, P.DONE, "p4"), ending=given.end("c-p2"))])
        given.move(two, P.PARKED)
        given.save(given.plan("b2"), B.CLOSED)
        counters = given.store.counters()
        assert counters.prompts == {P.DONE: 1, P.PARKED: 1, P.CLAIMED: 1, P.QUEUED: 1}
        assert counters.chains == {C.RUNNING: 2, C.DONE: 1}
        assert counters.batches == {B.PLANNED: 1, B.CLOSED: 1}

    def test_usage_adds_up_over_all_attempts_once(self, given):
        one, two = given.claimed("p1", "p2")
        retried = given.move(one, P.ANSWERED, usage=Usage(10, 5, 0.25, 0.5))
        given.move(retried, P.DONE, usage=Usage(30, 6, 0.75, 1.5))
        given.move(two, P.FAILED, usage=Usage(1, 0, 0.5, 1.0))
        assert given.store.counters().usage == Usage(31, 6, 1.25, 2.5)

    def test_conflicting_units_do_not_count(self, given):
        fresh, stale = given.claimed("p1", "p2")
        given.move(stale, P.DONE)
        counters = given.store.counters()
        moved = given.unit(stale, P.FAILED, token="late", usage=Usage(9, 9, 9.0, 9.0))
        given.store.commit([moved, given.unit(fresh, P.DONE)])
        steps = {"(result)": StepCount(2, 2)}
        assert given.store.counters() == replace(counters, prompts={P.DONE: 2}, steps=steps)

    @pytest.mark.parametrize("seed", range(6))
    def test_tallies_queues_and_open_chains_follow_any_sequence_of_moves(self, given, seed):
        wanderer = Wanderer(given, random.Random(seed))
        for _ in range(25):
            wanderer.wander()
            wanderer.compare()


class Wanderer:
    """Moves prompts at random, and compares what the store has counted with what it keeps."""

    def __init__(self, given, dice: random.Random) -> None:
        self.given = given
        self.dice = dice
        self.names: list[str] = []
        self.chains: list[str] = []
        self.batches = 0

    def wander(self) -> None:
        self.dice.choice([self.start, self.claim, self.commit, self.commit, self.wait])()

    def start(self) -> None:
        chain_id = f"c{len(self.chains)}"
        new = [f"{chain_id}-p{n}" for n in range(self.dice.randint(0, 4))]
        fields = {"size": self.dice.randint(1, 99), "priority": self.dice.randint(-1, 1)}
        self.given.start(chain_id, *new, model=self.dice.choice(["one", "two"]), **fields)
        self.chains.append(chain_id)
        self.names += new

    def claim(self) -> None:
        self.batches += 1
        batch = self.given.plan(f"b{self.batches}", model=self.dice.choice(["one", "two"]))
        self.given.claim(batch, limit=self.dice.randint(1, 6), max_bytes=self.dice.randint(1, 300))

    def commit(self) -> None:
        """Some moves of the table, one of them stale, one with a child."""
        known = list(self.given.store.prompts(self.names).values())
        units = []
        for prompt in self.dice.sample(known, min(len(known), 4)):
            afters = sorted(PROMPT_MOVES[prompt.progress.state] - {P.CLAIMED})
            if afters:
                units.append(self.unit(prompt, self.dice.choice(afters)))
        verdicts = self.given.store.commit(units)
        for unit, verdict in zip(units, verdicts, strict=True):
            self.names += [each.prompt.id for each in unit.drafts if verdict is APPLIED]

    def unit(self, prompt, after):
        if self.dice.random() < 0.2:
            prompt = replace(prompt, version=prompt.version - 1)
        rest = self.given.clock.now() + timedelta(seconds=self.dice.randint(1, 9))
        fields = (
            {"not_before_at": rest} if after in {P.QUEUED, P.ANSWERED} and self.dice.random() < 0.5 else {}
        )
        children = [f"{prompt.id}.{self.dice.getrandbits(60)}"] if after is P.DONE else []
        return self.given.unit(prompt, after, *children, usage=prompt.progress.usage.plus(SPENT), **fields)

    def wait(self) -> None:
        self.given.clock.advance(self.dice.randint(1, 5))

    def compare(self) -> None:
        store, now = self.given.store, self.given.clock.now()
        known = list(store.prompts(self.names).values())
        counters = store.counters()
        assert counters.prompts == Counter(each.progress.state for each in known)
        assert counters.usage == reduce(Usage.plus, (each.progress.usage for each in known), Usage())
        waiting = [each for each in known if each.progress.state is P.QUEUED]
        resting = [each for each in waiting if (each.progress.not_before_at or now) > now]
        found = {each.queue: (each.ready + each.resting, each.resting, each.size) for each in store.queues()}
        assert found == {
            queue: (
                sum(each.queue == queue for each in waiting),
                sum(each.queue == queue for each in resting),
                sum(each.size for each in waiting if each.queue == queue),
            )
            for queue in {each.queue for each in waiting}
        }
        open_chains = {each.chain_id for each in known if each.progress.state in UNFINISHED_PROMPT}
        assert {each for each in self.chains if store.has_open(each)} == open_chains


class ReturnContract:
    """A store that is closed and opened again, and one that others hold open as well."""

    def test_another_handle_sees_every_record_as_it_is(self, given, elsewhere):
        one, two = given.claimed("p1", "p2")
        given.move(one, P.DONE, "p3", usage=Usage(1, 2, 0.5, 1.0))
        given.move(two, P.ANSWERED)
        given.arrived(given.plan("b2"), 2)
        other = elsewhere()
        for read in (
            lambda store: store.prompts(["p1", "p2", "p3"]),
            lambda store: store.chains(["c-p1", "c-p2"]),
            lambda store: store.requests(["p1", "p2", "p3"]),
            lambda store: store.counters(),
            lambda store: store.open_batches(),
            lambda store: store.batch_parts("b2"),
            lambda store: store.next_answer_at(),
        ):
            assert read(other) == read(given.store)
        other.close()

    def test_closing_keeps_the_records(self, given, elsewhere):
        prompts = given.claimed("p1", "p2")
        seen = given.store.counters()
        given.store.close()
        other = elsewhere()
        assert other.prompts(["p1", "p2"]) == {each.id: each for each in prompts}
        assert other.counters() == seen
        assert sorted(ids(other.input_rows("b1"))) == ["p1", "p2"]
        other.close()

    def test_a_handle_works_on_what_another_one_recorded(self, given, elsewhere):
        other = elsewhere()
        given.queue("p1")
        batch = other.plan(replace(given.plan("b1"), id="b2"))
        assert ids(other.claim(batch, limit=1, max_bytes=1000)) == ["p1"]
        given.move(given.read("p1")[0], P.DONE)
        assert other.counters().prompts == {P.DONE: 1}
        other.close()

    def test_a_call_repeated_by_another_handle_counts_as_applied(self, given, elsewhere):
        (before,) = given.claimed("p1")
        unit = given.unit(before, P.DONE, "p2")
        given.store.commit([unit])
        other = elsewhere()
        assert other.commit([unit]) == [APPLIED]
        assert other.commit([replace(unit, token="foreign")]) == [CONFLICT]
        other.close()


class JoinContract:
    """Prompts that send nothing: joins, which wait for branches, and waits for another chain's end."""

    def test_a_prompt_that_sends_nothing_is_in_no_queue(self, given):
        given.start("c1", "j1", kind="join", progress=Progress(P.WAITING))
        assert given.store.queues() == []
        assert given.claim(given.plan()) == []
        assert given.store.counters().prompts == {P.WAITING: 1}
        assert given.store.has_open("c1")

    def test_a_join_has_the_prompts_of_its_branches_and_no_others(self, given):
        given.start("c1", "p1", "p2", join_id="j1")
        given.start("c2", "p3", join_id="j2")
        given.start("c3", "p4")
        assert sorted(ids(given.store.chain_prompts("j1"))) == ["p1", "p2"]
        assert ids(given.store.chain_prompts("j2")) == ["p3"]
        assert list(given.store.chain_prompts("j9")) == []

    def test_a_join_is_open_while_any_prompt_of_its_branches_is(self, given):
        given.start("c1", "p1", "p2", join_id="j1")
        given.claim(given.plan())
        one, two = given.read("p1", "p2")
        given.move(one, P.DONE)
        assert given.store.has_open("j1")
        parked = given.move(two, P.PARKED)
        assert given.store.has_open("j1")
        answered = given.move(parked, P.ANSWERED)
        assert given.store.has_open("j1")
        given.move(answered, P.DONE)
        assert not given.store.has_open("j1")
        assert not given.store.has_open("j9")

    def test_a_branch_that_is_sent_again_opens_its_join_again(self, given):
        (prompt,) = given.claimed("p1", join_id="j1")
        failed = given.move(prompt, P.FAILED)
        assert not given.store.has_open("j1")
        given.move(failed, P.QUEUED)
        assert given.store.has_open("j1")
        given.claim(given.plan("b2"))
        assert given.store.has_open("j1")

    def test_a_wait_for_a_chain_ends_with_that_chain(self, given):
        given.start("c1")
        given.start("c2", "w1", kind="chain", key="c1", progress=Progress(P.WAITING))
        given.start("c3", "w2", kind="chain", key="c2", progress=Progress(P.WAITING))
        assert given.store.ended_waits(limit=10) == []
        given.store.commit([Unit("t", ending=given.end("c1", C.FAILED))])
        (found,) = given.store.ended_waits(limit=10)
        assert [found] == given.read("w1")
        given.move(found, P.DONE)
        assert given.store.ended_waits(limit=10) == []

    def test_a_wait_for_a_chain_that_is_not_there_is_over(self, given):
        given.start("c1", "w1", kind="chain", key="removed", progress=Progress(P.WAITING))
        assert given.store.ended_waits(limit=10) == given.read("w1")

    def test_who_looks_often_sees_each_wait_that_is_over_at_once(self, given):
        given.start("c1")
        given.start("c2", "p2")
        given.start("c3", "w1", kind="chain", key="c1", progress=Progress(P.WAITING))
        assert given.store.ended_waits(limit=10) == given.store.ended_waits(limit=10) == []
        given.store.commit([Unit("t", ending=given.end("c2", C.FAILED))])
        assert given.store.ended_waits(limit=10) == given.store.ended_waits(limit=10) == []
        given.start("c4", "w2", kind="chain", key="c2", progress=Progress(P.WAITING))
        assert given.store.ended_waits(limit=10) == given.store.ended_waits(limit=10) == given.read("w2")
        given.store.commit([Unit("u", ending=ChainMove("c2", C.FAILED, C.RUNNING))])
        assert given.store.ended_waits(limit=10) == []
        given.store.commit([Unit("v", ending=given.end("c1"))])
        assert given.store.ended_waits(limit=10) == given.read("w1")

    def test_a_person_is_not_waited_for_like_a_chain(self, given):
        given.start("c1")
        given.start("c2", "w1", kind="wait", key="c1", progress=Progress(P.WAITING))
        given.store.commit([Unit("t", ending=given.end("c1"))])
        assert given.store.ended_waits(limit=10) == []

    def test_no_more_waits_come_than_asked_for(self, given):
        given.start("c1")
        given.start("c2", "w1", "w2", "w3", kind="chain", key="c1", progress=Progress(P.WAITING))
        given.store.commit([Unit("t", ending=given.end("c1"))])
        assert len(given.store.ended_waits(limit=2)) == 2
