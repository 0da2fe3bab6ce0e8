"""Limits (https://firebase.google.com/docs/firestore/quotas) and the published storage sizes."""

import pytest
from google.api_core import exceptions

MEBIBYTE = 1_048_576


def refuse(db, fields, path="items/a", match=None):
    with pytest.raises(exceptions.InvalidArgument, match=match):
        db.document(path).set(fields)
    assert not db.document(path).get().exists


def test_a_document_of_exactly_one_mebibyte_is_taken(db):
    # The name takes 6 for the collection, 2 for the id and 16; the field 2 and 1; the document 32.
    text = "x" * (MEBIBYTE - 6 - 2 - 16 - 2 - 1 - 32)
    db.document("items/a").set({"v": text})
    assert db.document("items/a").get().get("v") == text


def test_a_document_one_byte_larger_is_refused(db):
    text = "x" * (MEBIBYTE - 6 - 2 - 16 - 2 - 1 - 32 + 1)
    refuse(
        db,
        {"v": text},
        match=r"its size \(1,048,577 bytes\) exceeds the maximum allowed size of 1,048,576 bytes",
    )


def test_sizes_are_bytes_and_not_characters(db):
    db.document("items/a").set({"v": "x" * 600_000})
    refuse(db, {"v": "é" * 600_000}, path="items/b", match="exceeds the maximum allowed size")


def test_a_document_that_grows_beyond_the_limit_is_refused_and_stays(db):
    ref = db.document("items/a")
    ref.set({"v": "x" * 600_000})
    with pytest.raises(exceptions.InvalidArgument, match="exceeds the maximum allowed size"):
        ref.update({"w": "x" * 600_000})
    assert list(ref.get().to_dict()) == ["v"]


def test_many_small_values_count_their_names_and_overheads(db):
    # An empty map is 32 bytes of storage and 4 of the wire.
    refuse(db, {"v": [{} for _ in range(MEBIBYTE // 32)]}, match="exceeds the maximum allowed size")


def test_a_request_above_ten_mebibytes_is_refused_whole(db):
    batch = db.batch()
    for number in range(11):
        batch.set(db.document(f"items/{number}"), {"v": "x" * 1_000_000})
    with pytest.raises(
        exceptions.InvalidArgument, match="Request payload size exceeds the limit: 10485760 bytes"
    ):
        batch.commit()
    assert db.collection("items").count().get()[0][0].value == 0


def test_a_request_just_below_ten_mebibytes_is_taken(db):
    batch = db.batch()
    for number in range(10):
        batch.set(db.document(f"items/{number}"), {"v": "x" * 1_000_000})
    batch.commit()
    assert db.collection("items").count().get()[0][0].value == 10


def nested(depth, innermost=1):
    return innermost if depth == 0 else {"m": nested(depth - 1, innermost)}


def test_values_nest_twenty_deep(db):
    db.document("items/a").set({"v": nested(20)})
    assert db.document("items/a").get().get("v") == nested(20)


def test_values_nested_deeper_are_refused(db):
    refuse(db, {"v": nested(21)})


def test_arrays_count_as_depth(db):
    refuse(db, {"v": nested(20, [1])})


def test_an_array_in_an_array_is_refused(db):
    refuse(db, {"v": [[1]]}, match="nested entity")


def test_an_array_in_a_map_in_an_array_is_taken(db):
    db.document("items/a").set({"v": [{"m": [1]}]})
    assert db.document("items/a").get().get("v") == [{"m": [1]}]


@pytest.mark.parametrize("document_id", [".", "..", "__reserved__", "____", "x" * 1_501, "é" * 751])
def test_document_ids_the_service_refuses(db, document_id):
    with pytest.raises(exceptions.InvalidArgument):
        db.collection("items").document(document_id).set({})


@pytest.mark.parametrize("document_id", ["x" * 1_500, "é" * 750, "__a", "a__", "_", "...", "a b"])
def test_document_ids_the_service_takes(db, document_id):
    db.collection("items").document(document_id).set({"n": 1})
    assert db.collection("items").document(document_id).get().exists


@pytest.mark.parametrize("collection_id", [".", "..", "__reserved__", "x" * 1_501])
def test_collection_ids_the_service_refuses(db, collection_id):
    with pytest.raises(exceptions.InvalidArgument):
        db.collection(collection_id).document("a").set({})


@pytest.mark.parametrize("collection_id", [".", "__reserved__"])
def test_queries_refuse_those_collection_ids_too(db, collection_id):
    with pytest.raises(exceptions.InvalidArgument):
        db.collection(collection_id).get()


def test_names_are_at_most_six_kibibytes(db):
    deep = "/".join(["x" * 1_400] * 4)
    db.document(deep).set({"n": 1})
    with pytest.raises(exceptions.InvalidArgument):
        db.document(f"{deep}/{'x' * 300}/{'y' * 300}").set({})


def test_collections_nest_a_hundred_deep(db):
    db.document("/".join(["c/d"] * 100)).set({"n": 1})
    with pytest.raises(exceptions.InvalidArgument):
        db.document("/".join(["c/d"] * 101)).set({})


@pytest.mark.parametrize("name", ["__reserved__", "x" * 1_501])
def test_field_names_the_service_refuses(db, name):
    refuse(db, {name: 1})
    refuse(db, {"deep": {name: 1}})


@pytest.mark.parametrize("name", ["x" * 1_500, "__a", "a__", "with space", "a.b", "1", "é"])
def test_field_names_the_service_takes(db, name):
    db.document("items/a").set({name: 1, "deep": {name: 2}})
    assert db.document("items/a").get().to_dict() == {name: 1, "deep": {name: 2}}


def test_empty_field_names_are_refused(db):
    write = {"update": {"name": db.document("items/a")._document_path, "fields": {"": {"integer_value": 1}}}}
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})


@pytest.mark.parametrize("path", ["__x__", "a.__x__", "a..b", "", "a b", "`open", "a.", ".a", "9lives"])
def test_malformed_or_reserved_mask_paths_are_refused(db, path):
    write = {
        "update": {"name": db.document("items/a")._document_path},
        "update_mask": {"field_paths": [path]},
    }
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})


@pytest.mark.parametrize(
    "name",
    [
        "projects/{p}/databases/(default)/documents/items",
        "projects/{p}/databases/(default)/documents",
        "projects/{p}/databases/(default)/documents/",
        "projects/{p}/databases/(default)/documents/items//",
        "projects/{p}/databases/(default)/documents/items//a/b",
        "projects/other/databases/(default)/documents/items/a",
        "items/a",
    ],
)
def test_malformed_document_names_are_refused(db, project, name):
    write = {"update": {"name": name.format(p=project)}}
    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [write]})


@pytest.mark.parametrize(
    "write",
    [
        {},
        {"update_mask": {"field_paths": ["a"]}, "delete": "{name}"},
        {"transform": {"document": "{name}", "field_transforms": []}},
        {"transform": {"document": "{name}", "field_transforms": [{"field_path": "a"}]}},
        {
            "transform": {
                "document": "{name}",
                "field_transforms": [{"field_path": "a", "increment": {"string_value": "x"}}],
            }
        },
        {"update": {"name": "{name}", "fields": {"a": {}}}},
    ],
    ids=["nothing", "delete with mask", "no transforms", "empty transform", "increment by text", "no value"],
)
def test_malformed_writes_are_refused(db, write):
    name = db.document("items/a")._document_path

    def named(part):
        if isinstance(part, dict):
            return {key: named(value) for key, value in part.items()}
        return name if part == "{name}" else part

    with pytest.raises(exceptions.InvalidArgument):
        db._firestore_api.commit(request={"database": db._database_string, "writes": [named(write)]})
    assert not db.document("items/a").get().exists
