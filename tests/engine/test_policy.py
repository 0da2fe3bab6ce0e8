"""The flush policy, as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from gemchain.engine.policy import Decision, Rules, World, decide
from gemchain.records import QueueStatus

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = Rules(
    max_requests=100,
    max_bytes=10_000,
    max_running=2,
    max_wait=timedelta(seconds=300),
    grace=timedelta(seconds=5),
)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def queue(ready=10, size=100, oldest=60, newest=60, **more):
    return QueueStatus("batch/simulated:echo", ready, 0, size, ago(oldest), ago(newest), **more)


def world(running=0, in_flight=0, answered=0):
    return World(NOW, running, in_flight, answered)


@pytest.mark.parametrize(
    ("why", "given", "around", "send", "reason"),
    [
        ("nothing is ready", queue(ready=0), world(), False, "empty"),
        ("nothing can add to it", queue(), world(), True, "quiet"),
        ("a batch in flight can add to it", queue(), world(in_flight=1), False, "company"),
        ("a callback that runs again can add to it", queue(), world(answered=1), False, "company"),
        ("somebody submitted a moment ago", queue(newest=1), world(), False, "grace"),
        ("the grace is just over", queue(newest=5), world(), True, "quiet"),
        ("a full batch does not wait", queue(ready=100, newest=0), world(in_flight=1), True, "full"),
        (
            "a batch full of bytes does not wait",
            queue(size=10_000, newest=0),
            world(in_flight=1),
            True,
            "full",
        ),
        ("the oldest waited long enough", queue(oldest=300), world(in_flight=1), True, "waited"),
        ("waiting long beats a stream of submits", queue(oldest=300, newest=0), world(), True, "waited"),
        (
            "its model has all its batches running",
            queue(ready=100),
            world(running=2, in_flight=2),
            False,
            "busy",
        ),
        (
            "one more batch of its model may run",
            queue(ready=100),
            world(running=1, in_flight=1),
            True,
            "full",
        ),
    ],
)
def test_a_queue_is_sent_when_waiting_gains_nothing(why, given, around, send, reason):
    decision = decide(given, around, RULES)
    assert (decision.send, decision.reason) == (send, reason), why


@pytest.mark.parametrize(
    ("given", "around", "look_at"),
    [
        (queue(newest=1, oldest=2), world(), NOW + timedelta(seconds=4)),
        (queue(newest=0, oldest=298), world(), NOW + timedelta(seconds=2)),
        (queue(oldest=100), world(in_flight=1), NOW + timedelta(seconds=200)),
        (queue(ready=0, due_at=NOW + timedelta(seconds=9)), world(), NOW + timedelta(seconds=9)),
        (queue(ready=0), world(), None),
        (queue(), world(running=2), None),
    ],
)
def test_a_held_queue_says_when_to_look_again(given, around, look_at):
    assert decide(given, around, RULES).look_at == look_at


def test_a_queue_that_is_held_is_sent_at_the_very_time_it_named():
    held = decide(queue(oldest=100), world(in_flight=1), RULES)
    assert held.look_at is not None
    later = World(held.look_at, 0, 1, 0)
    assert decide(queue(oldest=100), later, RULES) == Decision(send=True, reason="waited")
