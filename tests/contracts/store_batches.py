"""What `Store` promises of batches and their parts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.errors import MoveError, StoreConflictError
from gemchain.records import Batch, Failure, RowCounts, Usage
from gemchain.records.states import BatchState, PartState, PromptState
from tests.contracts.store_samples import MODEL, OUTPUT, PROVIDER, ids, part

B, P = BatchState, PromptState


class BatchContract:
    def test_a_planned_batch_is_stored_as_it_is_returned(self, given):
        planned = given.plan(leased_until_at=given.clock.now() + timedelta(seconds=120))
        assert given.store.batches(["b1", "nobody"]) == {"b1": planned}
        assert planned.state is B.PLANNED

    def test_a_batch_cannot_be_planned_twice(self, given):
        first = given.plan(model=MODEL)
        with pytest.raises(StoreConflictError, match="b1"):
            given.plan(model="other")
        assert given.store.batches(["b1"]) == {"b1": first}

    def test_a_saved_batch_is_stored_with_every_field(self, given):
        at = given.clock.now() + timedelta(microseconds=999_999)
        made = Batch(
            id="b1",
            lane="direct",
            provider=PROVIDER,
            model=MODEL,
            state=B.WRITTEN,
            created_at=at,
            fence=4,
            leased_until_at=at,
            requests=200_000,
            size=1 << 30,
            input_uri="gs://bucket/in.jsonl",
            job="projects/p/jobs/1",
            create_at=at,
            sent_at=at,
            poll_at=at,
            arrived_at=at,
            closed_at=at,
            output=(OUTPUT, OUTPUT._replace(generation=2)),
            parts=7,
            counts=RowCounts(*range(1, 10)),
            usage=Usage(1, 2, 0.125, 0.25),
            failure=Failure("job", "expired", retryable=True),
        )
        planned = given.store.plan(replace(made, state=B.PLANNED))
        saved = given.store.save_batch(replace(made, version=planned.version))
        assert given.store.batches(["b1"]) == {"b1": saved}
        assert replace(saved, version=0) == made

    def test_saving_gives_another_version(self, given):
        planned = given.plan()
        saved = given.store.save_batch(replace(planned, size=5))
        assert saved.version != planned.version
        assert saved == replace(planned, size=5, version=saved.version)

    def test_a_stale_batch_is_not_saved(self, given):
        planned = given.plan()
        given.store.save_batch(replace(planned, fence=2))
        with pytest.raises(StoreConflictError, match="b1"):
            given.store.save_batch(replace(planned, state=B.WRITTEN), parts=[part("b1", 0)])
        found = given.store.batches(["b1"])["b1"]
        assert (found.state, found.fence) == (B.PLANNED, 2)
        assert given.store.batch_parts("b1") == []

    def test_an_unknown_batch_is_not_saved(self, given):
        planned = given.plan()
        with pytest.raises(StoreConflictError, match="nobody"):
            given.store.save_batch(replace(planned, id="nobody"))

    def test_a_batch_moves_by_the_table_only(self, given):
        planned = given.plan()
        with pytest.raises(MoveError, match="from PLANNED to ARRIVED"):
            given.store.save_batch(replace(planned, state=B.ARRIVED), parts=[part("b1", 0)])
        assert given.store.batches(["b1"]) == {"b1": planned}
        assert given.store.batch_parts("b1") == []

    def test_open_batches_come_oldest_first(self, given):
        for number, states in enumerate(
            [(), (B.WRITTEN,), (B.WRITTEN, B.SENT), (B.WRITTEN, B.SENT, B.ARRIVED), (B.CLOSED,)]
        ):
            given.save(given.plan(f"b{9 - number}"), *states)
            given.clock.advance(1)
        given.save(given.plan("b4"), B.WRITTEN, B.FAILED)
        assert ids(given.store.open_batches()) == ["b9", "b8", "b7", "b6"]

    def test_batches_are_listed_newest_first(self, given):
        for name in ("b2", "b3", "b1"):
            given.plan(name)
            given.clock.advance(1)
        assert ids(given.store.list_batches()) == ["b1", "b3", "b2"]
        assert ids(given.store.list_batches(limit=2)) == ["b1", "b3"]

    def test_batches_are_listed_by_state(self, given):
        given.plan("b1")
        given.save(given.plan("b2"), B.CLOSED)
        assert ids(given.store.list_batches(state=B.CLOSED)) == ["b2"]
        assert given.store.list_batches(state=B.SENT) == []


class MemberContract:
    def test_members_are_the_prompts_of_a_batch_in_one_state(self, given):
        one, two, three = given.claimed("p1", "p2", "p3")
        given.move(one, P.DONE)
        given.move(two, P.ANSWERED)
        given.queue("p4")
        for state, name in ((P.DONE, one.id), (P.ANSWERED, two.id), (P.CLAIMED, three.id)):
            assert list(given.store.members("b1", state=state)) == [given.read(name)]
        assert list(given.store.members("b1", state=P.FAILED)) == []

    def test_an_unknown_batch_has_no_members(self, given):
        assert list(given.store.members("nobody", state=P.CLAIMED)) == []

    def test_failed_prompts_stay_members(self, given):
        (prompt,) = given.claimed("p1")
        given.move(prompt, P.FAILED)
        assert list(given.store.members("b1", state=P.FAILED)) == [given.read("p1")]

    def test_the_prompts_of_a_page_may_move_before_the_next_one_is_asked_for(self, given):
        names = [f"p{n:04d}" for n in range(2_300)]
        given.claimed(*names)
        seen, pages = [], 0
        for page in given.store.members("b1", state=P.CLAIMED):
            given.store.commit([given.unit(each, P.QUEUED, attempt=2) for each in page])
            seen += ids(page)
            pages += 1
        assert sorted(seen) == names
        assert pages > 1
        assert given.store.counters().prompts == {P.QUEUED: 2_300}

    def test_a_prompt_that_another_batch_holds_by_now_is_no_member(self, given):
        (prompt,) = given.claimed("p1", batch="b1")
        given.move(prompt, P.QUEUED, attempt=2)
        given.claim(given.plan("b2"))
        assert list(given.store.members("b1", state=P.CLAIMED)) == []
        assert list(given.store.members("b2", state=P.CLAIMED)) == [given.read("p1")]


class PartContract:
    def test_parts_are_recorded_with_their_batch(self, given):
        batch = given.arrived(given.plan(), 3)
        found = given.store.batch_parts("b1")
        assert [replace(each, version=0) for each in found] == [part("b1", index) for index in range(3)]
        assert given.store.open_parts("b1") == found
        assert given.store.batches(["b1"]) == {"b1": batch}

    def test_parts_come_in_order_however_many(self, given):
        given.arrived(given.plan(), 120)
        assert [each.index for each in given.store.batch_parts("b1")] == list(range(120))
        assert [each.index for each in given.store.open_parts()] == list(range(120))

    def test_parts_are_added_while_the_job_runs(self, given):
        sent = given.save(given.plan(), BatchState.WRITTEN, BatchState.SENT)
        first = given.store.save_batch(replace(sent, parts=1), parts=[part("b1", 0)])
        assert first.state is BatchState.SENT
        (waiting,) = given.store.open_parts("b1")
        done = given.store.save_part(replace(waiting, state=PartState.DONE))
        grown = given.store.save_batch(replace(first, parts=3), parts=[part("b1", 1), part("b1", 2)])
        assert given.store.batches(["b1"]) == {"b1": grown}
        assert [each.index for each in given.store.open_parts("b1")] == [1, 2]
        assert given.store.batch_parts("b1") == [done, *given.store.open_parts("b1")]

    def test_a_stale_batch_adds_no_parts(self, given):
        sent = given.save(given.plan(), BatchState.WRITTEN, BatchState.SENT)
        given.store.save_batch(replace(sent, parts=1), parts=[part("b1", 0)])
        with pytest.raises(StoreConflictError):
            given.store.save_batch(replace(sent, parts=2), parts=[part("b1", 0), part("b1", 1)])
        assert [each.index for each in given.store.batch_parts("b1")] == [0]

    def test_parts_that_are_done_are_not_open(self, given):
        given.arrived(given.plan(), 2)
        first, second = given.store.open_parts("b1")
        done = replace(first, state=PartState.DONE, counts=RowCounts(done=5), usage=Usage(3, 4, 0.5, 1.0))
        saved = given.store.save_part(done)
        assert replace(saved, version=done.version) == done
        assert given.store.open_parts() == [second]
        assert given.store.batch_parts("b1") == [saved, second]

    def test_open_parts_are_those_of_one_batch_or_of_all(self, given):
        given.arrived(given.plan("b1"), 1)
        given.arrived(given.plan("b2"), 2)
        assert len(given.store.open_parts("b1")) == 1
        assert len(given.store.open_parts("b2")) == 2
        assert len(given.store.open_parts()) == 3
        assert given.store.open_parts("nobody") == []

    def test_a_part_is_leased_by_one(self, given):
        given.arrived(given.plan(), 1)
        (seen,) = given.store.open_parts("b1")
        until = given.clock.now() + timedelta(seconds=120)
        mine = given.store.save_part(replace(seen, fence=1, leased_until_at=until))
        with pytest.raises(StoreConflictError, match="b1-00000"):
            given.store.save_part(replace(seen, fence=1, leased_until_at=until))
        assert given.store.batch_parts("b1") == [mine]

    def test_an_unknown_part_is_not_saved(self, given):
        with pytest.raises(StoreConflictError, match="nobody"):
            given.store.save_part(replace(part("b1", 0), id="nobody", version=1))

    def test_a_part_that_is_done_does_not_wait_again(self, given):
        given.arrived(given.plan(), 1)
        (seen,) = given.store.open_parts("b1")
        done = given.store.save_part(replace(seen, state=PartState.DONE))
        with pytest.raises(MoveError, match="part"):
            given.store.save_part(replace(done, state=PartState.WAITING))

    def test_parts_are_not_recorded_twice(self, given):
        batch = given.arrived(given.plan(), 2)
        with pytest.raises(StoreConflictError):
            given.store.save_batch(replace(batch, size=1), parts=[part("b1", 1), part("b1", 2)])
        assert len(given.store.batch_parts("b1")) == 2
        assert given.store.batches(["b1"]) == {"b1": batch}
