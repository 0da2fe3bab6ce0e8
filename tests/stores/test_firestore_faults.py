"""Calls of Firestore that fail, or whose reply is lost: nothing is doubled, lost, or half there."""

import threading
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from gemchain.errors import StoreConflictError, StoreUnavailableError
from gemchain.records import ChainMove, Move, Unit
from gemchain.records.states import BatchState, ChainState, PartState, PromptState
from gemchain.testing import VirtualClock
from tests import firestore_state
from tests.contracts.store_samples import APPLIED, CONFLICT, chain, ids, part

P, C = PromptState, ChainState
Code = grpc.StatusCode
LOST = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.ALREADY_EXISTS, Code.FAILED_PRECONDITION]
"""What a client sees whose reply was lost: the network's word, or the service's on its own repetition."""

FOREVER = 1_000


@pytest.fixture
def given(on_firestore):
    return on_firestore


@pytest.mark.parametrize("code", LOST)
class TestLostReplies:
    def test_of_a_start(self, given, faults, code):
        units = [given.start_unit(f"c{number}", f"p{number}") for number in range(5)]
        faults.fail("Commit", code, applied=True)
        assert given.store.commit(units) == [APPLIED] * 5
        assert given.store.counters().prompts == {P.QUEUED: 5}

    def test_of_callbacks(self, given, faults, code):
        prompts = given.claimed("p1", "p2")
        units = [
            replace(given.unit(each, P.DONE, f"{each.id}-child"), ending=given.end(each.chain_id))
            for each in prompts
        ]
        faults.fail("Commit", code, applied=True)
        assert given.store.commit(units) == [APPLIED, APPLIED]
        assert given.store.counters().prompts == {P.DONE: 2, P.QUEUED: 2}
        assert given.store.counters().chains == {C.DONE: 2}

    def test_of_an_ending(self, given, faults, code):
        given.start("c1")
        faults.fail("Commit", code, applied=True)
        assert given.store.commit([Unit("t", ending=given.end("c1"))]) == [APPLIED]
        assert given.store.counters().chains == {C.DONE: 1}

    def test_of_a_claim(self, given, faults, code):
        given.queue(*"abcde")
        batch = given.plan()
        faults.fail("Commit", code, applied=True)
        assert sorted(given.claim(batch)) == [*"abcde"]
        assert given.store.counters().prompts == {P.CLAIMED: 5}

    def test_of_a_plan(self, given, faults, code):
        faults.fail("Commit", code, applied=True)
        planned = given.plan()
        assert given.store.batches(["b1"]) == {"b1": planned}
        assert given.store.counters().batches == {BatchState.PLANNED: 1}

    def test_of_a_saved_batch(self, given, faults, code):
        batch = given.save(given.plan(), BatchState.WRITTEN, BatchState.SENT)
        faults.fail("Commit", code, applied=True)
        arrived = replace(batch, state=BatchState.ARRIVED)
        saved = given.store.save_batch(arrived, parts=[part("b1", 0), part("b1", 1)])
        assert given.store.batches(["b1"]) == {"b1": saved}
        assert len(given.store.open_parts("b1")) == 2
        assert given.store.counters().batches == {BatchState.ARRIVED: 1}

    def test_of_a_saved_part(self, given, faults, code):
        given.arrived(given.plan(), 1)
        (seen,) = given.store.open_parts()
        faults.fail("Commit", code, applied=True)
        saved = given.store.save_part(replace(seen, state=PartState.DONE))
        assert given.store.batch_parts("b1") == [saved]


@pytest.fixture
def between(given, monkeypatch):
    """Does something after the store has read and before its next commit is sent."""

    def between(something):
        connection = given.store._connection
        send = connection.commit

        def commit(writes):
            monkeypatch.setattr(connection, "commit", send)
            something()
            return send(writes)

        monkeypatch.setattr(connection, "commit", commit)

    return between


TRANSIENT = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.INTERNAL, Code.RESOURCE_EXHAUSTED]


@pytest.mark.parametrize("code", TRANSIENT)
class TestRefusedCalls:
    """The call did nothing, and works a little later."""

    def test_a_commit_is_sent_again(self, given, faults, code):
        units = [given.start_unit(f"c{number}", f"p{number}") for number in range(5)]
        faults.fail("Commit", code, times=2)
        assert given.store.commit(units) == [APPLIED] * 5
        assert given.store.counters().prompts == {P.QUEUED: 5}

    def test_a_claim_reads_and_tries_again(self, given, faults, code):
        given.queue(*"abcde")
        batch = given.plan()
        faults.fail("Commit", code, times=2)
        assert sorted(given.claim(batch)) == [*"abcde"]

    def test_a_batch_is_saved_again(self, given, faults, code):
        faults.fail("Commit", code, times=2)
        planned = given.plan()
        faults.fail("Commit", code, times=2)
        saved = given.store.save_batch(replace(planned, size=5))
        assert given.store.batches(["b1"]) == {"b1": saved}

    def test_reads_are_repeated(self, given, faults, code):
        (prompt,) = given.queue("p1")
        for method in ("BatchGetDocuments", "RunQuery", "RunAggregationQuery"):
            faults.fail(method, code, times=2)
        assert given.read("p1") == [prompt]
        assert given.store.list_prompts(state=P.QUEUED) == [prompt]
        assert given.store.queues()[0].ready == 1

    def test_what_stays_so_is_raised_and_nothing_is_half_there(self, given, faults, code):
        units = [given.start_unit(f"c{number}", f"p{number}") for number in range(5)]
        planned = given.plan()
        faults.fail("Commit", code, times=FOREVER)
        for call in (
            lambda: given.store.commit(units),
            lambda: given.plan("b2"),
            lambda: given.store.save_batch(replace(planned, size=1)),
        ):
            with pytest.raises(StoreUnavailableError):
                call()
        faults.clear()
        assert given.store.list_chains() == given.store.list_prompts(state=P.QUEUED) == []
        assert given.store.list_batches() == [planned]
        assert given.store.commit(units) == [APPLIED] * 5

    def test_a_claim_that_stays_refused_takes_nothing(self, given, faults, code):
        given.queue("p1")
        batch = given.plan()
        faults.fail("Commit", code, times=FOREVER)
        with pytest.raises(StoreUnavailableError):
            given.claim(batch)
        faults.clear()
        assert given.state("p1") is P.QUEUED
        assert given.claim(batch) == ["p1"]


class TestConflicts:
    def test_one_stale_prompt_among_hundreds_costs_a_few_calls(self, given, spent):
        names = [f"p{number:03d}" for number in range(400)]
        prompts = given.claimed(*names)
        given.move(prompts[123], P.ANSWERED)
        spent()
        verdicts = given.store.commit([given.unit(each, P.DONE, token=each.id) for each in prompts])
        assert [name for name, each in zip(names, verdicts, strict=True) if each is CONFLICT] == ["p123"]
        assert spent().round_trips <= 3

    def test_an_ending_whose_chain_moved_meanwhile_undoes_its_unit(self, given):
        (prompt,) = given.claimed("p1")
        (child,) = given.store.prompts(["p1"]).values()
        given.store.commit([Unit("t", ending=given.end("c-p1", C.FAILED))])
        given.store.commit([Unit("u", ending=ChainMove("c-p1", C.FAILED, C.RUNNING))])
        assert child == prompt
        # The chain runs again under another version, which the prompt cannot know: it is read then.
        unit = replace(given.unit(prompt, P.DONE), ending=given.end("c-p1", result="1"))
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.chains(["c-p1"])["c-p1"].result == "1"

    def test_a_descendant_ends_its_chain_without_reading_it(self, given, spent):
        (first,) = given.claimed("p1")
        given.move(first, P.DONE, "p2")
        given.claim(given.plan("b2"))
        (second,) = given.read("p2")
        spent()
        unit = replace(given.unit(second, P.DONE), ending=given.end("c-p1"))
        assert given.store.commit([unit]) == [APPLIED]
        assert (spent().reads, given.store.chains(["c-p1"])["c-p1"].state) == (0, C.DONE)

    def test_units_for_one_chain_document_conflict_without_a_visible_reason_only_if_there_is_one(self, given):
        made = [Unit(f"t{number}", chain(f"c{number}", given.clock.now())) for number in range(3)]
        assert given.store.commit(made) == [APPLIED] * 3
        again = [Unit(f"u{number}", chain(f"c{number}", given.clock.now())) for number in range(2, 5)]
        assert given.store.commit(again) == [CONFLICT, APPLIED, APPLIED]

    def test_many_marks_of_which_some_were_renewed_are_cleared_but_for_those(self, given):
        names = [f"p{number}" for number in range(5)]
        given.start("c1", *names)
        given.claim(given.plan())
        seen = [given.move(each, P.FAILED, unsettled=True) for each in given.read(*names)]
        given.move(given.move(seen[2], P.ANSWERED, unsettled=False), P.FAILED, unsettled=True)
        given.store.settle(seen)
        assert [each.progress.unsettled for each in given.read(*names)] == [False, False, True, False, False]


class TestClaimers:
    def test_two_that_read_the_same_page_share_it_without_loss(self, given, faults):
        names = sorted(f"p{number}" for number in range(30))
        given.queue(*names)
        batches = [given.plan("b1"), given.plan("b2")]
        taken = {}
        threads = [
            threading.Thread(target=lambda batch=each: taken.update({batch.id: given.claim(batch, limit=20)}))
            for each in batches
        ]
        with faults.paused("Commit"):
            for thread in threads:
                thread.start()
            faults.wait_for_paused(2)
        for thread in threads:
            thread.join()
        assert sorted(taken["b1"] + taken["b2"]) == names
        assert sorted(map(len, taken.values())) == [10, 20]
        for each in batches:
            assert sorted(ids(given.store.input_rows(each.id))) == sorted(taken[each.id])

    def test_a_claim_under_way_fails_as_a_whole_once_its_batch_is_taken_over(self, given, between):
        given.queue("p1", "p2")
        mine = given.plan()
        between(lambda: given.store.save_batch(replace(mine, fence=2)))
        with pytest.raises(StoreConflictError, match="taken over under fence 2"):
            given.claim(mine)
        assert given.store.counters().prompts == {P.QUEUED: 2}

    def test_a_longer_lease_in_the_middle_of_a_claim_does_not_stop_it(self, given, between):
        given.queue("p1", "p2")
        mine = given.plan()
        between(lambda: given.store.save_batch(replace(mine, size=7)))
        assert sorted(given.claim(mine)) == ["p1", "p2"]
        assert given.store.counters().prompts == {P.CLAIMED: 2}

    def test_a_prompt_that_is_cancelled_in_the_middle_of_a_claim_is_left_out(self, given, between):
        (cancelled, _) = given.queue("p1", "p2")
        mine = given.plan()
        between(lambda: given.move(cancelled, P.CANCELLED))
        assert given.claim(mine) == ["p2"]
        assert given.store.queues() == []

    def test_claims_that_always_lose_give_up_with_what_they_have(self, given, faults):
        given.queue("p1")
        batch = given.plan()
        faults.fail("Commit", Code.FAILED_PRECONDITION, times=FOREVER)
        with pytest.raises(StoreUnavailableError, match="contention on queue"):
            given.claim(batch)


class TestTime:
    def test_the_time_is_the_services_and_not_this_machines(self, given, faults, project, tmp_path):
        slow = VirtualClock(given.clock.now() - timedelta(hours=3))
        other = firestore_state.open_store(firestore_state.host(), project, str(tmp_path / "files"), slow)
        assert abs(other.now() - given.clock.now()) < timedelta(seconds=1)
        given.clock.advance(60)
        slow.advance(60)
        assert abs(other.now() - given.clock.now()) < timedelta(seconds=1)
        slow.advance(3600)  # asleep, while the service's clock went on otherwise
        other.prompts(["nobody"])
        assert abs(other.now() - given.clock.now()) < timedelta(seconds=1)
        other.close()

    def test_the_time_is_asked_for_when_no_reply_told_it_for_long(self, given, spent):
        given.store.now()
        spent()
        given.clock.advance(3_600)
        assert abs((given.store.now() - given.clock.now()).total_seconds()) < 1
        assert spent().round_trips == 1
        given.store.now()
        assert spent().round_trips == 0


def test_several_moves_of_one_unit_recover_together(given, faults):
    several = given.claimed("p1", "p2", "p3")
    unit = Unit("t", moves=tuple(Move(each, given.after(each, P.FAILED)) for each in several))
    faults.fail("Commit", Code.UNAVAILABLE, applied=True)
    assert given.store.commit([unit]) == [APPLIED]
    assert given.store.counters().prompts == {P.FAILED: 3}
