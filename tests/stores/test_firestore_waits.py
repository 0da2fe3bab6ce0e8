"""To look after waits for other chains costs little while nothing ends."""

import pytest

from gemchain.records import ChainMove, Progress, Unit
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.firestore.client.messages import Write
from gemchain.stores.firestore.counters import SHARDS
from gemchain.stores.firestore.reads.waits import PATIENCE

WAITS = 200
C = ChainState


@pytest.fixture
def given(on_firestore):
    """Chains that wait for others, one for each of them."""
    given = on_firestore
    units = [given.start_unit(f"c{number:03d}") for number in range(WAITS)]
    waiting = {"kind": "chain", "progress": Progress(PromptState.WAITING)}
    units += [
        given.start_unit(f"w{number:03d}", f"p{number:03d}", key=f"c{number:03d}", **waiting)
        for number in range(WAITS)
    ]
    given.store.commit(units)
    assert given.store.ended_waits(limit=10) == []
    return given


def end(given, chain_id, after=C.DONE):
    given.store.commit([Unit(f"end {chain_id} {after}", ending=given.end(chain_id, after))])


def over(given):
    return [each.id for each in given.store.ended_waits(limit=10)]


def test_a_look_while_nothing_ends_costs_a_handful_of_reads(given, spent):
    spent()
    for _ in range(10):
        assert over(given) == []
    assert spent().reads <= 10 * (1 + SHARDS)


def test_a_look_at_an_empty_queue_costs_one_read(on_firestore, spent):
    on_firestore.start("c1", "p1")
    spent()
    assert over(on_firestore) == []
    assert spent().reads == 1


def test_what_ends_is_seen_at_the_next_look(given):
    for number in (7, 3):
        end(given, f"c{number:03d}")
        assert f"p{number:03d}" in over(given)


def test_what_ends_while_another_chain_is_sent_back_is_seen_before_long(given, clock):
    given.start("other")
    end(given, "other", C.FAILED)
    assert over(given) == []
    given.store.commit(
        [
            Unit("back", ending=ChainMove("other", C.FAILED, C.RUNNING)),
            Unit("fails", ending=given.end("c005", C.FAILED)),
        ]
    )
    clock.advance(PATIENCE.total_seconds())
    assert over(given) == ["p005"]


def test_a_chain_that_was_removed_is_noticed_before_long(given, clock):
    connection = given.store._connection
    connection.commit([Write(delete=connection.name("chains", "c009"))])
    assert over(given) == []
    clock.advance(PATIENCE.total_seconds())
    assert over(given) == ["p009"]
