"""Reading and writing single documents (https://firebase.google.com/docs/firestore/manage-data/add-data)."""

import datetime as dt

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

UTC = dt.UTC

VALUES = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest integer": 2**63 - 1,
    "smallest integer": -(2**63),
    "double": 1.5,
    "negative zero": -0.0,
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "text": "Grüße, 世界 \U0001f600",
    "empty text": "",
    "text with NUL": "a\0b",
    "bytes": b"\x00\xff",
    "time": dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "time before the epoch": dt.datetime(1950, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "place": firestore.GeoPoint(52.5, 13.4),
    "list": [1, "two", None, {"three": [4]}],
    "empty list": [],
    "map": {"a": {"b": {"c": 1}}},
    "empty map": {},
    "vector": Vector([1.0, 2.5, -3.0]),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back_as_it_was_stored(db, value):
    ref = db.document("values/v")
    ref.set({"value": value})
    assert ref.get().to_dict() == {"value": value}


def test_nan_comes_back_as_nan(db):
    ref = db.document("values/v")
    ref.set({"value": float("nan")})
    stored = ref.get().get("value")
    assert stored != stored  # noqa: PLR0124


def test_a_reference_comes_back_as_a_reference(db):
    other = db.document("others/o")
    db.document("values/v").set({"value": other})
    assert db.document("values/v").get().get("value") == other


def test_a_missing_document_does_not_exist_and_says_when_it_was_read(db):
    snapshot = db.document("items/none").get()
    assert not snapshot.exists
    assert snapshot.read_time is not None
    assert snapshot.update_time is None


def test_set_replaces_the_whole_document(db):
    ref = db.document("items/a")
    ref.set({"old": 1})
    ref.set({"new": 2})
    assert ref.get().to_dict() == {"new": 2}


def test_a_document_may_be_empty(db):
    ref = db.document("items/a")
    ref.set({})
    assert ref.get().exists
    assert ref.get().to_dict() == {}


def test_set_with_merge_keeps_other_fields_at_every_depth(db):
    ref = db.document("items/a")
    ref.set({"a": {"x": 1, "y": 1}, "b": 1})
    ref.set({"a": {"y": 2}, "c": 3}, merge=True)
    assert ref.get().to_dict() == {"a": {"x": 1, "y": 2}, "b": 1, "c": 3}


def test_set_with_merge_creates_a_missing_document(db):
    ref = db.document("items/a")
    ref.set({"a": 1}, merge=True)
    assert ref.get().to_dict() == {"a": 1}


def test_merging_an_empty_map_creates_an_empty_document(db):
    ref = db.document("items/a")
    ref.set({}, merge=True)
    assert ref.get().to_dict() == {}


def test_set_with_named_merge_fields_writes_only_those(db):
    ref = db.document("items/a")
    ref.set({"a": 1, "b": 1})
    ref.set({"a": 2, "b": 2}, merge=["a"])
    assert ref.get().to_dict() == {"a": 2, "b": 1}


def test_update_changes_only_the_named_fields(db):
    ref = db.document("items/a")
    ref.set({"a": 1, "b": {"c": 1, "d": 1}})
    ref.update({"b.c": 2, "e": 3})
    assert ref.get().to_dict() == {"a": 1, "b": {"c": 2, "d": 1}, "e": 3}


def test_update_of_a_whole_map_replaces_the_map(db):
    ref = db.document("items/a")
    ref.set({"b": {"c": 1, "d": 1}})
    ref.update({"b": {"c": 2}})
    assert ref.get().to_dict() == {"b": {"c": 2}}


def test_update_makes_the_maps_on_its_way(db):
    ref = db.document("items/a")
    ref.set({"x": 1})
    ref.update({"a.b.c": 1})
    assert ref.get().to_dict() == {"x": 1, "a": {"b": {"c": 1}}}


def test_update_through_a_value_that_is_no_map_replaces_it(db):
    ref = db.document("items/a")
    ref.set({"a": 5})
    ref.update({"a.b": 1})
    assert ref.get().to_dict() == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("with space", "`with space`"),
        ("with.dot", "`with.dot`"),
        ("back`tick", r"`back\`tick`"),
        (r"back\slash", r"`back\\slash`"),
        ("0digit", "`0digit`"),
        ("ünï", "`ünï`"),
        ("*~/[]", "`*~/[]`"),
    ],
)
def test_update_reaches_quoted_field_names(db, name, path):
    ref = db.document("items/a")
    ref.set({name: {"in": 1, "other": 2}})
    ref.update({f"{path}.in": 3})
    assert ref.get().to_dict() == {name: {"in": 3, "other": 2}}


def test_delete_field_removes_a_field_and_a_nested_one(db):
    ref = db.document("items/a")
    ref.set({"a": 1, "b": {"c": 1, "d": 1}})
    ref.update({"a": firestore.DELETE_FIELD, "b.c": firestore.DELETE_FIELD})
    assert ref.get().to_dict() == {"b": {"d": 1}}


def test_delete_field_of_the_last_name_leaves_an_empty_map(db):
    ref = db.document("items/a")
    ref.set({"b": {"c": 1}})
    ref.update({"b.c": firestore.DELETE_FIELD})
    assert ref.get().to_dict() == {"b": {}}


def test_delete_field_that_is_not_there_changes_nothing(db):
    ref = db.document("items/a")
    ref.set({"a": 1})
    before = ref.get().update_time
    ref.update({"x.y": firestore.DELETE_FIELD})
    assert ref.get().to_dict() == {"a": 1}
    assert ref.get().update_time == before


def test_a_deleted_document_is_gone_and_its_subcollections_stay(db):
    db.document("items/a").set({"a": 1})
    db.document("items/a/parts/p").set({"p": 1})
    db.document("items/a").delete()
    assert not db.document("items/a").get().exists
    assert db.document("items/a/parts/p").get().exists


def test_create_and_update_times(db):
    ref = db.document("items/a")
    first = ref.set({"a": 1}).update_time
    second = ref.set({"a": 2}).update_time
    snapshot = ref.get()
    assert snapshot.create_time == first
    assert snapshot.update_time == second
    assert first < second <= snapshot.read_time


def test_a_document_made_again_gets_a_new_create_time(db):
    ref = db.document("items/a")
    first = ref.set({"a": 1}).update_time
    ref.delete()
    again = ref.set({"a": 1}).update_time
    assert again > first
    assert ref.get().create_time == again


def test_a_write_that_changes_nothing_keeps_its_update_time(db):
    ref = db.document("items/a")
    first = ref.set({"a": 1, "b": {"c": [1, 2]}}).update_time
    assert ref.set({"b": {"c": [1, 2]}, "a": 1}).update_time == first
    assert ref.get().update_time == first


def test_an_integer_in_place_of_an_equal_double_is_a_change(db):
    ref = db.document("items/a")
    first = ref.set({"a": 1}).update_time
    assert ref.set({"a": 1.0}).update_time > first
    assert isinstance(ref.get().get("a"), float)


def test_times_are_microseconds_and_the_rest_is_cut_off(db):
    ref = db.document("items/a")
    ref.set({"at": firestore.SERVER_TIMESTAMP})
    snapshot = ref.get()
    assert snapshot.update_time.nanosecond % 1_000 == 0


def test_a_field_mask_selects_fields_of_a_read(db):
    ref = db.document("items/a")
    ref.set({"a": 1, "b": {"c": 2, "d": 3}, "e": 4})
    assert ref.get(["a", "b.d", "nope"]).to_dict() == {"a": 1, "b": {"d": 3}}


def test_get_all_returns_each_document_once_and_missing_ones_too(db):
    db.document("items/a").set({"n": 1})
    refs = [db.document("items/a"), db.document("items/b"), db.document("items/a")]
    found = {snapshot.id: snapshot.exists for snapshot in db.get_all(refs)}
    assert found == {"a": True, "b": False}


def test_get_all_takes_a_field_mask(db):
    db.document("items/a").set({"a": 1, "b": 2})
    (snapshot,) = db.get_all([db.document("items/a")], field_paths=["b"])
    assert snapshot.to_dict() == {"b": 2}


def test_add_makes_an_id_of_twenty_characters(db):
    _, ref = db.collection("items").add({"a": 1})
    assert len(ref.id) == 20
    assert ref.get().exists


def test_projects_and_databases_are_worlds_of_their_own(db, connect, project):
    db.document("items/a").set({"where": "here"})
    assert not connect(f"{project}-other").document("items/a").get().exists
    assert not connect(project, database="second").document("items/a").get().exists


def test_ids_may_hold_any_text(db):
    for document_id in ("ünï", "a b", "a.b", "...", "_x_", "%2F", "\U0001f600"):
        db.collection("odd ids").document(document_id).set({"id": document_id})
        assert db.collection("odd ids").document(document_id).get().get("id") == document_id


def test_recursive_delete_removes_everything_beneath(db):
    for path in ("items/a", "items/a/parts/p", "items/a/parts/p/bits/b", "items/b", "others/o"):
        db.document(path).set({"n": 1})
    db.recursive_delete(db.collection("items"))
    assert not list(db.collection_group("parts").stream())
    assert not list(db.collection("items").stream())
    assert db.document("others/o").get().exists


def test_reading_with_a_malformed_database_name_is_refused(db):
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.get_document(request={"name": "nonsense"})
