"""Filters of queries (https://firebase.google.com/docs/firestore/query-data/queries)."""

import datetime as dt

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or

NAN = float("nan")

ITEMS = {
    "a": {"n": 1, "tags": ["x", "y"], "city": "Rome", "deep": {"k": 1}},
    "b": {"n": 2, "tags": ["y"], "city": "Oslo", "deep": {"k": 2}},
    "c": {"n": 3.0, "tags": [], "city": "Rome"},
    "d": {"n": None, "tags": "y", "city": "Bonn"},
    "e": {"n": NAN, "tags": [1, {"m": 1}]},
    "f": {"n": "3", "city": ""},
    "g": {"city": None},
    "h": {"n": True},
    "i": {"n": -5},
}


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("n", "==", 1, "a"),
        ("n", "==", 1.0, "a"),
        ("n", "==", 3, "c"),
        ("n", "==", "3", "f"),
        ("n", "==", True, "h"),
        ("n", "==", None, "d"),
        ("n", "==", NAN, "e"),
        ("n", "==", 99, ""),
        ("n", "<", 2, "eia"),
        ("n", "<=", 2, "eiab"),
        ("n", ">", 1, "bc"),
        ("n", ">=", 1, "abc"),
        ("n", ">", "2", "f"),
        ("n", ">=", False, "h"),
        ("n", "!=", 1, "heibcf"),
        ("n", "!=", None, "heiabcf"),
        ("n", "!=", NAN, "hiabcf"),
        ("n", "in", [1, 2, "3"], "abf"),
        ("n", "in", [1, 1.0], "a"),
        ("n", "in", [98, 99], ""),
        ("n", "not-in", [1, 2], "heicf"),
        ("n", "not-in", [None, 1], ""),
        ("tags", "array_contains", "y", "ab"),
        ("tags", "array_contains", 1.0, "e"),
        ("tags", "array_contains", {"m": 1}, "e"),
        ("tags", "array_contains", "z", ""),
        ("tags", "array_contains_any", ["x", 1], "ae"),
        ("tags", "==", ["x", "y"], "a"),
        ("tags", "==", [], "c"),
        ("tags", "in", [["y"], []], "bc"),
        ("deep", "==", {"k": 2}, "b"),
        ("deep.k", "==", 1, "a"),
        ("deep.k", ">", 0, "ab"),
        ("deep.k.none", "==", 1, ""),
        ("city", "==", "", "f"),
        ("city", ">=", "", "fdbac"),
        ("city", "!=", "Rome", "fdb"),
    ],
)
def test_one_filter(found, field, operator, value, expected):
    assert found(ITEMS, field, operator, value) == list(expected)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("city", "==", "Rome", "n", ">", 1), "c"),
        (("city", "==", "Rome", "n", "==", 1), "a"),
        (("n", ">", 0, "n", "<", 3), "ab"),
        (("n", ">=", 1, "n", "<=", 1), "a"),
        (("n", ">", 2, "n", "<", 1), ""),
        (("n", ">", 0, "city", ">", "P"), "ac"),
        (("tags", "array_contains", "y", "city", "==", "Oslo"), "b"),
        (("n", "in", [1, 2], "city", "==", "Rome"), "a"),
        (("n", "in", [1, 2], "tags", "array_contains_any", ["y", "z"]), "ab"),
        (("n", "!=", 1, "n", ">", 0), "bc"),
    ],
)
def test_several_filters_must_all_hold(found, parts, expected):
    assert found(ITEMS, *parts) == list(expected)


def test_or_matches_either_and_each_document_once(fill, ids):
    query = fill(ITEMS).where(
        filter=Or(
            [FieldFilter("n", "==", 1), FieldFilter("city", "==", "Rome"), FieldFilter("n", "==", None)]
        )
    )
    assert ids(query) == ["a", "c", "d"]


def test_and_of_ors(fill, ids):
    query = fill(ITEMS).where(
        filter=And(
            [
                Or([FieldFilter("city", "==", "Rome"), FieldFilter("city", "==", "Oslo")]),
                Or([FieldFilter("n", "==", 2), FieldFilter("n", "==", 3)]),
            ]
        )
    )
    assert ids(query) == ["b", "c"]


def test_or_with_an_inequality_orders_by_it(fill, ids):
    query = fill(ITEMS).where(filter=Or([FieldFilter("n", ">", 1), FieldFilter("city", "==", "Rome")]))
    assert ids(query) == ["a", "b", "c"]


def test_or_of_ands(fill, ids):
    query = fill(ITEMS).where(
        filter=Or(
            [
                And([FieldFilter("city", "==", "Rome"), FieldFilter("n", "==", 3)]),
                And([FieldFilter("city", "==", "Oslo"), FieldFilter("n", "==", 2)]),
                And([FieldFilter("city", "==", "Oslo"), FieldFilter("n", "==", 3)]),
            ]
        )
    )
    assert ids(query) == ["b", "c"]


def test_filters_see_updates_and_deletes_at_once(fill, where, ids):
    items = fill({document_id: {"q": "x"} for document_id in "abcd"})
    query = where(items, "q", "==", "x")
    assert ids(query) == list("abcd")
    items.document("b").update({"q": "y"})
    items.document("c").update({"q": firestore.DELETE_FIELD})
    items.document("d").delete()
    items.document("e").set({"q": "x"})
    assert ids(query) == ["a", "e"]
    items.document("c").set({"q": "x"})
    assert ids(query) == ["a", "c", "e"]


def test_array_filters_see_updates_at_once(fill, where, ids):
    items = fill({"a": {"t": [1, 1, 2]}, "b": {"t": [2]}})
    query = where(items, "t", "array_contains", 1)
    assert ids(query) == ["a"]
    items.document("a").update({"t": [3]})
    items.document("b").update({"t": firestore.ArrayUnion([1])})
    assert ids(query) == ["b"]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("==", "b", "b"),
        (">", "b", "cd"),
        (">=", "b", "bcd"),
        ("<", "c", "ab"),
        ("<=", "c", "abc"),
        ("in", ["d", "a", "x"], "ad"),
        ("!=", "b", "acd"),
        ("not-in", ["a", "b"], "cd"),
    ],
)
def test_filters_on_the_document_id(db, found, operator, value, expected):
    items = db.collection("items")
    refs = [items.document(part) for part in value] if isinstance(value, list) else items.document(value)
    assert found({document_id: {} for document_id in "abcd"}, "__name__", operator, refs) == list(expected)


def test_a_filter_on_the_document_id_joins_others(fill, where, ids):
    items = fill({document_id: {"q": document_id in "abd"} for document_id in "abcd"})
    assert ids(where(items, "q", "==", True, "__name__", ">", items.document("a"))) == ["b", "d"]


def test_times_and_references_compare_by_value(fill, where, ids, db):
    early, late = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    items = fill(
        {"a": {"at": early, "ref": db.document("x/1")}, "b": {"at": late, "ref": db.document("x/2")}}
    )
    assert ids(where(items, "at", ">", early)) == ["b"]
    assert ids(where(items, "ref", "==", db.document("x/2"))) == ["b"]
    assert ids(where(items, "ref", "<", db.document("x/2"))) == ["a"]


def test_quoted_field_paths_reach_odd_names(fill, where, ids):
    items = fill({"a": {"odd name": {"x.y": 1}}, "b": {"odd name": 1}})
    assert ids(where(items, "`odd name`.`x.y`", "==", 1)) == ["a"]


def filters(operators):
    return [FieldFilter(*operator) for operator in operators]


@pytest.mark.parametrize(
    "refused",
    [
        [("n", "!=", 1), ("n", "!=", 2)],
        [("n", "!=", 1), ("n", "not-in", [2])],
        [("n", "not-in", [1]), ("m", "in", [1, 2])],
        [("n", "not-in", [1]), ("m", "array_contains_any", [1])],
        [("n", "not-in", list(range(11)))],
        [("n", "in", [])],
        [("n", "array_contains_any", [])],
        [("n", "in", list(range(31)))],
        [("n", "in", list(range(6))), ("m", "in", list(range(6)))],
        [("n", "array_contains", 1), ("m", "array_contains", 1)],
        [("n", "array_contains", 1), ("m", "array_contains_any", [1, 2])],
        [("__name__", "==", "text")],
        [("__name__", "array_contains", 1)],
    ],
    ids=str,
)
def test_combinations_the_service_refuses(db, refused):
    query = db.collection("items").where(filter=And(filters(refused)))
    with pytest.raises((exceptions.InvalidArgument, ValueError)):
        query.get()


def test_thirty_disjunctions_are_taken(fill, where, ids):
    items = fill(ITEMS)
    assert ids(where(items, "n", "in", list(range(30)))) == ["a", "b", "c"]


def test_array_contains_is_taken_once_in_each_branch_of_an_or(fill, ids):
    query = fill(ITEMS).where(
        filter=Or([FieldFilter("tags", "array_contains", "x"), FieldFilter("tags", "array_contains", 1)])
    )
    assert ids(query) == ["a", "e"]
