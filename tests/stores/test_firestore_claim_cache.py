"""What a process claimed is not read again, unless somebody touched it."""

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from gemchain.records import Failure
from gemchain.records.states import PromptState
from gemchain.stores.firestore.claims import cache
from tests.contracts.store_intake import born_into
from tests.contracts.store_samples import APPLIED

P = PromptState
NAMES = [f"p{number:02d}" for number in range(20)]


@pytest.fixture
def given(on_firestore):
    return on_firestore


def claim(given, *names, batch="b1", **fields):
    given.queue(*names, **fields)
    assert sorted(given.claim(given.plan(batch))) == sorted(names)


def test_twenty_claimed_prompts_are_known_for_the_price_of_one(given, spent):
    claim(given, *NAMES)
    spent()
    assert len(given.store.prompts(NAMES)) == 20
    assert spent().reads == 1


def test_what_is_known_is_what_a_read_would_give(given, other, clock):
    soon = clock.now() + timedelta(hours=1)
    claim(given, *NAMES[:2], batch="b0")
    for prompt in given.read(*NAMES[:2]):
        failure = Failure("error", "busy", retryable=True)
        given.move(prompt, P.QUEUED, attempt=2, not_before_at=clock.now(), failure=failure, batch_id=None)
    given.start("c1", "first", priority=3, deadline_at=soon, params='{"n": 1}', labels='{"team": "a"}')
    given.queue("long", params=f'{{"text": "{"x" * 100_000}"}}', join_id="j1", branch=1, forked=True)
    given.queue(*NAMES[2:])
    assert len(given.claim(given.plan())) == 22
    names = [*NAMES, "first", "long"]
    assert given.read(*names) == other.read(*names)


def test_long_texts_that_an_input_file_does_not_need_are_not_fetched_for_it(given, monkeypatch):
    texts = {"params": f'{{"text": "{"x" * 100_000}"}}', "schema": f'{{"title": "{"y" * 100_000}"}}'}
    given.queue("p1", **texts)
    fetched = []
    monkeypatch.setattr(given.store._spill._blobs, "read", lambda *args, **_: fetched.append(args))
    given.claim(given.plan())
    assert fetched == []


def test_a_known_prompt_can_be_moved(given):
    claim(given, *NAMES)
    units = [given.unit(each, P.DONE, f"{each.id}-child") for each in given.read(*NAMES)]
    assert given.store.commit(units) == [APPLIED] * 20
    assert {each.progress.state for each in given.read(*NAMES)} == {P.DONE}


def test_what_this_process_moved_is_read_and_the_rest_stays_known(given, spent):
    claim(given, *NAMES)
    given.store.commit([given.unit(each, P.DONE) for each in given.read(*NAMES[:10])])
    spent()
    assert {each.progress.state for each in given.read(*NAMES[10:])} == {P.CLAIMED}
    assert spent().reads == 1
    assert {each.progress.state for each in given.read(*NAMES[:10])} == {P.DONE}
    assert spent().reads == 10


def test_what_another_process_moved_is_seen_at_once(given, other):
    claim(given, *NAMES)
    other.move(other.read("p07")[0], P.CANCELLED)
    found = given.read(*NAMES)
    assert [each.id for each in found if each.progress.state is P.CANCELLED] == ["p07"]


def test_what_another_process_claimed_for_the_same_batch_makes_no_trouble(given, other):
    given.queue(*NAMES)
    batch = given.plan()
    given.claim(batch, limit=10)
    taken_over = other.store.save_batch(replace(other.store.batches(["b1"])["b1"], fence=2))
    other.claim(taken_over)
    assert {each.progress.batch_id for each in given.read(*NAMES)} == {"b1"}
    assert {each.progress.batch_id for each in other.read(*NAMES)} == {"b1"}


def test_a_claim_whose_reply_was_lost_is_read(given, other, faults):
    given.queue(*NAMES)
    batch = given.plan()
    faults.fail("Commit", grpc.StatusCode.UNAVAILABLE, applied=True)
    given.claim(batch)
    assert given.read(*NAMES) == other.read(*NAMES)


def test_a_lookup_that_is_cheaper_than_a_count_counts_nothing(given, spent):
    claim(given, *NAMES)
    spent()
    given.read("p01")
    assert spent().rpcs == {"BatchGetDocuments": 1}


def test_memory_is_bounded(given, spent, monkeypatch):
    monkeypatch.setattr(cache, "HELD_BYTES", 10_000)
    claim(given, *NAMES, batch="b1")
    claim(given, "q1", "q2", "q3", batch="b2")
    spent()
    assert len(given.read(*NAMES)) == 20
    assert spent().reads == 20
    assert len(given.read("q1", "q2", "q3")) == 3
    assert spent().reads == 1
    assert given.store._claimed._size <= 10_000


def test_a_batch_that_is_over_leaves_nothing_behind(given):
    claim(given, *NAMES)
    given.store.commit([given.unit(each, P.DONE) for each in given.read(*NAMES)])
    kept = given.store._claimed
    assert (kept._batches, kept._batch_of, kept._size) == ({}, {}, 0)


def births(given, batch):
    """What moves the claimed `NAMES`, each with a child that is born into a batch."""
    return [
        born_into(given.unit(each, P.DONE, f"{each.id}-child"), batch, given) for each in given.read(*NAMES)
    ]


def test_twenty_members_of_a_batch_are_known_for_the_price_of_one(given, spent):
    claim(given, *NAMES, batch="b0")
    batch = given.plan("b1")
    given.store.commit(births(given, batch), into=[batch])
    spent()
    children = [f"{name}-child" for name in NAMES]
    assert [each.progress.state for each in given.read(*children)] == [P.CLAIMED] * 20
    assert spent().reads == 1


def test_a_remembered_member_is_what_a_read_would_give(given, other):
    claim(given, *NAMES, batch="b0")
    batch = given.plan("b1")
    given.store.commit(births(given, batch), into=[batch])
    children = [f"{name}-child" for name in NAMES]
    assert given.read(*children) == other.read(*children)


def test_a_creation_whose_reply_was_lost_leaves_nothing_stale(given, other, spent, faults):
    claim(given, *NAMES, batch="b0")
    others = [f"q{name}" for name in NAMES]
    given.queue(*others)
    batch = given.plan("b1")
    units = births(given, batch)
    assert sorted(given.claim(batch)) == others
    faults.fail("Commit", grpc.StatusCode.UNAVAILABLE, applied=True)
    assert given.store.commit(units, into=[batch]) == [APPLIED] * 20
    spent()
    assert [each.progress.state for each in given.read(*others)] == [P.CLAIMED] * 20
    assert spent().reads == 1
    for each in other.read(*others):
        other.move(each, P.DONE)
    assert [each.progress.state for each in given.read(*others)] == [P.DONE] * 20


def test_parents_that_a_lost_batch_barred_are_forgotten_once(given, other):
    claim(given, *NAMES, batch="b0")
    batch = given.plan("b1")
    units = births(given, batch)[:5]
    other.store.save_batch(replace(batch, fence=2))
    plain = [given.unit(each, P.DONE, f"{each.id}-child") for each in given.read(*NAMES[:5])]
    given.store.commit(units, into=[batch])
    assert given.store.commit(plain) == [APPLIED] * 5
    for each in other.read(*NAMES[5:10]):
        other.move(each, P.DONE)
    assert [each.progress.state for each in given.read(*NAMES[5:10])] == [P.DONE] * 5


def test_a_prompt_that_this_process_claimed_again_for_another_batch_is_kept_for_that(given, other):
    rest = ("p01", "p02", "p03")
    claim(given, "p00", *rest)
    other.move(other.read("p00")[0], P.QUEUED, batch_id=None)
    given.claim(given.plan("b2"))
    given.move(given.read("p00")[0], P.DONE)
    # The count of the first batch differs from what this process kept of it, so all of that is dropped.
    for each in given.read(*rest):
        given.move(each, P.DONE)
    assert {each.progress.state for each in given.read("p00", *rest)} == {P.DONE}
