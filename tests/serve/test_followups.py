"""A notification that comes before its job is over is followed by a few more questions."""

from datetime import timedelta

from gemchain.engine.operations.hasten import PAUSES
from gemchain.serve.followups import FollowUps
from gemchain.testing import VirtualClock

PATIENCE = sum(PAUSES)


def asked_at(again, clock):
    """The seconds after the announcement at which something is asked."""
    began, seconds = clock.now(), []
    while (next_at := again.next_at()) is not None:
        clock.advance((next_at - clock.now()).total_seconds())
        assert again.take_due(clock.now()) == ["b1"]
        seconds.append((clock.now() - began).total_seconds())
    return seconds


def test_the_questions_come_more_rarely_and_end_after_a_minute(batch_named):
    again, clock = FollowUps(), VirtualClock()
    again.add([batch_named("b1")], clock.now())
    assert asked_at(again, clock) == [1, 3, 7, 15, 30, 60]


def test_nothing_is_asked_before_its_time_and_what_was_slept_through_is_asked_once(batch_named):
    again, clock = FollowUps(), VirtualClock()
    again.add([batch_named("b1"), batch_named("b2")], clock.now())
    assert again.take_due(clock.now()) == []
    clock.advance(8)
    assert again.take_due(clock.now()) == ["b1", "b2"]
    assert again.take_due(clock.now()) == []
    assert again.next_at() == clock.now() + timedelta(seconds=7)


def test_what_is_over_is_not_asked_about_again(batch_named):
    again, clock = FollowUps(), VirtualClock()
    again.add([batch_named("b1"), batch_named("b2")], clock.now())
    again.forget(["b1", "unknown"])
    clock.advance(PATIENCE)
    assert again.take_due(clock.now()) == ["b2"]
    assert again.next_at() is None


def test_a_second_notification_begins_anew(batch_named):
    again, clock = FollowUps(), VirtualClock()
    again.add([batch_named("b1")], clock.now())
    clock.advance(0.5)
    again.add([batch_named("b1")], clock.now())
    assert asked_at(again, clock) == [1, 3, 7, 15, 30, 60]
