"""What `Store` promises of prompts that are born CLAIMED, as members of a batch."""

from dataclasses import replace

import pytest

from gemchain.records import Batch, ChainMove, Draft, Progress, Unit
from gemchain.records.states import BatchState, ChainState, PromptState
from tests.contracts.store_samples import APPLIED, CONFLICT, Samples, chain, draft, ids, prompt, request_of

B, P = BatchState, PromptState


def born_into(unit: Unit, batch: Batch, given: Samples) -> Unit:
    """The unit, with all that it creates born into a batch."""
    progress = Progress(P.CLAIMED, batch_id=batch.id, claimed_at=given.clock.now())
    drafts = [Draft(replace(draft.prompt, progress=progress), draft.request) for draft in unit.drafts]
    return replace(unit, drafts=tuple(drafts))


def taken_over(given, batch):
    return given.store.save_batch(replace(batch, fence=batch.fence + 1))


def closed(given, batch):
    return given.save(batch, B.CLOSED)


class IntakeContract:
    @pytest.fixture
    def parents(self, given):
        return given.claimed("p1", "p2", "p3", batch="b0")

    def test_what_is_born_into_a_batch_is_its_member_and_in_no_queue(self, given, parents):
        batch = given.plan("b1")
        units = [born_into(given.unit(each, P.DONE, f"{each.id}-child"), batch, given) for each in parents]
        assert given.store.commit(units, into=[batch]) == [APPLIED] * 3
        names = [f"{each.id}-child" for each in parents]
        rows = sorted(given.store.input_rows("b1"))
        assert [(row.prompt_id, row.request) for row in rows] == [(name, request_of(name)) for name in names]
        assert [each.progress for each in given.read(*names)] == [units[0].drafts[0].prompt.progress] * 3
        assert sorted(ids(*given.store.members("b1", state=P.CLAIMED))) == names
        assert given.store.counters().prompts == {P.DONE: 3, P.CLAIMED: 3}
        assert given.store.queues() == []
        assert given.claim(given.plan("b2")) == []

    def test_what_was_born_into_a_batch_moves_like_what_it_claimed(self, given, parents):
        batch = given.plan("b1")
        unit = born_into(given.unit(parents[0], P.DONE, "child", "other"), batch, given)
        given.store.commit([unit], into=[batch])
        child, other = given.read("child", "other")
        given.move(child, P.DONE, "grandchild")
        again = given.move(other, P.QUEUED, attempt=2, batch_id=None, claimed_at=None)
        assert given.state("child") is P.DONE
        assert sorted(given.claim(given.plan("b2"))) == ["grandchild", "other"]
        assert again.progress.attempt == 2
        assert list(given.store.input_rows("b1")) == []

    def test_a_batch_claims_more_beside_what_is_born_into_it(self, given, parents):
        given.queue("waiting")
        batch = given.plan("b1")
        unit = born_into(given.unit(parents[0], P.DONE, "child"), batch, given)
        given.store.commit([unit], into=[batch])
        assert given.claim(batch) == ["waiting"]
        saved = given.save(batch, B.WRITTEN)
        assert sorted(ids(given.store.input_rows(saved.id))) == ["child", "waiting"]
        assert given.store.counters().prompts == {P.DONE: 1, P.CLAIMED: 4}

    @pytest.mark.parametrize("change", [taken_over, closed])
    def test_nothing_is_born_into_a_batch_that_its_holder_has_lost(self, given, parents, change):
        batch = given.plan("b1")
        change(given, batch)
        one, two = (
            born_into(given.unit(each, P.DONE, f"{each.id}-child"), batch, given) for each in parents[:2]
        )
        three = given.unit(parents[2], P.DONE, "p3-child")
        assert given.store.commit([one, two, three], into=[batch]) == [CONFLICT, CONFLICT, APPLIED]
        assert given.store.counters().prompts == {P.DONE: 1, P.CLAIMED: 2, P.QUEUED: 1}
        assert list(given.store.input_rows("b1")) == []
        assert given.read("p1", "p2") == list(parents[:2])
        again = given.unit(parents[0], P.DONE, "p1-child", token="again")
        assert given.store.commit([again]) == [APPLIED]

    def test_a_batch_that_was_never_planned_takes_nothing(self, given, parents):
        batch = replace(given.plan("b1"), id="b9")
        unit = born_into(given.unit(parents[0], P.DONE, "child"), batch, given)
        assert given.store.commit([unit], into=[batch]) == [CONFLICT]
        assert given.state("p1") is P.CLAIMED

    def test_a_lost_batch_bars_only_what_would_be_born_into_it(self, given, parents):
        lost, kept = given.plan("b1"), given.plan("b2")
        taken_over(given, lost)
        one = born_into(given.unit(parents[0], P.DONE, "p1-child"), lost, given)
        two = born_into(given.unit(parents[1], P.DONE, "p2-child"), kept, given)
        assert given.store.commit([one, two], into=[lost, kept]) == [CONFLICT, APPLIED]
        assert ids(given.store.input_rows("b2")) == ["p2-child"]

    def test_a_repeated_birth_counts_as_applied_wherever_the_batch_went(self, given, parents):
        batch = given.plan("b1")
        units = [born_into(given.unit(each, P.DONE, f"{each.id}-child"), batch, given) for each in parents]
        assert given.store.commit(units, into=[batch]) == [APPLIED] * 3
        taken_over(given, batch)
        assert given.store.commit(units, into=[batch]) == [APPLIED] * 3
        assert given.store.counters().prompts == {P.DONE: 3, P.CLAIMED: 3}

    def test_one_unit_may_fill_two_batches_and_a_queue(self, given, parents):
        one, two = given.plan("b1"), given.plan("b2")
        unit = given.unit(parents[0], P.DONE, "x", "y", "z")
        x, y, z = unit.drafts
        into_one = born_into(replace(unit, drafts=(x,)), one, given).drafts
        into_two = born_into(replace(unit, drafts=(y,)), two, given).drafts
        unit = replace(unit, drafts=(*into_one, *into_two, z))
        assert given.store.commit([unit], into=[one, two]) == [APPLIED]
        assert (ids(given.store.input_rows("b1")), ids(given.store.input_rows("b2"))) == (["x"], ["y"])
        assert [each.ready for each in given.store.queues()] == [1]


class RestartContract:
    """A chain whose start function raised has no prompts; a later run starts it again."""

    def failed(self, given):
        unit = Unit(
            "start c1", chain("c1", given.clock.now(), state=ChainState.FAILED, ended_at=given.clock.now())
        )
        assert given.store.commit([unit]) == [APPLIED]
        return given.store.chains(["c1"])["c1"]

    def again(self, given, before, name, token="again"):
        move = ChainMove("c1", ChainState.FAILED, ChainState.RUNNING, version=before.version)
        return Unit(token, drafts=(draft(prompt(name, "c1", given.clock.now())),), ending=move)

    def test_it_begins_anew_with_its_prompts_in_one_commit(self, given):
        before = self.failed(given)
        assert not given.store.has_open("c1")
        assert given.store.commit([self.again(given, before, "p1")]) == [APPLIED]
        after = given.store.chains(["c1"])["c1"]
        assert (after.state, after.failure, after.ended_at) == (ChainState.RUNNING, None, None)
        assert given.store.has_open("c1")
        assert given.claim(given.plan()) == ["p1"]

    def test_the_same_unit_again_changes_nothing(self, given):
        unit = self.again(given, self.failed(given), "p1")
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.counters().prompts == {PromptState.QUEUED: 1}
        assert given.store.counters().chains == {ChainState.RUNNING: 1}

    def test_of_two_runs_that_start_it_again_one_is_refused(self, given):
        before = self.failed(given)
        units = [self.again(given, before, "p1", "one"), self.again(given, before, "p2", "two")]
        assert [given.store.commit([each])[0] for each in units] == [APPLIED, CONFLICT]
        assert given.store.prompts(["p1", "p2"]).keys() == {"p1"}

    def test_it_ends_with_its_last_prompt(self, given):
        given.store.commit([self.again(given, self.failed(given), "p1")])
        given.claim(given.plan())
        (found,) = given.read("p1")
        unit = given.unit(found, PromptState.DONE)
        ended = Unit(unit.token, moves=unit.moves, ending=given.end("c1"))
        assert given.store.commit([ended]) == [APPLIED]
        assert given.store.chains(["c1"])["c1"].state is ChainState.DONE
        assert given.store.counters().chains == {ChainState.DONE: 1}
