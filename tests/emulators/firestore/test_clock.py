"""The emulator on a clock of the test: times, and what expires."""

import datetime as dt

import pytest
from google.api_core import exceptions
from google.cloud import firestore

from gemchain.emulators.firestore import FirestoreEmulator

START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now.timestamp()

    def advance(self, **span):
        self.now += dt.timedelta(**span)


@pytest.fixture
def clock(emulator):  # `emulator` skips the test where the server is not ours
    return Clock()


@pytest.fixture
def clocked_db(clock, connect, project):
    with FirestoreEmulator(clock=clock) as emulator:
        yield connect(project, at=emulator.host)


def begin(db, **options):
    transaction = db.transaction(**options)
    transaction._begin()
    return transaction


def test_commit_times_and_server_timestamps_follow_the_clock(clock, clocked_db):
    ref = clocked_db.document("items/a")
    clock.advance(hours=1)
    ref.set({"at": firestore.SERVER_TIMESTAMP})
    assert ref.get().get("at") == START + dt.timedelta(hours=1)
    assert ref.get().update_time == START + dt.timedelta(hours=1)


def test_commit_times_rise_while_the_clock_stands_still(clocked_db):
    times = [clocked_db.document("items/a").set({"n": number}).update_time for number in range(5)]
    assert sorted(set(times)) == times


def test_commit_times_rise_when_the_clock_steps_back(clock, clocked_db):
    first = clocked_db.document("items/a").set({"n": 1}).update_time
    clock.advance(hours=-1)
    assert clocked_db.document("items/a").set({"n": 2}).update_time > first


def test_server_timestamps_have_millisecond_precision(clock, clocked_db):
    clock.advance(microseconds=1_234)
    ref = clocked_db.document("items/a")
    ref.set({"at": firestore.SERVER_TIMESTAMP})
    assert ref.get().get("at").microsecond == 1_000


def test_a_transaction_expires_when_it_is_idle_for_a_minute(clock, clocked_db):
    ref = clocked_db.document("items/a")
    transaction = begin(clocked_db)
    ref.get(transaction=transaction)
    clock.advance(seconds=61)
    transaction.set(ref, {"n": 1})
    with pytest.raises(exceptions.Aborted, match="expired or is no longer valid"):
        transaction._commit()
    assert not ref.get().exists


def test_a_transaction_that_keeps_reading_lives_270_seconds(clock, clocked_db):
    ref = clocked_db.document("items/a")
    transaction = begin(clocked_db)
    for _ in range(5):
        clock.advance(seconds=50)
        ref.get(transaction=transaction)
    clock.advance(seconds=50)
    with pytest.raises(exceptions.InvalidArgument, match="expired"):
        ref.get(transaction=transaction)


def test_an_expired_transaction_can_be_rolled_back(clock, clocked_db):
    transaction = begin(clocked_db)
    clocked_db.document("items/a").get(transaction=transaction)
    clock.advance(seconds=61)
    with pytest.raises(exceptions.InvalidArgument):
        clocked_db.document("items/a").get(transaction=transaction)
    transaction._rollback()


def test_the_past_can_be_read_for_an_hour(clock, clocked_db):
    ref = clocked_db.document("items/a")
    first = ref.set({"n": 1}).update_time
    clock.advance(minutes=30)
    ref.set({"n": 2})
    assert ref.get(read_time=first).get("n") == 1
    clock.advance(minutes=31)
    with pytest.raises(exceptions.FailedPrecondition, match="too old"):
        ref.get(read_time=first)
    assert ref.get(read_time=START + dt.timedelta(minutes=31)).get("n") == 2


def test_history_is_kept_through_many_commits(clock, clocked_db):
    ref = clocked_db.document("items/a")
    moments = []
    for number in range(30):
        clock.advance(minutes=5)
        moments.append((ref.set({"n": number}).update_time, number))
    for time, number in moments[-12:]:
        assert ref.get(read_time=time).get("n") == number
        assert [snapshot.get("n") for snapshot in clocked_db.collection("items").get(read_time=time)] == [
            number
        ]
