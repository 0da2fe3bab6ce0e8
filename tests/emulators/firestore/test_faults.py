"""Faults on demand: what tests of the store and the simulator build on."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.api_core import exceptions


def test_a_call_can_fail_without_taking_effect(emulator, own_db):
    ref = own_db.document("items/a")
    emulator.faults.fail("Commit", grpc.StatusCode.PERMISSION_DENIED, message="not you")
    with pytest.raises(exceptions.PermissionDenied, match="not you"):
        ref.set({"n": 1})
    assert not ref.get().exists
    ref.set({"n": 2})
    assert ref.get().get("n") == 2


def test_a_reply_can_be_lost_after_the_call_took_effect(emulator, own_db):
    ref = own_db.document("items/a")
    emulator.faults.fail("Commit", grpc.StatusCode.DEADLINE_EXCEEDED, applied=True)
    with pytest.raises(exceptions.DeadlineExceeded):
        ref.create({"n": 1})
    assert ref.get().get("n") == 1


def test_a_lost_reply_of_a_retried_create_comes_back_as_already_exists(emulator, own_db):
    """The client retries UNAVAILABLE by itself, and meets its own success."""
    emulator.faults.fail("Commit", grpc.StatusCode.UNAVAILABLE, applied=True)
    with pytest.raises(exceptions.AlreadyExists):
        own_db.document("items/a").create({"n": 1})


def test_the_nth_call_fails_and_as_many_as_asked(emulator, own_db):
    emulator.faults.fail("Commit", grpc.StatusCode.ABORTED, nth=2, times=2)
    outcomes = []
    for number in range(5):
        try:
            own_db.document(f"items/{number}").set({})
            outcomes.append("ok")
        except exceptions.Aborted:
            outcomes.append("aborted")
    assert outcomes == ["ok", "aborted", "aborted", "ok", "ok"]


def test_faults_of_one_method_leave_others_alone(emulator, own_db):
    emulator.faults.fail("RunQuery", grpc.StatusCode.RESOURCE_EXHAUSTED)
    own_db.document("items/a").set({})
    assert own_db.document("items/a").get().exists
    with pytest.raises(exceptions.ResourceExhausted):
        own_db.collection("items").get(retry=None)


def test_a_lost_reply_of_a_transaction_leaves_its_writes(emulator, own_db):
    ref = own_db.document("items/a")
    transaction = own_db.transaction()
    transaction._begin()
    transaction.set(ref, {"n": 1})
    emulator.faults.fail("Commit", grpc.StatusCode.ABORTED, applied=True)
    with pytest.raises(exceptions.Aborted):
        transaction._commit()
    assert ref.get().get("n") == 1


def test_faults_can_be_cleared(emulator, own_db):
    emulator.faults.fail("Commit", grpc.StatusCode.ABORTED, times=100)
    emulator.faults.clear()
    own_db.document("items/a").set({})


def test_a_paused_call_waits_and_others_go_on(emulator, own_db):
    ref = own_db.document("items/a")
    with ThreadPoolExecutor(1) as pool, emulator.faults.paused("Commit"):
        write = pool.submit(ref.set, {"n": 1})
        emulator.faults.wait_for_paused()
        assert not ref.get().exists
        assert not write.done()
        emulator.faults.resume("Commit")
        write.result(timeout=10)
    assert ref.get().exists


def test_waiting_for_a_call_that_does_not_come_ends_with_a_timeout(emulator):
    with pytest.raises(TimeoutError, match="0 of 1 calls"):
        emulator.faults.wait_for_paused(timeout=0.01)


def test_stopping_lets_paused_calls_go(emulator, own_db):
    emulator.faults.pause("Commit")
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(own_db.document("items/a").set, {"n": 1}, retry=None, timeout=10)
        emulator.faults.wait_for_paused()
        emulator.stop()
        assert isinstance(write.exception(timeout=10), exceptions.GoogleAPICallError | None)


def test_a_refused_call_is_counted(emulator, own_db, project):
    emulator.faults.fail("Commit", grpc.StatusCode.ABORTED)
    with pytest.raises(exceptions.Aborted):
        own_db.document("items/a").set({})
    assert emulator.counters(project).rpcs == {"Commit": 1}
    assert emulator.counters(project).writes == 0
