"""Runs that end before everything is answered, and connections that nobody needs."""

from tests.providers.direct.conftest import refusal, rows, taken


def test_a_run_that_is_stopped_sends_nothing_more_and_gives_up_what_is_on_its_way(desk):
    run = desk.run(*range(8))
    desk.loop.pass_seconds(0.5)
    run.stop()
    desk.loop.pass_seconds(60)
    assert (len(desk.service.sent), desk.service.flying) == (4, 0)
    assert (run.take(), run.pending, run.room()) == ([], 0, 0)


def test_what_is_on_its_way_may_be_waited_for(desk):
    run = desk.run(*range(8))
    desk.loop.pass_seconds(0.5)
    run.stop(5.0)
    assert run.pending == 4
    desk.loop.pass_until(lambda: len(run._lines) == run.pending)
    assert set(taken(run)) == {"p0", "p1", "p2", "p3"}
    desk.loop.pass_seconds(60)
    assert (len(desk.service.sent), run.pending) == (4, 0)


def test_but_no_longer_than_was_said(desk):
    desk.service.latency = 100.0
    run = desk.run(1)
    desk.loop.pass_seconds(1)
    run.stop(5.0)
    desk.loop.pass_seconds(4)
    assert run.pending == 1
    desk.loop.pass_seconds(2)
    assert (run.pending, desk.service.flying) == (0, 0)


def test_a_stopped_run_leaves_the_others_alone(desk):
    first, second = desk.run(1, 2), desk.run(3, 4)
    desk.loop.pass_seconds(0.5)
    first.stop()
    assert sorted(desk.texts(second, 2)) == ["3", "4"]


def test_a_request_that_rests_before_it_is_sent_again_is_let_go_with_its_run(desk):
    desk.service.always = refusal(500)
    run = desk.run(1)
    desk.loop.pass_seconds(1.1)
    run.stop(5.0)
    desk.loop.pass_seconds(0.01)
    assert run.pending == 0
    desk.loop.pass_seconds(60)
    assert (len(desk.service.sent), run.take()) == (1, [])


def test_connections_are_closed_when_nobody_has_asked_for_a_while(desk):
    run = desk.run(1)
    desk.rows(run, 1)
    desk.loop.pass_seconds(20)
    assert desk.connected.closed == 0
    run.feed(rows(2))
    desk.rows(run, 1)
    desk.loop.pass_seconds(20)
    assert desk.connected.closed == 0
    desk.loop.pass_seconds(20)
    assert desk.connected.closed == 1
