"""What `Store.commit` promises.

Longer than 300 lines: it is the contract of one method.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from gemchain.errors import MoveError
from gemchain.records import ChainMove, Failure, Move, Unit, Usage
from gemchain.records.states import ChainState, PromptState
from tests.contracts.store_samples import ANSWER, APPLIED, CONFLICT, chain, draft, ids, prompt, request_of

P, C = PromptState, ChainState


class CommitContract:
    def test_a_new_chain_is_stored_with_every_field(self, given):
        at = given.clock.now() + timedelta(microseconds=123_457)
        made = chain(
            "c1",
            at,
            key="article-17",
            args='{"topic": "batteries"}',
            code_version=3,
            labels='{"team": "a"}',
            budget=1.25,
            deadline_at=at + timedelta(days=1),
            token="t1",
        )
        assert given.store.commit([Unit("t1", chain=made)]) == [APPLIED]
        found = given.store.chains(["c1"])["c1"]
        assert replace(found, version=0) == made

    def test_a_new_prompt_is_stored_with_every_field(self, given):
        at = given.clock.now()
        given.start("c1")
        made = prompt(
            "p1",
            "c1",
            at,
            parent_id="p0",
            path="0.1.2",
            depth=4,
            lane="direct",
            kind="embed",
            callback="articles:draft",
            params='{"n": 12345678901234567890.123, "s": "ü"}',
            on_error="articles:mend",
            retry_if="articles:poor",
            closure="signed",
            schema='{"type": "object"}',
            accept=("blocked", "empty"),
            max_attempts=7,
            priority=-3,
            deadline_at=at + timedelta(hours=2),
            labels="{}",
            key="k",
            forked=True,
            durable=True,
            join_id="j1",
            branch=2,
            request_hash="abc",
        )
        assert given.store.commit([Unit("t", drafts=(draft(made),))]) == [APPLIED]
        assert replace(given.read("p1")[0], version=0) == made

    def test_the_request_of_a_new_prompt_is_kept_letter_by_letter(self, given):
        given.start("c1")
        text = '{"contents": [ {"text": "日本 \\u0000 \'); DROP TABLE prompts; --"} ],  "n": 1.0}'
        new = draft(prompt("p1", "c1", given.clock.now()))._replace(request=text)
        given.store.commit([Unit("t", drafts=(new,))])
        assert given.store.requests(["p1"]) == {"p1": text}

    def test_a_move_replaces_the_whole_progress(self, given):
        (before,) = given.claimed("p1")
        at = given.clock.now() + timedelta(microseconds=1)
        after = replace(
            before.progress,
            state=P.ANSWERED,
            attempt=2,
            not_before_at=at + timedelta(seconds=3),
            answer=ANSWER,
            callback_attempts=1,
            failure=Failure("callback", "it broke: \ud800 'ü'", retryable=True, traceback="line 1\nline 2"),
            result='{"a": [1.10]}',
            usage=Usage(10, 20, 0.25, 0.5),
            answered_at=at,
            ended_at=at,
            unsettled=True,
        )
        assert given.store.commit([Unit("t", moves=(Move(before, after),))]) == [APPLIED]
        found = given.read("p1")[0]
        assert found.progress == after
        assert replace(found, progress=before.progress, version=before.version) == before

    def test_a_move_gives_a_prompt_another_version(self, given):
        (before,) = given.claimed("p1")
        assert given.move(before, P.ANSWERED).version != before.version

    def test_a_unit_moves_its_parent_creates_children_and_ends_the_chain_at_once(self, given):
        given.start("c1", "p1", "p2")
        given.claim(given.plan())
        first, _ = given.read("p1", "p2")
        unit = replace(given.unit(first, P.DONE, "p3"), ending=given.end("c1", result="[1]"))
        assert given.store.commit([unit]) == [APPLIED]
        assert [given.state(each) for each in ("p1", "p2", "p3")] == [P.DONE, P.CLAIMED, P.QUEUED]
        assert given.store.requests(["p3"]) == {"p3": request_of("p3")}
        ended = given.store.chains(["c1"])["c1"]
        assert (ended.state, ended.result, ended.ended_at) == (C.DONE, "[1]", given.clock.now())

    def test_a_unit_of_several_moves_applies_them_all(self, given):
        several = given.claimed("p1", "p2", "p3")
        moves = tuple(Move(each, given.after(each, P.FAILED)) for each in several)
        assert given.store.commit([Unit("t", moves=moves)]) == [APPLIED]
        assert {given.state(each) for each in ("p1", "p2", "p3")} == {P.FAILED}

    def test_a_chain_can_be_created_and_ended_in_one_unit(self, given):
        unit = Unit("t", chain=chain("c1", given.clock.now()), ending=given.end("c1", result="null"))
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.chains(["c1"])["c1"].state is C.DONE

    def test_a_chain_fails_with_its_reason(self, given):
        given.start("c1")
        failure = Failure("callback", "no", traceback="here")
        given.store.commit([Unit("t", ending=given.end("c1", C.FAILED, failure=failure))])
        assert given.store.chains(["c1"])["c1"].failure == failure

    def test_a_failed_chain_runs_again(self, given):
        given.start("c1")
        given.store.commit([Unit("t", ending=given.end("c1", C.FAILED))])
        back = ChainMove("c1", C.FAILED, C.RUNNING)
        assert given.store.commit([Unit("u", ending=back)]) == [APPLIED]
        assert given.store.chains(["c1"])["c1"].state is C.RUNNING

    def test_a_running_chain_can_be_touched(self, given):
        given.start("c1")
        before = given.store.chains(["c1"])["c1"]
        assert given.store.commit([Unit("t", ending=ChainMove("c1", C.RUNNING, C.RUNNING))]) == [APPLIED]
        after = given.store.chains(["c1"])["c1"]
        assert after.version != before.version
        assert replace(after, version=before.version) == before
        assert given.store.counters().chains == {C.RUNNING: 1}

    @pytest.mark.parametrize("touched", [False, True])
    def test_a_chain_that_moved_since_it_was_read_stays_where_a_move_asks_for_its_version(
        self, given, touched
    ):
        (prompt,) = given.queue("p1")
        chain_id = prompt.chain_id
        read = given.store.chains([chain_id])[chain_id]
        if touched:
            given.store.commit([Unit("t", ending=ChainMove(chain_id, C.RUNNING, C.RUNNING))])
        ending = given.end(chain_id, C.CANCELLED, version=read.version)
        unit = replace(given.unit(prompt, P.CANCELLED), ending=ending)
        assert given.store.commit([unit]) == [CONFLICT if touched else APPLIED]
        assert given.state("p1") is (P.QUEUED if touched else P.CANCELLED)
        assert given.store.chains([chain_id])[chain_id].state is (C.RUNNING if touched else C.CANCELLED)

    def test_a_move_that_asks_for_a_version_may_be_committed_again(self, given):
        given.start("c1")
        read = given.store.chains(["c1"])["c1"]
        unit = Unit("t", ending=given.end("c1", C.FAILED, version=read.version))
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.commit([unit]) == [APPLIED]
        another = Unit("u", ending=given.end("c1", C.FAILED, version=read.version))
        assert given.store.commit([another]) == [CONFLICT]

    def test_nothing_to_commit_is_no_trouble(self, given):
        assert given.store.commit([]) == []
        assert given.store.commit([Unit("t")]) == [APPLIED]

    def test_verdicts_come_in_the_order_of_the_units(self, given):
        given.start("c2")
        units = [given.start_unit(each, f"p-{each}") for each in ("c1", "c2", "c3")]
        units[1] = replace(units[1], token="another")
        assert given.store.commit(units) == [APPLIED, CONFLICT, APPLIED]

    def test_two_thousand_units_go_in_one_call(self, given):
        names = [f"p{n:04d}" for n in range(2_000)]
        given.queue(*names)
        assert given.store.counters().prompts == {P.QUEUED: 2_000}
        assert len(given.store.prompts(names)) == 2_000

    def test_one_unit_may_create_thousands_of_prompts_with_long_requests(self, given):
        (before,) = given.claimed("p1")
        names = [f"p1-{n:04d}" for n in range(2_500)]
        unit = given.unit(before, P.DONE, *names)
        text = f'{{"contents":"{"x" * 5_000}"}}'
        unit = replace(unit, drafts=tuple(each._replace(request=text) for each in unit.drafts))
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.counters().prompts == {P.DONE: 1, P.QUEUED: 2_500}
        assert set(given.store.requests(names).values()) == {text}
        assert len(given.claim(given.plan("b2"))) == 2_500
        assert given.store.commit([unit]) == [APPLIED]

    def test_a_prompt_moved_by_somebody_else_makes_a_conflict(self, given):
        (before,) = given.claimed("p1")
        given.move(before, P.ANSWERED)
        assert given.store.commit([given.unit(before, P.DONE, "p2", token="late")]) == [CONFLICT]
        assert given.state("p1") is P.ANSWERED
        assert given.store.prompts(["p2"]) == {}

    def test_a_prompt_claimed_since_it_was_read_makes_a_conflict(self, given):
        (before,) = given.queue("p1")
        given.claim(given.plan())
        assert given.store.commit([given.unit(before, P.CANCELLED)]) == [CONFLICT]
        assert given.state("p1") is P.CLAIMED

    def test_a_prompt_that_was_never_recorded_cannot_be_moved(self, given):
        stranger = prompt("nobody", "c1", given.clock.now())
        assert given.store.commit([given.unit(stranger, P.CANCELLED)]) == [CONFLICT]

    def test_one_stale_move_undoes_its_whole_unit(self, given):
        fresh, stale = given.claimed("p1", "p2")
        given.move(stale, P.ANSWERED)
        moves = tuple(Move(each, given.after(each, P.DONE)) for each in (fresh, stale))
        child = draft(prompt("p3", "c-p1", given.clock.now()))
        unit = Unit("t", chain("c9", given.clock.now()), (child,), moves, given.end("c-p1"))
        assert given.store.commit([unit]) == [CONFLICT]
        assert given.state("p1") is P.CLAIMED
        assert given.store.prompts(["p3"]) == {}
        assert given.store.chains(["c9"]) == {}
        assert given.store.chains(["c-p1"])["c-p1"].state is C.RUNNING

    def test_neighbours_of_a_conflicting_unit_apply(self, given):
        one, two, three = given.claimed("p1", "p2", "p3")
        given.move(two, P.ANSWERED)
        units = [given.unit(each, P.DONE, f"{each.id}-child", token=each.id) for each in (one, two, three)]
        assert given.store.commit(units) == [APPLIED, CONFLICT, APPLIED]
        assert [given.state(each) for each in ("p1", "p2", "p3")] == [P.DONE, P.ANSWERED, P.DONE]
        assert given.store.prompts(["p1-child", "p2-child", "p3-child"]).keys() == {"p1-child", "p3-child"}

    def test_a_chain_that_exists_makes_a_conflict(self, given):
        given.start("c1", "p1")
        unit = replace(given.start_unit("c1", "p2"), token="second")
        assert given.store.commit([unit]) == [CONFLICT]
        assert given.store.prompts(["p2"]) == {}
        assert given.store.chains(["c1"])["c1"].token == "start c1"

    def test_a_child_that_exists_makes_a_conflict(self, given):
        (before,) = given.claimed("p1")
        given.queue("p2")
        assert given.store.commit([given.unit(before, P.DONE, "p2")]) == [CONFLICT]
        assert given.state("p1") is P.CLAIMED

    def test_a_chain_that_ended_makes_a_conflict(self, given):
        given.start("c1")
        given.store.commit([Unit("t", ending=given.end("c1", C.CANCELLED))])
        assert given.store.commit([Unit("u", ending=given.end("c1", result="1"))]) == [CONFLICT]
        assert given.store.chains(["c1"])["c1"].state is C.CANCELLED

    def test_an_ended_chain_undoes_the_move_that_came_with_its_ending(self, given):
        (before,) = given.claimed("p1")
        given.store.commit([Unit("t", ending=given.end("c-p1", C.CANCELLED))])
        unit = replace(given.unit(before, P.DONE), ending=given.end("c-p1"))
        assert given.store.commit([unit]) == [CONFLICT]
        assert given.state("p1") is P.CLAIMED

    def test_a_chain_that_does_not_exist_makes_a_conflict(self, given):
        assert given.store.commit([Unit("t", ending=given.end("nobody"))]) == [CONFLICT]

    def test_of_two_units_that_move_one_prompt_the_first_wins(self, given):
        (before,) = given.claimed("p1")
        units = [given.unit(before, P.DONE, token="one"), given.unit(before, P.FAILED, token="two")]
        assert given.store.commit(units[:1]) + given.store.commit(units[1:]) == [APPLIED, CONFLICT]
        assert given.state("p1") is P.DONE

    @pytest.mark.parametrize(
        ("before", "after"), [(P.QUEUED, P.QUEUED), (P.QUEUED, P.WAITING), (P.CLAIMED, P.CLAIMED)]
    )
    def test_a_move_against_the_table_is_refused_and_nothing_applies(self, given, before, after):
        good, bad = given.queue("p1", "p2")
        if before is P.CLAIMED:
            given.claim(given.plan())
            good, bad = given.read("p1", "p2")
        units = [given.unit(good, P.CANCELLED), given.unit(bad, after)]
        with pytest.raises(MoveError, match=f"from {before} to {after}"):
            given.store.commit(units)
        assert given.state("p1") is before

    def test_a_chain_cannot_move_against_the_table(self, given):
        given.start("c1")
        with pytest.raises(MoveError, match="chain"):
            given.store.commit([Unit("t", ending=ChainMove("c1", C.DONE, C.RUNNING))])

    def test_hostile_text_is_stored_as_it_is(self, given):
        name = "p'\"; DROP TABLE prompts; -- %_?:@$ \U0001f600 é"
        given.start("c'\"", name, params='{"a": "\'\\"; --", "\U0001f600": 1}', labels="''")
        (found,) = given.read(name)
        assert (found.id, found.chain_id, found.labels) == (name, "c'\"", "''")
        assert found.params == '{"a": "\'\\"; --", "\U0001f600": 1}'
        assert given.store.requests([name]) == {name: request_of(name)}


class RepetitionContract:
    """A caller that lost the reply repeats the call under the same tokens."""

    def test_a_repeated_start_changes_nothing_and_counts_as_applied(self, given):
        unit = given.start_unit("c1", "p1")
        assert given.store.commit([unit]) == [APPLIED]
        before = given.read("p1"), given.store.chains(["c1"]), given.store.counters()
        assert given.store.commit([unit]) == [APPLIED]
        assert (given.read("p1"), given.store.chains(["c1"]), given.store.counters()) == before

    def test_a_repeated_move_changes_nothing_and_counts_as_applied(self, given):
        (before,) = given.claimed("p1")
        unit = given.unit(before, P.DONE, "p2", usage=Usage(1, 2, 0.5, 1.0))
        given.store.commit([unit])
        seen = given.read("p1", "p2"), given.store.counters(), given.store.queues()
        assert given.store.commit([unit]) == [APPLIED]
        assert (given.read("p1", "p2"), given.store.counters(), given.store.queues()) == seen

    def test_a_move_repeated_after_the_child_ran_counts_as_applied(self, given):
        (before,) = given.claimed("p1")
        unit = given.unit(before, P.DONE, "p2")
        given.store.commit([unit])
        given.claim(given.plan("b2"))
        given.move(given.read("p2")[0], P.DONE, "p3")
        assert given.store.commit([unit]) == [APPLIED]
        assert [given.state(each) for each in ("p1", "p2", "p3")] == [P.DONE, P.DONE, P.QUEUED]

    def test_a_move_repeated_after_the_prompt_moved_on_counts_as_applied(self, given):
        (before,) = given.claimed("p1")
        unit = given.unit(before, P.QUEUED, token="retry", attempt=2)
        given.store.commit([unit])
        given.claim(given.plan("b2"))
        given.move(given.read("p1")[0], P.ANSWERED)
        given.move(given.read("p1")[0], P.PARKED)
        assert given.store.commit([unit]) == [APPLIED]
        assert given.state("p1") is P.PARKED

    def test_repeated_drafts_count_as_applied_even_after_they_ran(self, given):
        given.start("c1")
        unit = Unit("t", drafts=(draft(prompt("p1", "c1", given.clock.now())),))
        given.store.commit([unit])
        assert given.store.commit([unit]) == [APPLIED]
        given.claim(given.plan())
        given.move(given.read("p1")[0], P.DONE)
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.commit([replace(unit, token="other")]) == [CONFLICT]
        assert given.state("p1") is P.DONE

    def test_a_repeated_ending_counts_as_applied(self, given):
        given.start("c1")
        unit = Unit("t", ending=given.end("c1", result="1"))
        assert given.store.commit([unit]) + given.store.commit([unit]) == [APPLIED, APPLIED]
        assert given.store.counters().chains == {C.DONE: 1}

    def test_an_ending_repeated_after_the_chain_was_sent_back_does_not_end_it_again(self, given):
        given.start("c1")
        unit = Unit("t", ending=given.end("c1", C.FAILED))
        given.store.commit([unit])
        given.store.commit([Unit("u", ending=ChainMove("c1", C.FAILED, C.RUNNING))])
        assert given.store.commit([unit]) == [APPLIED]
        assert given.store.chains(["c1"])["c1"].state is C.RUNNING

    def test_repeated_and_new_units_mix_in_one_call(self, given):
        old = [given.start_unit(f"c{n}", f"p{n}") for n in range(3)]
        given.store.commit(old)
        new = given.start_unit("c9", "p9")
        foreign = replace(given.start_unit("c1", "p8"), token="foreign")
        assert given.store.commit([old[0], new, foreign, old[2]]) == [APPLIED, APPLIED, CONFLICT, APPLIED]
        assert given.store.counters().prompts == {P.QUEUED: 4}

    def test_two_units_with_the_same_change_and_other_tokens_do_not_both_apply(self, given):
        (before,) = given.claimed("p1")
        given.store.commit([given.unit(before, P.DONE, "p2", token="one")])
        assert given.store.commit([given.unit(before, P.DONE, "p2", token="two")]) == [CONFLICT]
        assert sorted(ids(given.store.chain_prompts("c-p1"))) == ["p1", "p2"]
