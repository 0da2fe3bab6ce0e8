"""The flush policy, as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gemchain.engine.policy.forecast import landing, turnarounds
from gemchain.engine.policy.policy import Decision, FlushLimits, Workload, decide
from gemchain.records import Batch, QueueStatus

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = FlushLimits(
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


def world(running=0, arriving=0, lands=(), turnaround=None, sent=None):
    landings = tuple(NOW + timedelta(seconds=each) for each in lands)
    usual = None if turnaround is None else timedelta(seconds=turnaround)
    return Workload(NOW, running, arriving, landings, usual, None if sent is None else ago(sent))


@pytest.mark.parametrize(
    ("why", "given", "around", "send", "reason"),
    [
        ("nothing is ready", queue(ready=0), world(), False, "empty"),
        ("nothing can add to it", queue(), world(), True, "quiet"),
        ("callbacks that run now can add to it", queue(), world(arriving=1), False, "company"),
        ("a batch that lands soon can add to it", queue(), world(lands=[20]), False, "company"),
        ("a batch that lands in an hour is too far", queue(), world(lands=[3600]), True, "far"),
        (
            "an eighth of the turnaround is worth the wait",
            queue(oldest=60),
            world(lands=[10], turnaround=600),
            False,
            "company",
        ),
        (
            "more than an eighth is not",
            queue(oldest=60),
            world(lands=[20], turnaround=600),
            True,
            "far",
        ),
        (
            "and after an eighth nothing is",
            queue(oldest=76),
            world(lands=[1], turnaround=600),
            True,
            "waited",
        ),
        (
            "a stream is bundled although nothing lands",
            queue(oldest=5),
            world(lands=[500], turnaround=600, sent=30),
            False,
            "company",
        ),
        (
            "but not when the last batch is long ago",
            queue(oldest=5),
            world(lands=[500], turnaround=600, sent=80),
            True,
            "far",
        ),
        ("a queue that was sent and is quiet goes at once", queue(), world(sent=1), True, "quiet"),
        ("somebody submitted a moment ago", queue(newest=1), world(), False, "grace"),
        ("the grace is just over", queue(newest=5), world(), True, "quiet"),
        ("a full batch does not wait", queue(ready=100, newest=0), world(arriving=1), True, "full"),
        (
            "a batch full of bytes does not wait",
            queue(size=10_000, newest=0),
            world(arriving=1),
            True,
            "full",
        ),
        ("the oldest waited long enough", queue(oldest=300), world(arriving=1), True, "waited"),
        ("waiting long beats a stream of submits", queue(oldest=300, newest=0), world(), True, "waited"),
        (
            "its model has all its batches running",
            queue(ready=100),
            world(running=2, lands=[9, 9]),
            False,
            "busy",
        ),
        (
            "one more batch of its model may run",
            queue(ready=100),
            world(running=1, lands=[9]),
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
        (queue(oldest=100), world(arriving=1), NOW + timedelta(seconds=200)),
        (queue(oldest=100), world(lands=[9]), NOW + timedelta(seconds=200)),
        (queue(oldest=50), world(lands=[9], turnaround=600), NOW + timedelta(seconds=25)),
        (queue(ready=0, due_at=NOW + timedelta(seconds=9)), world(), NOW + timedelta(seconds=9)),
        (queue(ready=0), world(), None),
        (queue(), world(running=2), None),
    ],
)
def test_a_held_queue_says_when_to_look_again(given, around, look_at):
    assert decide(given, around, RULES).look_at == look_at


@pytest.mark.parametrize("around", [world(arriving=1), world(lands=[9]), world(lands=[9], turnaround=960)])
def test_a_queue_that_is_held_is_sent_at_the_very_time_it_named(around):
    held = decide(queue(oldest=100), around, RULES)
    assert held.look_at is not None
    later = replace(around, now=held.look_at)
    assert decide(queue(oldest=100), later, RULES) == Decision(send=True, reason="waited")


def batch(sent, arrived=None, model="echo"):
    return Batch(
        id="b",
        provider="simulated",
        model=model,
        created_at=ago(sent),
        sent_at=ago(sent),
        arrived_at=None if arrived is None else ago(arrived),
    )


def test_the_usual_turnaround_is_the_median_of_those_that_arrived():
    known = turnarounds([batch(900, 300), batch(500, 400), batch(5_000, 10), batch(3)])
    assert known == {"batch/simulated:echo": timedelta(seconds=600)}


@pytest.mark.parametrize(
    ("why", "out", "usual", "seconds"),
    [
        ("after the usual time", batch(100), 600, 500),
        ("one that is late takes as long again as it is late", batch(700), 600, 100),
        ("one of an unknown queue takes as long again as it is out", batch(700), None, 700),
    ],
)
def test_a_landing_is_expected(why, out, usual, seconds):
    known = {} if usual is None else {out.queue: timedelta(seconds=usual)}
    assert landing(out, known, NOW) == NOW + timedelta(seconds=seconds), why


def test_a_batch_that_is_not_sent_yet_is_out_from_now_on():
    unsent = replace(batch(100), sent_at=None)
    assert landing(unsent, {unsent.queue: timedelta(seconds=60)}, NOW) == NOW + timedelta(seconds=60)
