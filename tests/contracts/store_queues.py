"""What `Store` promises of claims, queues, retries and answers that wait.

Longer than 300 lines: claims and queues are one contract.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.errors import StoreConflictError
from gemchain.records import InputRow, Progress, Unit
from gemchain.records.states import BatchState, PromptState
from tests.contracts.store_samples import PROVIDER, QUEUE, SIZE, ids, request_of

P = PromptState


class ClaimContract:
    def test_a_claim_moves_prompts_and_returns_what_an_input_file_needs(self, given):
        given.queue("p1", request_hash="h1")
        batch = given.plan()
        given.clock.advance(5)
        rows = given.store.claim(batch, limit=10, max_bytes=1 << 20)
        assert rows == [InputRow("p1", request_of("p1"), "h1")]
        progress = given.read("p1")[0].progress
        assert (progress.state, progress.batch_id, progress.attempt) == (P.CLAIMED, "b1", 1)
        assert progress.claimed_at == given.clock.now()

    def test_an_empty_queue_gives_nothing(self, given):
        assert given.claim(given.plan()) == []

    def test_a_claim_takes_no_more_than_its_limit(self, given):
        given.queue(*"abcde")
        batch = given.plan()
        assert [len(given.claim(batch, limit=2)) for _ in range(4)] == [2, 2, 1, 0]

    def test_each_claim_takes_further_prompts_and_input_rows_has_them_all(self, given):
        given.queue(*"abcde")
        batch = given.plan()
        first, second = given.claim(batch, limit=2), given.claim(batch, limit=2)
        assert len({*first, *second}) == 4
        assert sorted(ids(given.store.input_rows("b1"))) == sorted(first + second)

    def test_input_rows_carry_requests_and_hashes(self, given):
        given.claimed("p1", request_hash="h1")
        assert list(given.store.input_rows("b1")) == [InputRow("p1", request_of("p1"), "h1")]

    def test_input_rows_leave_out_what_is_no_longer_claimed(self, given):
        one, _, _ = given.claimed("p1", "p2", "p3")
        given.move(one, P.CANCELLED)
        assert sorted(ids(given.store.input_rows("b1"))) == ["p2", "p3"]

    def test_input_rows_of_an_unknown_batch_are_none(self, given):
        assert list(given.store.input_rows("nobody")) == []

    def test_many_large_requests_come_as_input_rows_whole(self, given):
        given.start("c1", "small")
        big = [given.start_unit(f"big{n}", f"p{n}", size=3 << 20) for n in range(3)]
        units = [replace(each, drafts=(each.drafts[0]._replace(request="x" * (300 << 10)),)) for each in big]
        given.store.commit(units)
        given.claim(given.plan())
        assert sorted(ids(given.store.input_rows("b1"))) == ["p0", "p1", "p2", "small"]

    def test_whoever_waited_longest_goes_first(self, given):
        for name in ("first", "second", "third"):
            given.queue(name)
            given.clock.advance(1)
        assert given.claim(given.plan(), limit=2) == ["first", "second"]

    def test_higher_priority_goes_first(self, given):
        for name, priority in (("low", -9), ("usual", 0), ("high", 9), ("also high", 9)):
            given.queue(name, priority=priority)
            given.clock.advance(1)
        batch = given.plan()
        order = [name for _ in range(4) for name in given.claim(batch, limit=1)]
        assert order == ["high", "also high", "usual", "low"]

    def test_one_claim_reaches_over_several_priorities(self, given):
        for name, priority in (("low", -1), ("usual", 0), ("high", 1)):
            given.queue(name, priority=priority)
        assert given.claim(given.plan(), limit=2) == ["high", "usual"]

    def test_resting_prompts_are_left_until_their_time(self, given):
        (prompt,) = given.claimed("p1")
        until = given.clock.now() + timedelta(seconds=60)
        given.move(prompt, P.QUEUED, attempt=2, not_before_at=until)
        batch = given.plan("b2")
        given.clock.advance(59)
        assert given.claim(batch) == []
        given.clock.advance(1)
        assert given.claim(batch) == ["p1"]
        assert given.read("p1")[0].progress.attempt == 2

    def test_a_resting_prompt_does_not_hold_up_a_ready_one_of_lower_priority(self, given):
        (resting,) = given.claimed("resting", priority=9)
        given.move(resting, P.QUEUED, not_before_at=given.clock.now() + timedelta(hours=1))
        given.queue("ready", priority=-9)
        assert given.claim(given.plan("b2")) == ["ready"]

    def test_a_new_prompt_may_rest_too(self, given):
        unit = given.start_unit("c1", "p1")
        made = unit.drafts[0].prompt
        rest = replace(made.progress, not_before_at=given.clock.now() + timedelta(seconds=10))
        draft = unit.drafts[0]._replace(prompt=replace(made, progress=rest))
        given.store.commit([replace(unit, drafts=(draft,))])
        batch = given.plan()
        assert given.claim(batch) == []
        given.clock.advance(10)
        assert given.claim(batch) == ["p1"]

    def test_a_prompt_from_a_clock_that_runs_ahead_is_ready_all_the_same(self, given):
        unit = given.start_unit("c1", "p1")
        ahead = replace(unit.drafts[0].prompt, created_at=given.clock.now() + timedelta(hours=1))
        given.store.commit([replace(unit, drafts=(unit.drafts[0]._replace(prompt=ahead),))])
        assert given.claim(given.plan()) == ["p1"]

    def test_a_claim_stops_before_its_bytes_are_passed(self, given):
        given.queue(*"abcde")
        batch = given.plan()
        assert len(given.claim(batch, max_bytes=3 * SIZE + 1)) == 3
        assert len(given.claim(batch, max_bytes=2 * SIZE)) == 2

    def test_a_claim_takes_at_least_one_however_large(self, given):
        given.queue("a", "b", size=10_000)
        batch = given.plan()
        assert [len(given.claim(batch, max_bytes=10)) for _ in range(3)] == [1, 1, 0]

    def test_a_large_prompt_is_not_overtaken_by_small_ones_of_lower_priority(self, given):
        given.queue("a", priority=2)
        given.queue("large", priority=1, size=10_000)
        given.queue("small", priority=0)
        assert given.claim(given.plan(), max_bytes=1_000) == ["a"]

    def test_queues_do_not_mix(self, given):
        given.queue("p1")
        given.queue("p2", model="other")
        given.queue("p3", provider="other")
        given.queue("p4", lane="direct")
        assert given.claim(given.plan("b1")) == ["p1"]
        assert given.claim(given.plan("b2", model="other")) == ["p2"]
        assert given.claim(given.plan("b3", provider="other")) == ["p3"]
        assert given.claim(given.plan("b4", lane="direct")) == ["p4"]

    def test_a_batch_that_was_never_planned_claims_nothing(self, given):
        given.queue("p1")
        planned = given.plan()
        with pytest.raises(StoreConflictError, match="stranger"):
            given.claim(replace(planned, id="stranger"))
        assert given.state("p1") is P.QUEUED

    def test_a_batch_that_was_written_claims_no_more(self, given):
        batch = given.plan()
        given.save(batch, BatchState.WRITTEN)
        given.queue("p1")
        with pytest.raises(StoreConflictError, match="b1"):
            given.claim(batch)
        assert given.state("p1") is P.QUEUED

    def test_whoever_lost_the_lease_claims_no_more(self, given):
        given.queue("p1")
        mine = given.plan()
        theirs = given.store.save_batch(replace(mine, fence=mine.fence + 1))
        with pytest.raises(StoreConflictError, match="b1"):
            given.claim(mine)
        assert given.claim(theirs) == ["p1"]

    def test_a_longer_lease_under_the_same_fence_does_not_stop_a_claim(self, given):
        given.queue("p1", "p2")
        batch = given.plan()
        batch = given.store.save_batch(
            replace(batch, leased_until_at=given.clock.now() + timedelta(seconds=120))
        )
        assert sorted(given.claim(batch)) == ["p1", "p2"]

    def test_a_retried_prompt_is_claimed_by_another_batch(self, given):
        (prompt,) = given.claimed("p1")
        given.move(prompt, P.QUEUED, attempt=2)
        assert given.claim(given.plan("b2")) == ["p1"]
        progress = given.read("p1")[0].progress
        assert (progress.batch_id, progress.attempt) == ("b2", 2)
        assert list(given.store.input_rows("b1")) == []

    def test_a_parked_prompt_is_claimed_once_it_was_sent_back(self, given):
        (prompt,) = given.claimed("p1")
        parked = given.move(prompt, P.PARKED)
        assert given.claim(given.plan("b2")) == []
        given.move(parked, P.QUEUED)
        assert given.claim(given.plan("b3")) == ["p1"]


class QueueContract:
    def test_a_queue_tells_what_waits_in_it(self, given):
        given.queue("p1", "p2")
        given.clock.advance(7)
        given.queue("p3", size=50)
        (status,) = given.store.queues()
        assert (status.queue, status.ready, status.resting) == (QUEUE, 3, 0)
        assert status.size == 2 * SIZE + 50
        assert status.newest_at == given.clock.now()
        assert status.due_at is None

    def test_what_callbacks_add_is_not_the_newest(self, given):
        given.claimed("p1")
        added = given.clock.now()
        given.clock.advance(50)
        given.move(given.read("p1")[0], P.DONE, "p2")
        (status,) = given.store.queues()
        assert (status.ready, status.newest_at) == (1, added)

    def test_the_oldest_moment_is_that_of_the_longest_waiting_or_a_little_later(self, given):
        first = given.clock.now()
        given.queue("p1")
        given.clock.advance(100)
        given.queue("p2")
        (status,) = given.store.queues()
        assert first <= status.oldest_at <= first + timedelta(seconds=30)

    def test_resting_prompts_are_counted_apart_until_they_are_due(self, given):
        one, two, _ = given.claimed("p1", "p2", "p3")
        due = given.clock.now() + timedelta(seconds=10)
        given.move(one, P.QUEUED, not_before_at=due)
        given.move(two, P.QUEUED, not_before_at=due + timedelta(seconds=10))
        (status,) = given.store.queues()
        assert (status.ready, status.resting, status.due_at, status.oldest_at) == (0, 2, due, None)
        given.clock.advance(10)
        (status,) = given.store.queues()
        assert (status.ready, status.resting) == (1, 1)
        assert status.due_at == due + timedelta(seconds=10)
        assert status.oldest_at is not None

    def test_a_queue_without_waiting_prompts_is_not_listed(self, given):
        given.claimed("p1")
        assert given.store.queues() == []

    def test_every_queue_is_listed_by_itself(self, given):
        given.queue("p1")
        given.queue("p2", "p3", model="other")
        found = {status.queue: status.ready for status in given.store.queues()}
        assert found == {QUEUE: 1, f"batch/{PROVIDER}:other": 2}

    def test_a_cancelled_prompt_leaves_its_queue(self, given):
        one, _ = given.queue("p1", "p2")
        given.move(one, P.CANCELLED)
        (status,) = given.store.queues()
        assert (status.ready, status.size) == (1, SIZE)
        assert given.claim(given.plan()) == ["p2"]

    def test_a_retry_brings_a_prompt_back_into_its_queue(self, given):
        (prompt,) = given.claimed("p1", priority=3)
        given.clock.advance(60)
        given.move(prompt, P.QUEUED)
        (status,) = given.store.queues()
        assert (status.ready, status.size) == (1, SIZE)

    def test_overdue_are_the_queued_prompts_whose_deadline_passed(self, given):
        soon = given.clock.now() + timedelta(seconds=10)
        given.claimed("claimed", deadline_at=soon)
        given.queue("late", deadline_at=soon)
        given.queue("later", deadline_at=soon + timedelta(seconds=100))
        given.queue("never")
        assert given.store.overdue(limit=10) == []
        given.clock.advance(11)
        assert ids(given.store.overdue(limit=10)) == ["late"]
        given.clock.advance(100)
        assert len(given.store.overdue(limit=1)) == 1
        assert sorted(ids(given.store.overdue(limit=10))) == ["late", "later"]

    def test_a_wait_is_overdue_until_it_has_ended_and_a_retry_makes_it_so_again(self, given):
        soon = given.clock.now() + timedelta(seconds=10)
        waiting = Progress(P.WAITING)
        ended, _ = given.queue("ended", "waits", kind="wait", provider="", deadline_at=soon, progress=waiting)
        given.queue("patient", kind="wait", provider="", progress=waiting)
        assert given.store.overdue(limit=10) == []
        given.clock.advance(11)
        assert sorted(ids(given.store.overdue(limit=10))) == ["ended", "waits"]
        failed = given.move(ended, P.FAILED)
        assert ids(given.store.overdue(limit=10)) == ["waits"]
        given.move(failed, P.WAITING)
        assert sorted(ids(given.store.overdue(limit=10))) == ["ended", "waits"]

    def test_a_retried_prompt_is_overdue_again(self, given):
        (prompt,) = given.claimed("p1", deadline_at=given.clock.now() + timedelta(seconds=1))
        given.clock.advance(2)
        assert given.store.overdue(limit=10) == []
        given.move(prompt, P.QUEUED)
        assert ids(given.store.overdue(limit=10)) == ["p1"]


class AnswerContract:
    def test_an_answer_is_due_once_its_rest_is_over(self, given):
        (prompt,) = given.claimed("p1")
        due = given.clock.now() + timedelta(seconds=30)
        given.move(prompt, P.ANSWERED, not_before_at=due)
        assert given.store.due_answers(limit=10) == []
        assert given.store.next_answer_at() == due
        given.clock.advance(30)
        assert given.store.due_answers(limit=10) == given.read("p1")

    def test_an_answer_without_a_rest_is_due_at_once(self, given):
        (prompt,) = given.claimed("p1")
        given.move(prompt, P.ANSWERED)
        assert ids(given.store.due_answers(limit=10)) == ["p1"]
        assert given.store.next_answer_at() <= given.clock.now()

    @pytest.mark.parametrize("rest", [None, timedelta(seconds=5)])
    def test_since_when_an_answer_is_due_is_told_however_long_it_waits(self, given, rest):
        (prompt,) = given.claimed("p1")
        due = given.clock.now() + (rest or timedelta(0))
        given.move(prompt, P.ANSWERED, not_before_at=due if rest else None)
        given.clock.advance(3600)
        assert due <= given.store.next_answer_at() <= due + timedelta(seconds=1)

    def test_no_more_answers_come_than_asked_for(self, given):
        for prompt in given.claimed(*"abc"):
            given.move(prompt, P.ANSWERED)
        assert len(given.store.due_answers(limit=2)) == 2

    def test_the_next_answer_is_the_earliest(self, given):
        later, sooner = given.claimed("p1", "p2")
        now = given.clock.now()
        given.move(later, P.ANSWERED, not_before_at=now + timedelta(seconds=9))
        given.move(sooner, P.ANSWERED, not_before_at=now + timedelta(seconds=5))
        assert given.store.next_answer_at() == now + timedelta(seconds=5)

    def test_without_answers_there_is_no_next_one(self, given):
        (prompt,) = given.claimed("p1")
        assert given.store.next_answer_at() is None
        answered = given.move(prompt, P.ANSWERED)
        given.move(answered, P.DONE)
        assert given.store.next_answer_at() is None
        assert given.store.due_answers(limit=10) == []

    def test_an_answer_may_rest_again(self, given):
        (prompt,) = given.claimed("p1")
        answered = given.move(prompt, P.ANSWERED)
        until = given.clock.now() + timedelta(seconds=5)
        given.move(answered, P.ANSWERED, callback_attempts=1, not_before_at=until)
        assert given.store.due_answers(limit=10) == []
        assert given.store.next_answer_at() == until

    def test_marked_chains_are_unsettled_until_settled(self, given):
        for prompt in given.claimed("p1", "p2", "p3"):
            given.move(prompt, P.FAILED, unsettled=prompt.id != "p3")
        given.store.commit([Unit("t", ending=given.end("c-p1"))])
        assert sorted(given.store.unsettled_chains(limit=10)) == ["c-p1", "c-p2"]
        assert len(given.store.unsettled_chains(limit=1)) == 1
        given.store.settle(given.read("p1"))
        assert given.store.unsettled_chains(limit=10) == ["c-p2"]

    def test_settling_is_no_move(self, given):
        (prompt,) = given.claimed("p1")
        failed = given.move(prompt, P.FAILED, unsettled=True)
        given.store.commit([Unit("t", ending=given.end("c-p1"))])
        counters = given.store.counters()
        given.store.settle([failed])
        found = given.read("p1")[0]
        assert found.progress == replace(failed.progress, unsettled=False)
        assert given.store.counters() == counters

    def test_a_chain_with_two_marks_is_named_once_and_settled_at_once(self, given):
        given.start("c1", "p1", "p2", "p3")
        given.claim(given.plan())
        for prompt in given.read("p1", "p2"):
            given.move(prompt, P.FAILED, unsettled=True)
        assert given.store.unsettled_chains(limit=10) == ["c1"]
        given.store.settle(list(given.store.chain_prompts("c1")))
        assert given.store.unsettled_chains(limit=10) == []

    def test_a_mark_made_after_its_prompt_was_read_stays(self, given):
        """Who settles looks at the chain in between: that look did not see the second prompt end."""
        given.start("c1", "p1", "p2")
        given.claim(given.plan())
        one, two = given.read("p1", "p2")
        seen = [given.move(one, P.FAILED, unsettled=True), two]
        given.move(two, P.FAILED, unsettled=True)
        given.store.settle(seen)
        assert [each.progress.unsettled for each in given.read("p1", "p2")] == [False, True]
        assert given.store.unsettled_chains(limit=10) == ["c1"]

    def test_a_mark_made_anew_after_its_prompt_was_read_stays(self, given):
        one, two = (given.move(each, P.FAILED, unsettled=True) for each in given.claimed("p1", "p2"))
        back = given.move(one, P.ANSWERED, unsettled=False)
        given.move(back, P.FAILED, unsettled=True)
        given.store.settle([one, two])
        assert [each.progress.unsettled for each in given.read("p1", "p2")] == [True, False]

    def test_a_mark_cannot_be_cleared_while_its_prompt_moves_on(self, given):
        (prompt,) = given.claimed("p1")
        failed = given.move(prompt, P.FAILED, unsettled=True)
        given.move(failed, P.QUEUED, unsettled=False)
        given.store.settle([failed])
        assert (given.state("p1"), given.store.unsettled_chains(limit=10)) == (P.QUEUED, [])

    def test_settling_nothing_does_nothing(self, given):
        unmarked = given.claimed("p1")
        given.store.settle([])
        given.store.settle(unmarked)
        assert given.read("p1")[0].progress == unmarked[0].progress
