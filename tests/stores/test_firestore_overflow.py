"""Units that create more than one call takes: applied in one moment, whoever dies before or after it.

Longer than 300 lines: a death before and after every call needs one set of fixtures.
"""

from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import grpc
import pytest

import gemchain
from gemchain.api.operations import cancel_chain
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.firestore.commits import groups, overflow
from gemchain.testing import embedded
from tests.apps import flows, programs
from tests.contracts.store_samples import APPLIED, CONFLICT, draft, prompt

P, C = PromptState, ChainState
CHILDREN = [f"p{number:02d}" for number in range(20)]
CALLS = 6
"""The unit with its join and three more, and five calls for the others."""


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def given(on_firestore, monkeypatch):
    monkeypatch.setattr(groups, "GROUP_WRITES", 10)
    monkeypatch.setattr(overflow, "GROUP", 4)
    return on_firestore


@contextmanager
def killed(given, at, *, after=False):
    """The process is killed at one of its next commits; afterwards it is another one."""
    connection = given.store._connection
    send, calls = connection.commit, count()

    def dying(writes):
        number = next(calls)
        if number == at and after:
            send(writes)
        if number >= at:
            raise Killed
        return send(writes)

    connection.commit = dying
    try:
        with pytest.raises(Killed):
            yield
    finally:
        connection.commit = send


def large(given, *, children=CHILDREN, token="large", **fields):
    """A unit that ends a prompt and lets a join wait for twenty others."""
    (parent,) = given.claimed("parent")
    join = prompt("j1", "c-parent", given.clock.now(), parent_id="parent", kind="join", forked=True)
    join = replace(join, progress=replace(join.progress, state=P.WAITING))
    branches = [
        prompt(
            each, "c-parent", given.clock.now(), parent_id="j1", join_id="j1", branch=n, forked=True, **fields
        )
        for n, each in enumerate(children)
    ]
    drafts = tuple(map(draft, [*branches, join]))
    return replace(given.unit(parent, P.DONE, token=token), drafts=drafts)


def check_whole(given):
    """Everything is there once, and nothing is left of the birth."""
    assert given.state("parent") is P.DONE
    assert {given.state(each) for each in CHILDREN} == {P.QUEUED}
    assert len(list(given.store.chain_prompts("j1"))) == 20
    assert given.store.counters().prompts == {P.DONE: 1, P.WAITING: 1, P.QUEUED: 20}
    assert [queue.ready for queue in given.store.queues()] == [20]
    assert not given.store._overflow.holds("c-parent")


def files(tmp_path):
    return [each for each in (tmp_path / "files").rglob("*") if each.is_file()]


def test_a_unit_larger_than_a_call_is_applied_whole(given, tmp_path):
    assert given.store.commit([large(given)]) == [APPLIED]
    check_whole(given)
    assert files(tmp_path) == []


def test_its_neighbours_are_applied_beside_it(given):
    unit = large(given)
    units = [given.start_unit("c1", "x1"), unit, given.start_unit("c2", "x2")]
    assert given.store.commit(units) == [APPLIED] * 3
    assert {given.state(each) for each in (*CHILDREN, "x1", "x2")} == {P.QUEUED}


def test_large_requests_stay_in_the_documents(given, tmp_path):
    text = f'{{"contents":"{"x" * 100_000}"}}'
    unit = large(given)
    unit = replace(unit, drafts=tuple(each._replace(request=text) for each in unit.drafts))
    assert given.store.commit([unit]) == [APPLIED]
    assert given.store.requests(CHILDREN) == dict.fromkeys(CHILDREN, text)
    assert files(tmp_path) == []


def test_a_chain_that_begins_with_many_prompts_ends_as_any_other(given):
    unit = given.start_unit("c1", *CHILDREN)
    assert given.store.commit([unit]) == [APPLIED]
    given.claim(given.plan())
    last = given.read(CHILDREN[-1])[0]
    ended = replace(given.unit(last, P.DONE), ending=given.end("c1", result="1"))
    assert given.store.commit([ended]) == [APPLIED]
    assert given.store.chains(["c1"])["c1"].state is C.DONE


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(CALLS))
def test_a_process_may_die_at_any_call(given, other, clock, at, after):
    unit = large(given)
    with killed(given, at, after=after):
        given.store.commit([unit])
    decided = at > 0 or after
    assert other.state("parent") is (P.DONE if decided else P.CLAIMED)
    assert other.store.has_open("c-parent")
    assert other.store.has_open("j1") is decided
    clock.advance(31)
    other.store.queues()
    if not decided:
        assert other.store.prompts(CHILDREN) == {}
        assert other.store.commit([unit]) == [APPLIED]
    check_whole(other)


def test_a_young_overflow_is_left_to_its_process(given, other):
    unit = large(given)
    with killed(given, 0, after=True):
        given.store.commit([unit])
    other.store.queues()
    assert len(other.store.prompts(CHILDREN)) < 20


def test_prompts_of_an_overflow_keep_their_join_and_chain_open(given, other):
    unit = large(given)
    with killed(given, 0, after=True):
        given.store.commit([unit])
    names = other.claim(other.plan("b2"))
    assert len(names) == 3
    other.store.commit([other.unit(each, P.DONE) for each in other.read(*names)])
    assert other.store.has_open("j1")
    assert not other.store.has_open("j2")


def test_a_repeated_call_finishes_what_the_first_left(given, other):
    unit = large(given)
    with killed(given, 2):
        given.store.commit([unit])
    assert other.store.commit([unit]) == [APPLIED]
    check_whole(other)


@pytest.mark.parametrize("nth", range(1, CALLS + 1))
@pytest.mark.parametrize("applied", [False, True], ids=["refused", "reply lost"])
def test_any_call_may_fail_for_a_moment(given, faults, nth, applied):
    unit = large(given)
    faults.fail("Commit", grpc.StatusCode.UNAVAILABLE, nth=nth, applied=applied)
    assert given.store.commit([unit]) == [APPLIED]
    check_whole(given)


def test_two_that_finish_at_once_create_everything_once(given, other, clock):
    unit = large(given)
    with killed(given, 1):
        given.store.commit([unit])
    clock.advance(31)
    connection = other.store._connection
    send = connection.commit

    def outrun(writes):
        connection.commit = send
        given.store.queues()
        return send(writes)

    connection.commit = outrun
    other.store.queues()
    check_whole(other)


def test_one_that_slept_creates_nothing_again(given, other):
    unit = large(given)
    connection = given.store._connection
    send, calls = connection.commit, []

    def slow(writes):
        calls.append(writes)
        if len(calls) == 2:
            other.store._overflow.finish("large")
            connection.commit = send
            for each in other.read(*CHILDREN):
                other.move(each, P.CANCELLED)
        return send(writes)

    connection.commit = slow
    assert given.store.commit([unit]) == [APPLIED]
    assert {given.state(each) for each in CHILDREN} == {P.CANCELLED}
    assert given.store.counters().prompts == {P.DONE: 1, P.WAITING: 1, P.CANCELLED: 20}


def test_prompts_created_in_a_cancelled_chain_are_marked_to_be_cancelled(given, other, clock):
    unit = large(given)
    with killed(given, 1):
        given.store.commit([unit])
    cancel_chain(other.store, "c-parent")
    clock.advance(31)
    other.store.queues()
    assert other.store.unsettled_chains(limit=9) == ["c-parent"]
    cancel_chain(other.store, "c-parent")
    assert {other.state(each) for each in CHILDREN} == {P.CANCELLED}


def test_prompts_created_as_ended_are_marked_to_be_settled(given, other, clock):
    """Whoever looked while it was not there yet took its chain for open, and nothing else will end."""
    unit = large(given)
    ended = [
        replace(each.prompt, progress=replace(each.prompt.progress, state=P.DONE)) for each in unit.drafts
    ]
    with killed(given, 1):
        given.store.commit([replace(unit, drafts=tuple(map(draft, ended)))])
    clock.advance(31)
    other.store.queues()
    assert other.store.unsettled_chains(limit=9) == ["c-parent"]
    assert not other.store.has_open("c-parent")


def test_a_chain_that_is_cancelled_while_its_last_prompts_are_created_is_marked(given, other):
    unit = large(given)
    connection = given.store._connection
    send, calls = connection.commit, count()

    def slow(writes):
        if next(calls) == CALLS - 1:
            cancel_chain(other.store, "c-parent")
        return send(writes)

    connection.commit = slow
    assert given.store.commit([unit]) == [APPLIED]
    assert given.store.unsettled_chains(limit=9) == ["c-parent"]
    cancel_chain(other.store, "c-parent")
    assert {given.state(each) for each in CHILDREN} == {P.CANCELLED}


def test_a_conflict_creates_nothing(given):
    unit = large(given)
    given.move(given.read("parent")[0], P.ANSWERED)
    assert given.store.commit([unit]) == [CONFLICT]
    assert given.store.prompts([*CHILDREN, "j1"]) == {}
    assert not given.store.has_open("j1")


def test_a_chain_that_exists_is_not_begun_again(given):
    given.start("c1", "x1")
    unit = replace(given.start_unit("c1", *CHILDREN), token="another")
    assert given.store.commit([unit]) == [CONFLICT]
    assert given.store.prompts(CHILDREN) == {}


def test_a_damaged_overflow_is_named_and_stops_no_process(given, other, clock, tmp_path, caplog):
    unit = large(given)
    with killed(given, 1):
        given.store.commit([unit])
    for file in files(tmp_path):
        file.write_bytes(b"something else")
    clock.advance(31)
    assert [queue.ready for queue in other.store.queues()] == [3]
    assert "birth" in caplog.text
    assert other.store.has_open("c-parent")


@pytest.mark.parametrize("content", [{}, {"scopes": 3, "groups": "x"}, {"scopes": [1], "groups": [True, 2]}])
def test_a_forged_overflow_is_ignored(given, clock, content):
    write = overflow.Write()
    write.update.name = given.store._connection.name("births", "b")
    overflow.fill(write.update.fields, {name: value or None for name, value in content.items()})
    given.store._connection.commit([write])
    assert not given.store.has_open("c1")
    clock.advance(31)
    assert given.store.queues() == []


def test_the_calls_of_an_overflow_can_only_create_prompts(given, clock):
    given.start("c1", "p1")
    pending = {}
    foreign = overflow.Write(delete=given.store._connection.name("chains", "c1"))
    at = given.store._spill.put_whole("x", overflow._call([foreign]), pending)
    given.store._spill.upload(pending)
    write = overflow.Write()
    write.update.name = given.store._connection.name("births", "b")
    overflow.fill(write.update.fields, {"scopes": ["c1"], "groups": [at]})
    given.store._connection.commit([write])
    clock.advance(31)
    given.store.queues()
    assert given.store.chains(["c1"])["c1"].state is C.RUNNING


@pytest.fixture
def engine(project, tmp_path, clock, monkeypatch):
    monkeypatch.setattr(groups, "GROUP_WRITES", 10)
    monkeypatch.setattr(overflow, "GROUP", 4)
    address = f"firestore://{project}/(default)"
    with embedded(tmp_path, responder=flows.echo, clock=clock, store=address, application=".") as engine:
        yield engine


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_a_wide_gather_that_was_cut_off_at_its_start_runs_to_its_end(engine, at, after):
    """What the caller repeats, and what the engine finds, is the whole chain: each branch runs once."""
    words = [f"word {number}" for number in range(20)]
    with killed(engine.runtime, at, after=after):
        gemchain.start(programs.fan, words, key="wide")
    chain = gemchain.start(programs.fan, words, key="wide")
    engine.run()
    assert chain.status().prompts == {P.DONE: 22}
    assert all(word in chain.result() for word in words)
    paid = engine.runtime.providers.named("simulated").paid_rows()
    assert (len(paid), set(paid.values())) == (21, {1})
