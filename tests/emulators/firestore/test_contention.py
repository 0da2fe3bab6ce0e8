"""Transactions under real threads: nothing lost, nothing doubled, nobody starved."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

THREADS = 8


def together(function, count=THREADS):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, range(count)))


def test_two_hundred_increments_of_one_counter_all_count(db):
    counter = db.document("counters/c")
    counter.set({"n": 0})

    def increment_often(_):
        @firestore.transactional
        def increment(transaction):
            transaction.update(counter, {"n": counter.get(transaction=transaction).get("n") + 1})

        for _ in range(25):
            increment(db.transaction())

    together(increment_often)
    assert counter.get().get("n") == 200


def test_a_decorated_function_may_be_shared_by_threads(db):
    counter = db.document("counters/c")
    counter.set({"n": 0})

    @firestore.transactional
    def increment(transaction):
        transaction.update(counter, {"n": counter.get(transaction=transaction).get("n") + 1})

    together(lambda _: [increment(db.transaction()) for _ in range(10)])
    assert counter.get().get("n") == 80


def test_money_moved_between_accounts_is_conserved(db):
    accounts = [db.document(f"accounts/{number}") for number in range(4)]
    for account in accounts:
        account.set({"balance": 100})

    def move_often(thread):
        @firestore.transactional
        def move(transaction, source, sink):
            balances = {ref: ref.get(transaction=transaction).get("balance") for ref in (source, sink)}
            transaction.update(source, {"balance": balances[source] - 1})
            transaction.update(sink, {"balance": balances[sink] + 1})

        for step in range(10):
            move(
                db.transaction(max_attempts=20),
                accounts[(thread + step) % 4],
                accounts[(thread + 2 * step + 1) % 4],
            )

    together(move_often)
    same_account_moves = sum((t + s) % 4 == (t + 2 * s + 1) % 4 for t in range(THREADS) for s in range(10))
    # A move from an account to itself writes twice; the later write wins and adds one.
    assert sum(account.get().get("balance") for account in accounts) == 400 + same_account_moves


def test_a_query_claims_each_document_for_one_claimer_only(db, fill):
    fill({f"{number:03d}": {"queue": "q"} for number in range(60)})
    queued = db.collection("items").where(filter=FieldFilter("queue", "==", "q")).limit(5)

    def claim_all(thread):
        @firestore.transactional
        def claim(transaction):
            found = [snapshot.reference for snapshot in queued.get(transaction=transaction)]
            for ref in found:
                transaction.update(ref, {"queue": firestore.DELETE_FIELD, "by": thread})
            return [ref.id for ref in found]

        claimed = []
        while found := claim(db.transaction(max_attempts=20)):
            claimed += found
        return claimed

    claimed = itertools.chain.from_iterable(together(claim_all, 4))
    assert sorted(claimed) == [f"{number:03d}" for number in range(60)]


def test_phantoms_cannot_break_a_capacity(db):
    """Every thread books only while fewer than five are booked: five it will be, never six."""

    def book(thread):
        @firestore.transactional
        def attempt(transaction):
            if len(db.collection("bookings").get(transaction=transaction)) < 5:
                transaction.create(db.document(f"bookings/{thread}"), {})

        attempt(db.transaction(max_attempts=20))

    together(book)
    assert len(db.collection("bookings").get()) == 5


def test_only_one_of_many_creates_wins(db):
    def create(thread):
        try:
            db.document("items/a").create({"by": thread})
        except exceptions.AlreadyExists:
            return None
        return thread

    winners = [winner for winner in together(create) if winner is not None]
    assert winners == [db.document("items/a").get().get("by")]


def test_only_one_of_many_updates_with_one_update_time_wins(db):
    ref = db.document("items/a")
    option = db.write_option(last_update_time=ref.set({"by": None}).update_time)

    def update(thread):
        try:
            ref.update({"by": thread}, option=option)
        except exceptions.FailedPrecondition:
            return None
        return thread

    winners = [winner for winner in together(update) if winner is not None]
    assert winners == [ref.get().get("by")]


def test_batches_of_many_threads_stay_whole(db):
    refs = [db.document(f"items/{number}") for number in range(20)]

    def write(thread):
        for _ in range(5):
            batch = db.batch()
            for ref in refs:
                batch.set(ref, {"by": thread})
            batch.commit()
            seen = {snapshot.get("by") for snapshot in db.collection("items").get()}
            assert len(seen) == 1

    together(write)


@pytest.mark.parametrize("reader", ["get_all", "query"])
def test_one_read_never_sees_half_a_commit(db, reader):
    refs = [db.document(f"items/{number}") for number in range(10)]

    def read():
        snapshots = db.get_all(refs) if reader == "get_all" else db.collection("items").stream()
        return {snapshot.get("n") for snapshot in snapshots}

    def write(number):
        batch = db.batch()
        for ref in refs:
            batch.set(ref, {"n": number})
        batch.commit()

    write(0)
    with ThreadPoolExecutor(2) as pool:
        writes = pool.submit(lambda: [write(number) for number in range(30)])
        while not writes.done():
            assert len(read()) == 1
        writes.result()
