"""Billed operations (https://firebase.google.com/docs/firestore/pricing#operations) and round trips."""

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from gemchain.emulators.firestore import Counters


@pytest.fixture
def cost(emulator, project):
    """`cost(call)`: reads, writes, deletes and round trips that one call took."""

    def cost(call):
        before = emulator.counters(project)
        call()
        spent = emulator.counters(project) - before
        return (spent.reads, spent.writes, spent.deletes, spent.round_trips)

    return cost


def items(db):
    batch = db.batch()
    for number in range(10):
        batch.set(db.document(f"items/{number}"), {"n": number})
    batch.commit()
    return db.collection("items")


def test_a_lookup_is_one_read_even_of_a_missing_document(own_db, cost):
    own_db.document("items/a").set({})
    assert cost(lambda: own_db.document("items/a").get()) == (1, 0, 0, 1)
    assert cost(lambda: own_db.document("items/none").get()) == (1, 0, 0, 1)


def test_get_all_is_one_read_for_each_document_and_one_round_trip(own_db, cost):
    refs = [*items(own_db).list_documents(), own_db.document("items/none")]
    assert cost(lambda: list(own_db.get_all(refs))) == (11, 0, 0, 1)


def test_a_batch_counts_its_writes_and_deletes(own_db, cost):
    batch = own_db.batch()
    batch.set(own_db.document("items/a"), {})
    batch.set(own_db.document("items/b"), {"at": firestore.SERVER_TIMESTAMP})
    batch.delete(own_db.document("items/c"))
    assert cost(batch.commit) == (0, 2, 1, 1)


def test_a_refused_batch_costs_a_round_trip_only(own_db, cost):
    own_db.document("items/a").set({})

    def refused():
        with pytest.raises(exceptions.AlreadyExists):
            own_db.document("items/a").create({})

    assert cost(refused) == (0, 0, 0, 1)


def test_a_write_that_changes_nothing_is_billed(own_db, cost):
    own_db.document("items/a").set({"n": 1})
    assert cost(lambda: own_db.document("items/a").set({"n": 1})) == (0, 1, 0, 1)


def test_a_query_reads_what_it_returns_and_one_at_least(own_db, cost):
    query = items(own_db).where(filter=FieldFilter("n", ">=", 7))
    assert cost(query.get) == (3, 0, 0, 1)
    assert cost(own_db.collection("nothing").get) == (1, 0, 0, 1)


def test_a_limit_saves_reads_and_an_offset_does_not(own_db, cost):
    found = items(own_db)
    assert cost(found.limit(4).get) == (4, 0, 0, 1)
    assert cost(found.offset(4).limit(3).get) == (7, 0, 0, 1)


def test_an_aggregation_reads_one_for_each_thousand_entries(own_db, cost):
    for start in (0, 1_000):
        batch = own_db.batch()
        for number in range(start, start + 1_000 + start // 1_000):
            batch.set(own_db.document(f"many/{number}"), {"n": 1})
        batch.commit()
    assert cost(own_db.collection("nothing").count().get) == (1, 0, 0, 1)
    assert cost(own_db.collection("many").limit(1_000).count().get) == (1, 0, 0, 1)
    assert cost(own_db.collection("many").count().get) == (3, 0, 0, 1)


def test_a_transaction_costs_its_reads_its_writes_and_three_round_trips(own_db, cost):
    ref = own_db.document("items/a")
    ref.set({"n": 1})

    @firestore.transactional
    def bump(transaction):
        transaction.update(ref, {"n": ref.get(transaction=transaction).get("n") + 1})

    assert cost(lambda: bump(own_db.transaction())) == (1, 1, 0, 3)


def test_lists_are_billed_by_document_and_collection_ids_by_request(own_db, cost):
    found = items(own_db)
    assert cost(lambda: list(found.list_documents(page_size=4))) == (10, 0, 0, 3)
    assert cost(lambda: list(own_db.collections())) == (1, 0, 0, 1)


def test_calls_are_counted_by_method(emulator, own_db, project):
    items(own_db).get()
    own_db.document("items/1").get()
    assert emulator.counters(project).rpcs == {"Commit": 1, "RunQuery": 1, "BatchGetDocuments": 1}


def test_each_database_counts_for_itself(emulator, own_db, project, connect):
    own_db.document("items/a").set({})
    connect(project, database="second", at=emulator.host).document("items/a").get()
    assert emulator.counters(project).writes == 1
    assert emulator.counters(project, "second").reads == 1
    assert emulator.counters(project, "second").writes == 0


def test_counters_can_be_reset_and_survive_a_clear(emulator, own_db, project):
    own_db.document("items/a").set({})
    emulator.clear(project)
    assert emulator.counters(project).writes == 1
    emulator.reset_counters()
    assert emulator.counters(project) == Counters()
