"""How much a query looks at: engine tests with tens of thousands of documents depend on it."""

import pytest

from gemchain.emulators.firestore.messages import CommitRequest, RunQueryRequest
from gemchain.emulators.firestore.queries import Query
from gemchain.emulators.firestore.service import Service

DATABASE = "projects/p/databases/(default)"
EQUAL, GREATER, IN, DESCENDING = 5, 3, 8, 2


@pytest.fixture
def service():
    """A service with 2,000 documents: `queue` is one of ten, `n` rises."""
    service = Service(lambda: 1_000_000_000.0)
    request = CommitRequest(database=DATABASE)
    for number in range(2_000):
        update = request.writes.add().update
        update.name = f"{DATABASE}/documents/items/{number:05d}"
        update.fields["queue"].string_value = f"q{number % 10}"
        update.fields["n"].integer_value = number
    service.commit(request)
    return service


@pytest.fixture
def examined(service, monkeypatch):
    """`examined(request)`: ids a query finds, and how many documents it had to look at."""
    looked_at = []
    selects = Query.selects

    def counting(query, record):
        looked_at.append(record)
        return selects(query, record)

    monkeypatch.setattr(Query, "selects", counting)

    def examined(request):
        looked_at.clear()
        responses = service.run_query(request)
        return [response.document.name[-5:] for response in responses], len(looked_at)

    return examined


def request(limit, *filters):
    request = RunQueryRequest(parent=f"{DATABASE}/documents")
    query = request.structured_query
    query.from_.add(collection_id="items")
    query.limit.value = limit
    query.where.composite_filter.op = 1
    for field, operator, value in filters:
        part = query.where.composite_filter.filters.add().field_filter
        part.field.field_path, part.op = field, operator
        if isinstance(value, int):
            part.value.integer_value = value
        else:
            part.value.string_value = value
    if not filters:
        query.ClearField("where")
    return request


def test_an_equality_with_a_limit_looks_at_no_more_than_the_limit(examined):
    found, looked_at = examined(request(20, ("queue", EQUAL, "q3")))
    assert found[:2] == ["00003", "00013"]
    assert looked_at <= 21


def test_a_cursor_in_an_equality_does_not_scan_what_is_behind_it(examined):
    asked = request(20, ("queue", EQUAL, "q3"))
    order = asked.structured_query.order_by.add()
    order.field.field_path = "__name__"
    asked.structured_query.start_at.values.add().reference_value = f"{DATABASE}/documents/items/01003"
    found, looked_at = examined(asked)
    assert found[0] == "01013"
    assert looked_at <= 22


def test_an_equality_with_another_filter_looks_only_at_the_equal(examined):
    found, looked_at = examined(request(10, ("n", GREATER, 1_900), ("queue", EQUAL, "q3")))
    assert found[0] == "01903"
    assert looked_at == 200


def test_a_range_looks_only_at_the_range(examined):
    found, looked_at = examined(request(100, ("n", GREATER, 1_990)))
    assert len(found) == 9
    assert looked_at <= 10


@pytest.mark.parametrize("direction", [1, DESCENDING])
def test_an_order_with_a_limit_stops_there(examined, direction):
    asked = request(5)
    order = asked.structured_query.order_by.add(direction=direction)
    order.field.field_path = "n"
    found, looked_at = examined(asked)
    assert found[0] == ("01999" if direction == DESCENDING else "00000")
    assert looked_at <= 6
