"""Ordering, limits and cursors (https://firebase.google.com/docs/firestore/query-data/order-limit-data).

Longer than 300 lines: one table of values in every order.
"""

import datetime as dt
import random

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

DESC = firestore.Query.DESCENDING

# In the documented order of values, lowest first; each list holds values that are equal.
# https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
ORDERED = [
    [None],
    [False],
    [True],
    [float("nan")],
    [float("-inf")],
    [-(2**63), float(-(2**63))],
    [-1.5],
    [0, 0.0, -0.0],
    [5e-324],
    [1, 1.0],
    [1.5],
    [2**53, float(2**53)],
    [2**53 + 1],
    [2**63 - 1],
    [float(2**63)],
    [float("inf")],
    [dt.datetime(1950, 1, 1, tzinfo=dt.UTC)],
    [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
    [dt.datetime(2026, 1, 1, microsecond=1, tzinfo=dt.UTC)],
    [""],
    ["\0"],
    ["a"],
    ["a\0"],
    ["aa"],
    ["b"],
    ["é"],
    ["\uffee"],
    ["\U0001f600"],
    [b""],
    [b"\x00"],
    [b"\x7f"],
    [b"\xff"],
    ["REF a/b"],
    ["REF a/b/c/d"],
    ["REF a/c"],
    ["REF aa/a"],
    [firestore.GeoPoint(-90, 0)],
    [firestore.GeoPoint(0, -180)],
    [firestore.GeoPoint(0, 180)],
    [firestore.GeoPoint(90, 0)],
    [[]],
    [[None]],
    [[1, 2, 3]],
    [[1, 2, 3, 1]],
    [[2]],
    [["a"]],
    [Vector([100.0])],
    [Vector([1.0, 2.0])],
    [Vector([1.0, 3.0])],
    [{}],
    [{"a": "aaa", "b": "baz"}],
    [{"a": "foo", "b": "bar"}],
    [{"a": "foo", "b": "bar", "c": "qux"}],
    [{"a": "foo", "b": "baz"}],
    [{"b": "aaa", "c": "baz"}],
    [{"c": "aaa"}],
]


@pytest.fixture
def ordered(fill, db):
    """Every value above in a document of its own, named by its place; written in random order."""
    documents = {}
    for place, equals in enumerate(ORDERED):
        for twin, value in enumerate(equals):
            stored = db.document(value[4:]) if isinstance(value, str) and value.startswith("REF ") else value
            documents[f"{place:03d}-{twin}"] = {"v": stored}
    shuffled = list(documents)
    random.Random(7).shuffle(shuffled)
    return fill({document_id: documents[document_id] for document_id in shuffled})


def test_values_of_all_types_sort_as_documented(ordered, ids):
    result = ids(ordered.order_by("v"))
    assert result == sorted(result)
    assert len(result) == sum(map(len, ORDERED))


def test_values_of_all_types_sort_backwards_too(ordered, ids):
    result = ids(ordered.order_by("v", direction=DESC))
    assert result == sorted(result, reverse=True)


def test_a_cursor_may_stand_at_a_value_of_another_type(ordered, ids):
    assert ids(ordered.order_by("v").start_at({"v": ""}))[0] == f"{ORDERED.index(['']):03d}-0"
    assert ids(ordered.order_by("v").end_before({"v": False})) == ["000-0"]


def test_without_an_order_documents_come_by_name(fill, ids):
    names = ["b", "a", "B", "10", "2", "é", "\U0001f600", "\uffee", "a b"]
    items = fill({name: {} for name in names})
    assert ids(items) == sorted(names)


def test_ids_of_digits_and_other_ids_sort_as_text(fill, ids):
    assert ids(fill({name: {} for name in ["100", "20", "3"]})) == ["100", "20", "3"]


NUMBERS = {
    "a": {"x": 1, "y": 1},
    "b": {"x": 2, "y": 1},
    "c": {"x": 1, "y": 2},
    "d": {"x": 2, "y": 2},
    "e": {"x": 1},
    "f": {"y": 3},
    "g": {"x": 1, "y": 1},
}


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([("x", "")], "acegbd"),
        ([("x", DESC)], "dbgeca"),
        ([("x", ""), ("y", "")], "agcbd"),
        ([("x", ""), ("y", DESC)], "cgadb"),
        ([("x", DESC), ("y", "")], "bdagc"),
        ([("x", DESC), ("y", DESC)], "dbcga"),
        ([("x", ""), ("__name__", DESC)], "gecadb"),
        ([("__name__", DESC)], "gfedcba"),
        ([("y", ""), ("x", "")], "agbcd"),
    ],
)
def test_orders_end_with_the_name_in_the_last_direction(fill, ids, orders, expected):
    query = fill(NUMBERS)
    for field, direction in orders:
        query = query.order_by(field, direction=direction or firestore.Query.ASCENDING)
    assert ids(query) == list(expected)


def test_documents_without_the_ordered_field_are_left_out(fill, ids):
    assert "f" not in ids(fill(NUMBERS).order_by("x"))


def test_null_counts_as_there_for_an_order(fill, ids):
    assert ids(fill({"a": {"x": 1}, "b": {"x": None}, "c": {}}).order_by("x")) == ["b", "a"]


def test_an_order_joins_an_equality(fill, where, ids):
    assert ids(where(fill(NUMBERS), "x", "==", 1).order_by("y", direction=DESC)) == ["c", "g", "a"]


def test_an_order_joins_an_inequality_on_another_field(fill, where, ids):
    assert ids(where(fill(NUMBERS), "x", ">", 1).order_by("y", direction=DESC)) == ["d", "b"]


def test_inequalities_order_by_their_fields_in_name_order(fill, where, ids):
    documents = {"a": {"p": 1, "q": 9}, "b": {"p": 2, "q": 5}, "c": {"p": 1, "q": 3}}
    assert ids(where(fill(documents), "q", ">", 0, "p", ">", 0)) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("offset", "limit", "expected"), [(0, 2, "ab"), (1, 2, "bc"), (3, 5, "d"), (9, 2, ""), (0, 9, "abcd")]
)
def test_offset_and_limit(fill, ids, offset, limit, expected):
    query = fill({document_id: {"n": 1} for document_id in "abcd"}).offset(offset).limit(limit)
    assert ids(query) == list(expected)


def test_limit_to_last_returns_the_end_in_order(fill, ids):
    items = fill({document_id: {"n": place} for place, document_id in enumerate("abcd")})
    assert ids(items.order_by("n").limit_to_last(2)) == ["c", "d"]


def test_a_limit_stops_an_equality_at_the_first_names(fill, where, ids):
    items = fill({f"{number:03d}": {"q": "x" if number % 2 else "y"} for number in range(100)})
    assert ids(where(items, "q", "==", "x").limit(3)) == ["001", "003", "005"]
    assert ids(where(items, "q", "==", "x").order_by("__name__", direction=DESC).limit(2)) == ["099", "097"]


SCORES = {
    "a": {"s": 1, "t": 1},
    "b": {"s": 2, "t": 1},
    "c": {"s": 2, "t": 2},
    "d": {"s": 2, "t": 2},
    "e": {"s": 3, "t": 1},
}


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        ("start_at", {"s": 2}, "bcde"),
        ("start_after", {"s": 2}, "e"),
        ("end_at", {"s": 2}, "abcd"),
        ("end_before", {"s": 2}, "a"),
        ("start_at", {"s": 2, "t": 2}, "cde"),
        ("start_after", {"s": 2, "t": 1}, "cde"),
        ("start_at", {"s": 9}, ""),
        ("end_before", {"s": 0}, ""),
    ],
)
def test_cursors_by_values(fill, ids, method, values, expected):
    query = fill(SCORES).order_by("s")
    if "t" in values:
        query = query.order_by("t")
    assert ids(getattr(query, method)(values)) == list(expected)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("start_at", "edc"), ("start_after", "ed"), ("end_at", "cba"), ("end_before", "ba")],
)
def test_cursors_by_document_backwards(fill, ids, method, expected):
    items = fill(SCORES)
    query = items.order_by("s", direction=DESC)
    expected = {"start_at": "cba", "start_after": "ba", "end_at": "edc", "end_before": "ed"}[method]
    assert ids(getattr(query, method)(items.document("c").get())) == list(expected)


def test_cursors_by_name_page_through_a_collection(fill, ids):
    items = fill({f"{number:02d}": {"n": 0} for number in range(25)})
    pages, query = [], items.order_by("__name__").limit(10)
    while page := query.get():
        pages.append(ids(page))
        query = items.order_by("__name__").limit(10).start_after(page[-1])
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [document_id for page in pages for document_id in page] == sorted(
        f"{number:02d}" for number in range(25)
    )


def test_cursors_page_through_an_equality(fill, where, ids):
    items = fill({f"{number:02d}": {"q": number % 2} for number in range(20)})
    query = where(items, "q", "==", 1).order_by("__name__")
    first = query.limit(4).get()
    assert ids(query.start_after(first[-1]).limit(3)) == ["09", "11", "13"]


def test_cursors_page_through_equal_values_backwards(fill, ids):
    items = fill({f"{number:02d}": {"n": number // 10} for number in range(30)})
    query, seen = items.order_by("n", direction=DESC), []
    page = query.limit(7).get()
    while page:
        seen += ids(page)
        page = query.start_after(page[-1]).limit(7).get()
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 30


def test_a_range_and_both_cursors_meet(fill, where, ids):
    items = fill({f"{number:02d}": {"n": number} for number in range(20)})
    query = where(items, "n", ">", 3).order_by("n").start_at({"n": 2}).end_at({"n": 6})
    assert ids(query) == ["04", "05", "06"]


@pytest.mark.parametrize("seed", range(6))
def test_queries_find_what_a_plain_scan_finds(fill, where, seed):
    """Whatever way into the indexes the planner takes, the result is that of filtering every document."""
    rng = random.Random(seed)
    documents = {
        f"{number:03d}": {
            key: rng.choice([0, 1, 2, 3, "x", None]) for key in ("p", "q", "r") if rng.random() < 0.9
        }
        for number in range(60)
    }
    items = fill(documents)
    for number in rng.sample(sorted(documents), 15):
        documents[number] = {"p": rng.choice([1, 2]), "q": 1}
        items.document(number).set(documents[number])
    p, q = rng.choice([1, 2]), rng.choice([0, 1, 2])
    descending = rng.random() < 0.5
    query = where(items, "p", "==", p, "q", ">=", q)
    query = query.order_by("q", direction=DESC if descending else "ASCENDING").limit(10)
    expected = [
        (fields["q"], number)
        for number, fields in documents.items()
        if fields.get("p") == p and isinstance(fields.get("q"), int) and fields["q"] >= q
    ]
    expected = sorted(expected, reverse=descending)[:10]
    assert [(snapshot.get("q"), snapshot.id) for snapshot in query.get()] == expected


def test_projections_return_only_the_named_fields(fill):
    items = fill({"a": {"x": 1, "y": {"z": 2, "w": 3}, "v": 4}})
    assert items.select(["x", "y.z"]).get()[0].to_dict() == {"x": 1, "y": {"z": 2}}


def test_a_projection_on_the_name_returns_no_field(fill):
    snapshot = fill({"a": {"x": 1}}).select(["__name__"]).get()[0]
    assert snapshot.id == "a"
    assert snapshot.to_dict() == {}
    assert snapshot.update_time is not None


def test_a_projection_does_not_leave_out_documents_without_the_field(fill, ids):
    assert ids(fill({"a": {"x": 1}, "b": {}}).select(["x"])) == ["a", "b"]


def test_a_query_on_an_empty_collection_answers_nothing(db):
    assert db.collection("nothing").get() == []


def test_a_query_reads_only_its_own_collection(fill, db, ids):
    fill({"a": {}})
    db.document("items/a/items/deeper").set({})
    db.document("others/o").set({})
    assert ids(db.collection("items")) == ["a"]
    assert ids(db.collection("items/a/items")) == ["deeper"]


def test_a_collection_group_finds_every_collection_of_the_id(db, ids):
    for path in ("parts/1", "items/a/parts/2", "items/b/parts/3", "items/b/bits/4"):
        db.document(path).set({"n": path[-1]})
    assert ids(db.collection_group("parts")) == ["2", "3", "1"]
    db.document("zoo/z/parts/5").set({"n": "5"})
    assert ids(db.collection_group("parts")) == ["2", "3", "1", "5"]


def test_a_collection_group_takes_filters_and_orders(db, where, ids):
    for path, number in (("items/a/parts/x", 1), ("items/b/parts/y", 2), ("parts/z", 3)):
        db.document(path).set({"n": number, "q": number % 2})
    group = db.collection_group("parts")
    assert ids(where(group, "q", "==", 1)) == ["x", "z"]
    assert ids(group.order_by("n", direction=DESC)) == ["z", "y", "x"]
    assert ids(where(group, "n", ">", 1)) == ["y", "z"]


def test_partitions_of_a_group_cover_it_once(db, ids):
    batch = db.batch()
    for number in range(40):
        batch.set(db.document(f"items/{number % 4}/parts/{number:02d}"), {"n": number})
    batch.commit()
    partitions = list(db.collection_group("parts").get_partitions(3))
    found = [document_id for partition in partitions for document_id in ids(partition.query())]
    assert sorted(found) == [f"{number:02d}" for number in range(40)]
    assert len(found) == 40


@pytest.mark.parametrize(
    "query",
    [
        {"from": [{"collection_id": "items"}], "offset": -1},
        {"from": [{"collection_id": "items"}], "limit": {"value": -1}},
        {"from": []},
        {
            "from": [{"collection_id": "items"}],
            "start_at": {"values": [{"integer_value": 1}, {"integer_value": 2}]},
        },
        {"from": [{"collection_id": "items"}], "order_by": [{"field": {"field_path": "a..b"}}]},
        {"from": [{"collection_id": "items"}], "start_at": {"values": [{"string_value": "a"}]}},
    ],
    ids=str,
)
def test_malformed_queries_are_refused(db, query):
    query = {("from_" if key == "from" else key): value for key, value in query.items()}
    request = {"parent": f"{db._database_string}/documents", "structured_query": query}
    with pytest.raises(exceptions.InvalidArgument):
        list(db._firestore_api.run_query(request=request))
