"""Preconditions and atomic commits (https://docs.cloud.google.com/firestore/docs/manage-data/transactions)."""

import datetime as dt
import itertools

import pytest
from google.api_core import exceptions
from google.cloud import firestore


def test_create_makes_a_missing_document(db):
    ref = db.document("items/a")
    ref.create({"a": 1})
    assert ref.get().to_dict() == {"a": 1}


def test_create_refuses_an_existing_document(db):
    ref = db.document("items/a")
    ref.create({"a": 1})
    with pytest.raises(exceptions.AlreadyExists, match=r"Document already exists: .*/documents/items/a"):
        ref.create({"a": 2})
    assert ref.get().to_dict() == {"a": 1}


def test_update_refuses_a_missing_document(db):
    with pytest.raises(exceptions.NotFound, match=r"No document to update: .*/documents/items/a"):
        db.document("items/a").update({"a": 1})
    assert not db.document("items/a").get().exists


def test_update_with_the_right_last_update_time_goes_through(db):
    ref = db.document("items/a")
    written = ref.set({"a": 1})
    ref.update({"a": 2}, option=db.write_option(last_update_time=written.update_time))
    assert ref.get().get("a") == 2


def test_update_with_a_stale_last_update_time_is_refused(db):
    ref = db.document("items/a")
    stale = ref.set({"a": 1}).update_time
    ref.set({"a": 2})
    with pytest.raises(exceptions.FailedPrecondition, match="does not match the required base version"):
        ref.update({"a": 3}, option=db.write_option(last_update_time=stale))
    assert ref.get().get("a") == 2


def test_a_no_op_write_does_not_invalidate_an_update_time(db):
    ref = db.document("items/a")
    read = ref.set({"a": 1}).update_time
    ref.set({"a": 1})
    ref.update({"a": 2}, option=db.write_option(last_update_time=read))
    assert ref.get().get("a") == 2


def test_an_update_time_of_a_document_since_deleted_is_refused(db):
    ref = db.document("items/a")
    read = ref.set({"a": 1}).update_time
    ref.delete()
    with pytest.raises((exceptions.FailedPrecondition, exceptions.NotFound)):
        ref.update({"a": 2}, option=db.write_option(last_update_time=read))


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_no_update_time_fits_a_missing_document(db, operation):
    name = db.document("items/a")._document_path
    target = {"name": name, "fields": {}} if operation == "update" else name
    write = {operation: target, "current_document": {"update_time": dt.datetime.fromtimestamp(0, dt.UTC)}}
    with pytest.raises((exceptions.FailedPrecondition, exceptions.NotFound)):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})
    assert not db.document("items/a").get().exists


def test_an_update_time_of_a_document_since_made_again_is_refused(db):
    ref = db.document("items/a")
    read = ref.set({"a": 1}).update_time
    ref.delete()
    ref.set({"a": 1})
    with pytest.raises(exceptions.FailedPrecondition):
        ref.update({"a": 2}, option=db.write_option(last_update_time=read))


def test_delete_with_exists_refuses_a_missing_document(db):
    with pytest.raises(exceptions.NotFound):
        db.document("items/a").delete(option=db.write_option(exists=True))


def test_delete_without_a_precondition_accepts_a_missing_document(db):
    db.document("items/a").delete()


def test_delete_with_the_right_update_time_deletes(db):
    ref = db.document("items/a")
    written = ref.set({"a": 1})
    ref.delete(option=db.write_option(last_update_time=written.update_time))
    assert not ref.get().exists


def test_delete_with_a_stale_update_time_is_refused(db):
    ref = db.document("items/a")
    stale = ref.set({"a": 1}).update_time
    ref.set({"a": 2})
    with pytest.raises(exceptions.FailedPrecondition):
        ref.delete(option=db.write_option(last_update_time=stale))
    assert ref.get().exists


def test_an_update_time_finer_than_microseconds_is_refused(db):
    ref = db.document("items/a")
    written = ref.set({"a": 1}).update_time
    finer = written.timestamp_pb()
    finer.nanos += 1
    write = {
        "update": {"name": ref._document_path, "fields": {}},
        "current_document": {"update_time": finer},
    }
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})


def test_a_batch_is_applied_whole(db):
    batch = db.batch()
    batch.set(db.document("items/a"), {"n": 1})
    batch.create(db.document("items/b"), {"n": 2})
    batch.commit()
    assert sorted(snapshot.get("n") for snapshot in db.collection("items").stream()) == [1, 2]


@pytest.mark.parametrize("failing", ["create", "update", "stale", "delete"])
def test_a_batch_with_one_failing_write_applies_none(db, failing):
    there, gone = db.document("items/there"), db.document("items/gone")
    there.set({"n": 0})
    stale = db.write_option(last_update_time=there.get().update_time)
    there.set({"n": 1})
    batch = db.batch()
    batch.set(db.document("items/first"), {"n": 1})
    match failing:
        case "create":
            batch.create(there, {"n": 2})
        case "update":
            batch.update(gone, {"n": 2})
        case "stale":
            batch.update(there, {"n": 2}, option=stale)
        case "delete":
            batch.delete(gone, option=db.write_option(exists=True))
    batch.set(db.document("items/last"), {"n": 1})
    with pytest.raises(exceptions.GoogleAPICallError):
        batch.commit()
    assert [snapshot.id for snapshot in db.collection("items").stream()] == ["there"]
    assert there.get().get("n") == 1


def test_writes_of_a_batch_see_those_before_them(db):
    ref = db.document("items/a")
    batch = db.batch()
    batch.create(ref, {"n": 1})
    batch.update(ref, {"m": 2})
    batch.update(ref, {"n": firestore.Increment(4)})
    batch.commit()
    assert ref.get().to_dict() == {"n": 5, "m": 2}


def test_a_batch_may_delete_and_create_one_document(db):
    ref = db.document("items/a")
    ref.set({"n": 1})
    batch = db.batch()
    batch.delete(ref)
    batch.create(ref, {"m": 2})
    batch.commit()
    assert ref.get().to_dict() == {"m": 2}
    assert ref.get().create_time == ref.get().update_time


def test_a_batch_may_create_and_delete_one_document(db):
    ref = db.document("items/a")
    batch = db.batch()
    batch.create(ref, {"n": 1})
    batch.delete(ref)
    batch.commit()
    assert not ref.get().exists


def test_all_writes_of_a_batch_share_the_commit_time(db):
    batch = db.batch()
    for document_id in "abc":
        batch.set(db.document(f"items/{document_id}"), {"n": 1})
    results = batch.commit()
    assert {result.update_time for result in results} == {batch.commit_time}


def test_commit_times_rise_strictly(db):
    times = [db.document(f"items/{number}").set({"n": 1}).update_time for number in range(50)]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))


def test_a_batch_may_hold_more_than_five_hundred_writes(db):
    batch = db.batch()
    for number in range(1_200):
        batch.set(db.document(f"items/{number}"), {"n": number})
    assert len(batch.commit()) == 1_200


def test_an_empty_batch_commits(db):
    assert db.batch().commit() == []


def test_timestamps_are_rounded_down_to_microseconds(db):
    ref = db.document("items/a")
    ref.set({"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)})
    value = {"timestamp_value": {"seconds": 5, "nanos": 1_999}}
    write = {"update": {"name": ref._document_path, "fields": {"at": value}}}
    db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})
    stored = ref.get().get("at")
    assert (stored.microsecond, stored.nanosecond) == (1, 0)


def test_bulk_writes_succeed_and_fail_one_by_one(db):
    db.document("items/there").set({"n": 1})
    names = {
        document_id: db.document(f"items/{document_id}")._document_path
        for document_id in ("there", "new", "gone")
    }
    writes = [
        {"update": {"name": names["there"]}, "current_document": {"exists": False}},
        {"update": {"name": names["new"], "fields": {"n": {"integer_value": 2}}}},
        {"delete": names["gone"], "current_document": {"exists": True}},
    ]
    response = db._firestore_api.batch_write(request={"database": db._database_string, "writes": writes})
    assert [status.code for status in response.status] == [6, 0, 5]
    assert db.document("items/new").get().get("n") == 2
    assert response.write_results[1].update_time == db.document("items/new").get().update_time


def test_bulk_writes_refuse_one_document_twice(db):
    name = db.document("items/a")._document_path
    writes = [{"update": {"name": name}}, {"delete": name}]
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.batch_write(request={"database": db._database_string, "writes": writes})


def test_the_bulk_writer_works(db):
    with_writer = db.bulk_writer()
    for number in range(45):
        with_writer.create(db.document(f"items/{number}"), {"n": number})
    with_writer.close()
    assert len(list(db.collection("items").stream())) == 45
