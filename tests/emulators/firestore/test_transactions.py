"""Transactions (https://firebase.google.com/docs/firestore/manage-data/transactions), one step at a time.

Real threads are in test_contention.py; here the interleavings are written out.

Longer than 300 lines: the cases follow the documentation of one RPC family.
"""

import datetime as dt

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


@pytest.fixture
def begin(db):
    """Begin a transaction by hand, so that the test decides what happens between its steps."""

    def begin(**options):
        transaction = db.transaction(**options)
        transaction._begin()
        return transaction

    return begin


def test_a_transaction_reads_and_writes(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    transaction = begin()
    transaction.update(ref, {"n": ref.get(transaction=transaction).get("n") + 1})
    transaction._commit()
    assert ref.get().get("n") == 2


def test_writes_of_a_transaction_are_invisible_before_its_commit(db, begin):
    ref = db.document("items/a")
    transaction = begin()
    transaction.create(ref, {"n": 1})
    assert not ref.get().exists
    transaction._commit()
    assert ref.get().exists


def test_a_rolled_back_transaction_leaves_nothing(db, begin):
    ref = db.document("items/a")
    transaction = begin()
    ref.get(transaction=transaction)
    transaction.set(ref, {"n": 1})
    transaction._rollback()
    assert not ref.get().exists


def test_a_document_changed_since_it_was_read_aborts_the_commit(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    first, second = begin(), begin()
    for transaction in (first, second):
        transaction.update(ref, {"n": ref.get(transaction=transaction).get("n") + 1})
    first._commit()
    with pytest.raises(exceptions.Aborted):
        second._commit()
    assert ref.get().get("n") == 2


def test_a_missing_document_that_appears_aborts_the_commit(db, begin):
    ref, other = db.document("items/a"), db.document("items/b")
    transaction, rival = begin(), begin()
    assert not ref.get(transaction=transaction).exists
    assert not ref.get(transaction=rival).exists
    rival.set(ref, {"n": 1})
    rival._commit()
    transaction.set(other, {"n": 1})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()


def test_a_document_that_is_deleted_aborts_the_commit(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    transaction, rival = begin(), begin()
    ref.get(transaction=transaction)
    ref.get(transaction=rival)
    rival.delete(ref)
    rival._commit()
    transaction.set(db.document("items/b"), {"n": 1})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()


def test_writes_elsewhere_do_not_abort(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    transaction = begin()
    ref.get(transaction=transaction)
    db.document("items/b").set({"n": 1})
    transaction.update(ref, {"n": 2})
    transaction._commit()
    assert ref.get().get("n") == 2


def test_blind_writes_do_not_conflict(db, begin):
    ref = db.document("items/a")
    first, second = begin(), begin()
    first.set(ref, {"by": 1})
    second.set(ref, {"by": 2})
    first._commit()
    second._commit()
    assert ref.get().get("by") == 2


def test_write_skew_is_prevented(db, begin):
    """Two doctors on call; each may leave if the other stays (Cahill, Röhm and Fekete 2008)."""
    alice, bob = db.document("doctors/alice"), db.document("doctors/bob")
    alice.set({"on_call": True})
    bob.set({"on_call": True})
    transactions = {alice: begin(), bob: begin()}
    for doctor, transaction in transactions.items():
        both = [ref.get(transaction=transaction).get("on_call") for ref in (alice, bob)]
        assert both == [True, True]
        transaction.update(doctor, {"on_call": False})
    transactions[alice]._commit()
    with pytest.raises(exceptions.Aborted):
        transactions[bob]._commit()
    assert bob.get().get("on_call")


def test_write_skew_over_a_query_is_prevented(db, begin):
    for name in ("alice", "bob"):
        db.document(f"doctors/{name}").set({"on_call": True})
    on_call = db.collection("doctors").where(filter=FieldFilter("on_call", "==", True))
    first, second = begin(), begin()
    for name, transaction in (("alice", first), ("bob", second)):
        assert len(on_call.get(transaction=transaction)) == 2
        transaction.update(db.document(f"doctors/{name}"), {"on_call": False})
    first._commit()
    with pytest.raises(exceptions.Aborted):
        second._commit()
    assert len(on_call.get()) == 1


@pytest.mark.parametrize("change", ["create", "enter", "leave", "delete", "touch"])
def test_a_query_that_would_come_out_differently_aborts_the_commit(db, begin, change):
    db.document("items/in").set({"q": 1})
    db.document("items/out").set({"q": 2})
    query = db.collection("items").where(filter=FieldFilter("q", "==", 1))
    transaction = begin()
    assert len(query.get(transaction=transaction)) == 1
    match change:
        case "create":
            db.document("items/new").set({"q": 1})
        case "enter":
            db.document("items/out").update({"q": 1})
        case "leave":
            db.document("items/in").update({"q": 2})
        case "delete":
            db.document("items/in").delete()
        case "touch":
            db.document("items/in").update({"other": 1})
    transaction.set(db.document("results/r"), {"n": 1})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()
    assert not db.document("results/r").get().exists


def test_a_change_outside_the_query_does_not_abort(db, begin):
    db.document("items/in").set({"q": 1})
    query = db.collection("items").where(filter=FieldFilter("q", "==", 1))
    transaction = begin()
    query.get(transaction=transaction)
    db.document("items/out").set({"q": 2})
    db.document("others/o").set({"q": 1})
    transaction.set(db.document("results/r"), {"n": 1})
    transaction._commit()
    assert db.document("results/r").get().exists


def test_a_change_behind_a_limit_does_not_abort_but_one_before_it_does(db, begin):
    for name in "bcd":
        db.document(f"items/{name}").set({"n": name})
    query = db.collection("items").order_by("n").limit(2)
    for name, aborts in (("e", False), ("a", True)):
        transaction = begin()
        query.get(transaction=transaction)
        db.document(f"items/{name}").set({"n": name})
        transaction.set(db.document(f"results/{name}"), {})
        if aborts:
            with pytest.raises(exceptions.Aborted):
                transaction._commit()
        else:
            transaction._commit()


def test_a_phantom_aborts_a_transaction_that_counted(db, begin):
    db.document("items/a").set({"q": 1})
    transaction = begin()
    assert db.collection("items").count().get(transaction=transaction)[0][0].value == 1
    db.document("items/b").set({"q": 1})
    transaction.set(db.document("results/r"), {"n": 1})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()


def test_a_phantom_in_a_collection_group_aborts(db, begin):
    transaction = begin()
    assert db.collection_group("parts").get(transaction=transaction) == []
    db.document("items/a/parts/p").set({})
    transaction.set(db.document("results/r"), {"n": 1})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()


def test_reads_of_a_transaction_are_of_one_moment(db, begin):
    first, second = db.document("items/a"), db.document("items/b")
    for ref in (first, second):
        ref.set({"n": 1})
    transaction = begin(read_only=True)
    assert first.get(transaction=transaction).get("n") == 1
    batch = db.batch()
    batch.set(first, {"n": 2})
    batch.set(second, {"n": 2})
    batch.set(db.document("items/c"), {"n": 2})
    batch.commit()
    assert second.get(transaction=transaction).get("n") == 1
    assert [snapshot.get("n") for snapshot in db.collection("items").get(transaction=transaction)] == [1, 1]
    transaction._commit()


def test_a_snapshot_query_sees_deleted_and_moved_documents(db, begin):
    for name in "abcd":
        db.document(f"items/{name}").set({"q": 1, "n": name})
    transaction = begin(read_only=True)
    assert db.document("items/a").get(transaction=transaction).exists
    db.document("items/b").delete()
    db.document("items/c").update({"q": 2})
    db.document("items/e").set({"q": 1, "n": "e"})
    query = (
        db.collection("items").where(filter=FieldFilter("q", "==", 1)).order_by("n", direction="DESCENDING")
    )
    assert [snapshot.id for snapshot in query.limit(3).get(transaction=transaction)] == ["d", "c", "b"]
    assert [snapshot.id for snapshot in query.get()] == ["e", "d", "a"]


def test_a_read_only_transaction_never_aborts_others(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    reader, writer = begin(read_only=True), begin()
    ref.get(transaction=reader)
    ref.get(transaction=writer)
    writer.update(ref, {"n": 2})
    writer._commit()
    reader._commit()


def test_a_read_only_transaction_refuses_writes(db, begin):
    transaction = begin(read_only=True)
    write = {"delete": db.document("items/a")._document_path}
    request = {"database": db._database_string, "writes": [write], "transaction": transaction.id}
    with pytest.raises(exceptions.InvalidArgument, match="read-only transaction"):
        db._firestore_api.commit(request=request)


def test_a_transaction_that_only_read_commits(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    transaction = begin()
    ref.get(transaction=transaction)
    ref.set({"n": 2})
    transaction._commit()


def test_a_transaction_ends_with_its_commit(db, begin):
    transaction = begin()
    transaction_id = transaction.id
    transaction.set(db.document("items/a"), {"n": 1})
    transaction._commit()
    with pytest.raises(exceptions.InvalidArgument, match="expired or is no longer valid"):
        list(
            db._firestore_api.batch_get_documents(
                request={
                    "database": db._database_string,
                    "documents": [db.document("items/a")._document_path],
                    "transaction": transaction_id,
                }
            )
        )


def test_an_unknown_transaction_is_refused(db):
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "transaction": b"unknown"})


def test_a_failed_precondition_fails_the_transaction(db, begin):
    ref = db.document("items/a")
    ref.set({"n": 1})
    transaction = begin()
    transaction.set(db.document("items/b"), {"n": 1})
    transaction.create(ref, {"n": 2})
    with pytest.raises(exceptions.AlreadyExists):
        transaction._commit()
    assert not db.document("items/b").get().exists


def test_the_decorator_retries_until_it_goes_through(db):
    ref = db.document("items/a")
    ref.set({"n": 0})
    attempts = []

    @firestore.transactional
    def bump(transaction):
        read = ref.get(transaction=transaction).get("n")
        if len(attempts) < 2:
            ref.update({"n": firestore.Increment(10)})
        attempts.append(read)
        transaction.update(ref, {"n": read + 1})

    bump(db.transaction())
    assert attempts == [0, 10, 20]
    assert ref.get().get("n") == 21


def test_the_decorator_gives_up_after_its_attempts(db):
    ref = db.document("items/a")
    ref.set({"n": 0})

    @firestore.transactional
    def hopeless(transaction):
        ref.get(transaction=transaction)
        ref.update({"n": firestore.Increment(1)})
        transaction.update(ref, {"lost": True})

    with pytest.raises(ValueError, match="Failed to commit transaction in 3 attempts"):
        hopeless(db.transaction(max_attempts=3))
    assert ref.get().to_dict() == {"n": 3}


def test_an_error_inside_a_transaction_rolls_it_back(db):
    @firestore.transactional
    def failing(transaction):
        transaction.set(db.document("items/a"), {"n": 1})
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        failing(db.transaction())
    assert not db.document("items/a").get().exists


def test_a_read_can_begin_a_transaction(db):
    ref = db.document("items/a")
    ref.set({"n": 1})
    request = {
        "database": db._database_string,
        "documents": [ref._document_path],
        "new_transaction": {"read_write": {}},
    }
    first, second = db._firestore_api.batch_get_documents(request=request)
    assert first.transaction
    assert second.found.name == ref._document_path
    ref.set({"n": 2})
    write = {"update": {"name": ref._document_path}}
    with pytest.raises(exceptions.Aborted):
        db._firestore_api.commit(
            request={"database": db._database_string, "writes": [write], "transaction": first.transaction}
        )


def test_a_query_can_begin_a_transaction(db, fill):
    fill({"a": {"n": 1}})
    request = {
        "parent": f"{db._database_string}/documents",
        "structured_query": {"from_": [{"collection_id": "items"}]},
        "new_transaction": {},
    }
    first, second = db._firestore_api.run_query(request=request)
    assert first.transaction
    assert not first.document.name
    assert second.document.name.endswith("items/a")


def test_a_document_can_be_read_as_it_was(db):
    ref = db.document("items/a")
    times = [ref.set({"n": number}).update_time for number in range(3)]
    ref.delete()
    assert [ref.get(read_time=time).get("n") for time in times] == [0, 1, 2]
    assert not ref.get().exists
    assert not ref.get(read_time=times[0] - dt.timedelta(microseconds=1)).exists


def test_a_query_can_read_the_past(db, fill, where):
    fill({"a": {"q": 1}, "b": {"q": 1}})
    past = db.document("items/b").get().read_time
    db.document("items/a").delete()
    db.document("items/c").set({"q": 1})
    query = where(db.collection("items"), "q", "==", 1)
    assert [snapshot.id for snapshot in query.get(read_time=past)] == ["a", "b"]
    assert query.count().get(read_time=past)[0][0].value == 2


@pytest.mark.parametrize("offset", [dt.timedelta(hours=-2), dt.timedelta(hours=1)], ids=["past", "future"])
def test_a_read_time_must_lie_within_the_last_hour(db, offset):
    time = dt.datetime.now(dt.UTC) + offset
    with pytest.raises((exceptions.FailedPrecondition, exceptions.InvalidArgument)):
        db.document("items/a").get(read_time=time)


def test_a_read_only_transaction_can_read_the_past(db):
    ref = db.document("items/a")
    past = ref.set({"n": 1}).update_time
    ref.set({"n": 2})
    options = {"read_only": {"read_time": past}}
    begun = db._firestore_api.begin_transaction(request={"database": db._database_string, "options": options})
    request = {"name": ref._document_path, "transaction": begun.transaction}
    assert db._firestore_api.get_document(request=request).fields["n"].integer_value == 1


def test_lists_can_read_the_past(db):
    past = db.document("old/a").set({"n": 1}).update_time
    db.document("items/m/parts/p").set({})
    db.document("old/a").delete()
    parent = f"{db._database_string}/documents"
    now = db._firestore_api.list_collection_ids(request={"parent": parent})
    then = db._firestore_api.list_collection_ids(request={"parent": parent, "read_time": past})
    assert (list(now), list(then)) == (["items"], ["old"])
    request = {"parent": parent, "collection_id": "old", "read_time": past, "show_missing": True}
    assert [document.name[-1] for document in db._firestore_api.list_documents(request=request)] == ["a"]
    request["collection_id"] = "items"
    assert list(db._firestore_api.list_documents(request=request)) == []
