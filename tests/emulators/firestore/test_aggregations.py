"""Aggregations (https://firebase.google.com/docs/firestore/query-data/aggregation-queries) and lists."""

import math

import pytest
from google.api_core import exceptions

NUMBERS = {
    "a": {"n": 1, "q": 1},
    "b": {"n": 2.5, "q": 1},
    "c": {"n": "text", "q": 1},
    "d": {"q": 2},
    "e": {"n": None},
}


def value(aggregation):
    return aggregation.get()[0][0].value


def aggregate(db, aggregations):
    query = {"structured_query": {"from_": [{"collection_id": "items"}]}, "aggregations": aggregations}
    request = {"parent": f"{db._database_string}/documents", "structured_aggregation_query": query}
    return db._firestore_api.run_aggregation_query(request=request)


def test_count_counts_documents_whatever_their_fields(fill):
    assert value(fill(NUMBERS).count()) == 5


def test_count_of_nothing_is_zero(db):
    assert value(db.collection("nothing").count()) == 0


def test_count_follows_filters_and_limits(fill, where):
    items = fill(NUMBERS)
    assert value(where(items, "q", "==", 1).count()) == 3
    assert value(items.limit(2).count()) == 2


def test_count_up_to_stops_there(fill, db):
    fill(NUMBERS)
    (response,) = aggregate(db, [{"count": {"up_to": {"value": 3}}, "alias": "some"}, {"count": {}}])
    fields = response.result.aggregate_fields
    assert (fields["some"].integer_value, fields["field_1"].integer_value) == (3, 5)


def test_sum_and_average_skip_what_is_no_number(fill):
    items = fill(NUMBERS)
    assert value(items.sum("n")) == 3.5
    assert value(items.avg("n")) == 1.75


def test_the_sum_of_integers_is_an_integer(fill):
    total = value(fill({"a": {"n": 1}, "b": {"n": 2}}).sum("n"))
    assert total == 3
    assert isinstance(total, int)


def test_a_sum_beyond_64_bits_is_a_double(fill):
    total = value(fill({"a": {"n": 2**63 - 1}, "b": {"n": 1}}).sum("n"))
    assert total == float(2**63)
    assert isinstance(total, float)


def test_the_sum_of_nothing_is_zero_and_its_average_null(db):
    assert value(db.collection("nothing").sum("n")) == 0
    (response,) = aggregate(db, [{"avg": {"field": {"field_path": "n"}}, "alias": "a"}])
    assert response.result.aggregate_fields["a"]._pb.WhichOneof("value_type") == "null_value"


def test_nan_makes_sum_and_average_nan(fill):
    items = fill({"a": {"n": float("nan")}, "b": {"n": 1}})
    assert math.isnan(value(items.sum("n")))
    assert math.isnan(value(items.avg("n")))


def test_an_average_is_a_double_even_of_integers(fill):
    average = value(fill({"a": {"n": 2}, "b": {"n": 4}}).avg("n"))
    assert average == 3
    assert isinstance(average, float)


def test_several_aggregations_look_at_documents_that_have_all_their_fields(fill):
    items = fill({"a": {"n": 1, "m": 10}, "b": {"n": 2}, "c": {"m": 30}})
    result = {part.alias: part.value for part in items.count("all").sum("n", "n").sum("m", "m").get()[0]}
    assert result == {"all": 1, "n": 1, "m": 10}


def test_sums_reach_nested_fields(fill):
    assert value(fill({"a": {"x": {"n": 1}}, "b": {"x": {"n": 2}}}).sum("x.n")) == 3


def test_more_than_five_aggregations_are_refused(db):
    query = db.collection("items").count("a0")
    for number in range(1, 6):
        query = query.count(f"a{number}")
    with pytest.raises(exceptions.InvalidArgument):
        query.get()


def test_one_alias_twice_is_refused(db):
    with pytest.raises(exceptions.InvalidArgument):
        db.collection("items").count("a").sum("n", "a").get()


def test_collections_lists_ids_in_order(db):
    for path in ("b/1", "a/1", "a/2", "c/1/d/1", "c/1/e/1/f/1"):
        db.document(path).set({})
    assert [collection.id for collection in db.collections()] == ["a", "b", "c"]
    assert [collection.id for collection in db.document("c/1").collections()] == ["d", "e"]


def test_a_collection_is_gone_with_its_last_document(db):
    db.document("a/1").set({})
    db.document("a/1").delete()
    assert list(db.collections()) == []


def test_collection_ids_come_in_pages(db):
    for name in "abcde":
        db.document(f"{name}/1").set({})
    parent = f"{db._database_string}/documents"
    pages = db._firestore_api.list_collection_ids(request={"parent": parent, "page_size": 2}).pages
    assert [list(page.collection_ids) for page in pages] == [["a", "b"], ["c", "d"], ["e"]]


def test_list_documents_includes_missing_ones_with_documents_beneath(db):
    db.document("items/b").set({"n": 1})
    db.document("items/a/parts/p").set({})
    db.document("items/c/parts/p/bits/x").set({})
    assert [ref.id for ref in db.collection("items").list_documents()] == ["a", "b", "c"]


def test_list_documents_pages(db, fill):
    fill({f"{number:02d}": {} for number in range(25)})
    db.document("items/05x/parts/p").set({})
    listed = [ref.id for ref in db.collection("items").list_documents(page_size=7)]
    assert listed == sorted([*(f"{number:02d}" for number in range(25)), "05x"])


def listing(db, **options):
    request = {"parent": f"{db._database_string}/documents", "collection_id": "items", **options}
    pages = list(db._firestore_api.list_documents(request=request).pages)
    return [[document.name.rpartition("/")[2] for document in page.documents] for page in pages]


def test_list_documents_follows_an_order_and_pages_through_it(db, fill):
    fill({document_id: {"n": number} for document_id, number in zip("abcde", [3, 1, 2, 3, 1], strict=True)})
    assert listing(db, order_by="n desc", page_size=2) == [["d", "a"], ["c", "e"], ["b"]]
    assert listing(db, order_by="n, __name__ desc", page_size=3) == [["e", "b", "c"], ["d", "a"]]


def test_list_documents_without_missing_ones_and_with_a_mask(db, fill):
    fill({"a": {"x": 1, "y": 2}})
    db.document("items/m/parts/p").set({})
    request = {
        "parent": f"{db._database_string}/documents",
        "collection_id": "items",
        "mask": {"field_paths": ["y"]},
    }
    (document,) = db._firestore_api.list_documents(request=request)
    assert dict(document.fields) == {"y": document.fields["y"]}


def test_list_documents_without_a_collection_lists_all_of_the_parent(db, fill):
    fill({"a": {}}, collection="one")
    fill({"b": {}}, collection="two")
    assert listing(db, collection_id="") == [["a", "b"]]


@pytest.mark.parametrize(
    "options", [{"page_token": "???"}, {"page_size": -1}, {"order_by": "n sideways"}], ids=str
)
def test_malformed_lists_are_refused(db, options):
    with pytest.raises(exceptions.InvalidArgument):
        listing(db, **options)


def test_show_missing_refuses_an_order(db):
    with pytest.raises(exceptions.InvalidArgument):
        listing(db, order_by="n", show_missing=True)
