"""Field transforms (https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#fieldtransform)."""

import math

import pytest
from google.cloud import firestore

LARGEST, SMALLEST = 2**63 - 1, -(2**63)
NAN = float("nan")


def apply(db, stored, transform):
    ref = db.document("items/a")
    ref.set({} if stored is None else {"v": stored})
    ref.update({"v": transform})
    return ref.get().get("v")


def same(left, right):
    if isinstance(right, float) and math.isnan(right):
        return math.isnan(left)
    return left == right and type(left) is type(right)


@pytest.mark.parametrize(
    ("stored", "by", "result"),
    [
        (1, 2, 3),
        (1, -5, -4),
        (1, 0.5, 1.5),
        (0.5, 1, 1.5),
        (None, 7, 7),
        (None, 7.5, 7.5),
        ("text", 3, 3),
        (LARGEST, 1, LARGEST),
        (LARGEST - 1, 5, LARGEST),
        (SMALLEST, -1, SMALLEST),
        (NAN, 1, NAN),
        (float("inf"), 1, float("inf")),
    ],
)
def test_increment(db, stored, by, result):
    assert same(apply(db, stored, firestore.Increment(by)), result)


@pytest.mark.parametrize(
    ("stored", "given", "result"),
    [
        (1, 2, 2),
        (2, 1, 2),
        (1, 1.5, 1.5),
        (2, 1.5, 2),
        (3, 3.0, 3),
        (3.0, 3, 3.0),
        (0, -0.0, 0),
        (None, 4, 4),
        ("text", 4, 4),
        (1, NAN, NAN),
        (NAN, 1, NAN),
    ],
)
def test_maximum(db, stored, given, result):
    assert same(apply(db, stored, firestore.Maximum(given)), result)


@pytest.mark.parametrize(
    ("stored", "given", "result"),
    [
        (1, 2, 1),
        (2, 1, 1),
        (1, 0.5, 0.5),
        (3, 3.0, 3),
        (None, 4, 4),
        ([], 4, 4),
        (1, NAN, NAN),
        (NAN, 1, NAN),
    ],
)
def test_minimum(db, stored, given, result):
    assert same(apply(db, stored, firestore.Minimum(given)), result)


@pytest.mark.parametrize(
    ("stored", "given", "result"),
    [
        ([1, 2], [2, 3], [1, 2, 3]),
        ([1], [1.0], [1]),
        ([], [5, 5.0, 5], [5]),
        (None, ["a"], ["a"]),
        ("text", ["a"], ["a"]),
        ([None], [None, 1], [None, 1]),
        ([{"a": 1}], [{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ([1, 1], [1], [1, 1]),
    ],
)
def test_array_union(db, stored, given, result):
    assert apply(db, stored, firestore.ArrayUnion(given)) == result


@pytest.mark.parametrize(
    ("stored", "given", "result"),
    [
        ([1, 2, 1, 3], [1], [2, 3]),
        ([1, 2], [1.0, 2.0], []),
        ([1], [2], [1]),
        (None, [1], []),
        ("text", [1], []),
        ([None, {"a": 1}, 2], [None, {"a": 1}], [2]),
    ],
)
def test_array_remove(db, stored, given, result):
    assert apply(db, stored, firestore.ArrayRemove(given)) == result


def test_nan_equals_nan_in_array_transforms(db):
    assert len(apply(db, [NAN], firestore.ArrayUnion([NAN]))) == 1
    assert apply(db, [NAN], firestore.ArrayRemove([NAN])) == []


def test_server_timestamps_of_one_commit_are_one_time(db):
    batch = db.batch()
    batch.set(
        db.document("items/a"), {"x": firestore.SERVER_TIMESTAMP, "deep": {"y": firestore.SERVER_TIMESTAMP}}
    )
    batch.set(db.document("items/b"), {"x": firestore.SERVER_TIMESTAMP})
    batch.commit()
    first, second = db.document("items/a").get(), db.document("items/b").get()
    assert first.get("x") == first.get("deep.y") == second.get("x")
    assert first.get("x") <= first.update_time


def test_transform_results_come_in_order_and_arrays_answer_null(db):
    ref = db.document("items/a")
    ref.set({"n": 1, "list": [1]})
    result = ref.update({"list": firestore.ArrayUnion([2]), "n": firestore.Increment(4)})
    kinds = {value._pb.WhichOneof("value_type") for value in result.transform_results}
    assert kinds == {"null_value", "integer_value"}
    assert 5 in [value.integer_value for value in result.transform_results]


def test_a_transform_creates_a_document_with_set(db):
    ref = db.document("items/a")
    ref.set({"n": firestore.Increment(2)})
    assert ref.get().to_dict() == {"n": 2}


def test_transforms_apply_after_the_update_of_the_same_write(db):
    ref = db.document("items/a")
    ref.set({"old": 1})
    ref.set({"a": 1, "b": firestore.Increment(1)})
    assert ref.get().to_dict() == {"a": 1, "b": 1}


def test_a_transform_that_changes_nothing_keeps_the_update_time(db):
    ref = db.document("items/a")
    first = ref.set({"list": [1]}).update_time
    assert ref.update({"list": firestore.ArrayUnion([1])}).update_time == first


def test_concurrent_increments_outside_transactions_all_count(db):
    ref = db.document("items/a")
    batch = db.batch()
    for _ in range(100):
        batch.set(ref, {"n": firestore.Increment(1)}, merge=True)
    batch.commit()
    assert ref.get().get("n") == 100
