"""What would be sent as soon as it is recorded is recorded as a batch's at once.

Longer than 300 lines: one module, with every death and every policy.
"""

from dataclasses import replace

import orjson
import pytest

from gemchain.engine.batches import eager, input_file
from gemchain.engine.callback_retries import retry_callbacks
from gemchain.engine.policy import limits
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreUnavailableError
from gemchain.records.states import BatchState
from tests.apps import stages
from tests.support.crashing import Crash

WRITTEN = BatchState.WRITTEN


def arrive(stand, *texts, callback=stages.carry_on):
    """Prompts whose answers wait to be dispatched; their ids."""
    ids = stand.submit(*texts, callback=callback)
    stand.arrived()
    return ids


def dispatched(runtime):
    return list(dispatch(runtime))


def children(stand):
    """The states of all children."""
    found = [each for chain in stand.store.list_chains() for each in stand.store.chain_prompts(chain.id)]
    return sorted(each.progress.state.value for each in found if each.parent_id is not None)


def written(stand):
    return [each for each in stand.store.open_batches() if each.state is WRITTEN]


def texts(stand, batch):
    lines = [orjson.loads(line) for line in stand.blobs.read(batch.input_uri).splitlines()]
    return sorted(line["request"]["contents"][0]["parts"][0]["text"] for line in lines)


def to_the_end(stand):
    """Run all stages until nothing is left; what the service answers arrives at once."""
    for _ in range(20):
        assemble(stand.runtime)
        launch(stand.runtime)
        for batch in stand.store.open_batches():
            if batch.state is BatchState.SENT:
                stand.provider.land(batch, stand.provider.rows(batch).values())
        stand.pass_time()
        collect(stand.runtime)
        dispatched(stand.runtime)
        retry_callbacks(stand.runtime)
        sweep(stand.runtime)
    assert stand.store.open_batches() == []


def test_what_callbacks_submit_is_in_a_written_batch_when_their_part_is_done(stand):
    arrive(stand, *"abc")
    dispatched(stand.runtime)
    (batch,) = written(stand)
    assert texts(stand, batch) == ["after a", "after b", "after c"]
    assert (batch.requests, batch.fence, batch.leased_until_at) == (3, 1, None)
    assert children(stand) == ["CLAIMED"] * 3
    assert stand.store.queues() == []
    assert assemble(stand.runtime).batches == []


def test_nothing_is_claimed_for_it(stand):
    arrive(stand, *"abc")
    claimed = []
    claim = stand.store.claim
    stand.store.claim = lambda *args, **kwargs: claimed.append(claim(*args, **kwargs)) or claimed[-1]
    dispatched(stand.runtime)
    assert claimed == [[]]  # what waited, had something waited


def test_what_waited_before_goes_into_the_same_batch(stand):
    arrive(stand, *"abc")
    stand.submit("waiting")
    dispatched(stand.runtime)
    (batch,) = written(stand)
    assert texts(stand, batch) == ["after a", "after b", "after c", "waiting"]


def test_what_waited_before_goes_first_and_the_others_into_further_batches(stand):
    arrive(stand, *"abcde")
    stand.submit("waiting", "too")
    stand.set(max_batch_requests=3)
    dispatched(stand.runtime)
    first, *others = written(stand)
    assert {"waiting", "too"} < set(texts(stand, first))
    assert [each.requests for each in (first, *others)] == [3, 3, 1]
    assert children(stand) == ["CLAIMED"] * 5


def test_no_more_batches_are_filled_than_may_run(stand):
    arrive(stand, *"abcde")
    stand.set(max_batch_requests=2, max_running_batches=2)
    dispatched(stand.runtime)
    assert [each.requests for each in written(stand)] == [2, 2]
    assert children(stand) == ["CLAIMED"] * 4 + ["QUEUED"]


def test_a_batch_holds_no_more_bytes_than_it_may(stand):
    ids = arrive(stand, *"abcde")
    each = stand.prompt(ids[0]).size + len("after ") + limits.LINE
    stand.provider.limits = stand.provider.limits._replace(max_bytes=1 << 40)
    stand.set(max_batch_bytes=2 * each + each // 2)
    dispatched(stand.runtime)
    assert [batch.requests for batch in written(stand)] == [2, 2, 1]


def test_the_urgent_go_first_where_not_all_have_room(stand):
    arrive(stand, *"abc", callback=stages.urgent_last)
    stand.set(max_batch_requests=1, max_running_batches=1)
    dispatched(stand.runtime)
    (batch,) = written(stand)
    assert texts(stand, batch) == ["after c"]


def test_a_queue_that_has_enough_without_them_is_left_to_itself(stand):
    arrive(stand, *"abc")
    stand.submit(*"xyz")
    stand.set(max_batch_requests=3)
    dispatched(stand.runtime)
    assert written(stand) == []
    assert children(stand) == ["QUEUED"] * 3


def test_a_long_queue_is_left_to_those_who_assemble(stand, monkeypatch):
    monkeypatch.setattr(eager, "LONG", 2)
    arrive(stand, *"ab")
    stand.submit(*"xyz")
    dispatched(stand.runtime)
    assert written(stand) == []
    assert children(stand) == ["QUEUED"] * 2


def test_while_another_part_may_add_to_them_they_wait(stand):
    stand.set(part_bytes=500)
    arrive(stand, *"abcdef")
    parts = dispatch(stand.runtime)
    next(parts)
    assert written(stand) == []
    assert set(children(stand)) == {"QUEUED"}
    list(parts)
    assemble(stand.runtime)
    (batch,) = written(stand)
    assert batch.requests == 6


def test_while_another_batch_may_add_to_them_they_wait(stand):
    stand.set(max_wait=0)
    stand.submit(*"ab", callback=stages.carry_on)
    batch = stand.sent()
    stand.clock.advance(5)
    stand.submit("c", callback=stages.carry_on)
    stand.sent_all()
    stand.set(max_wait=300)
    stand.clock.advance(75)
    stand.provider.land(batch, stand.provider.rows(batch).values())
    collect(stand.runtime)
    dispatched(stand.runtime)
    assert stand.store.counters().prompts == {"DONE": 2, "CLAIMED": 1, "QUEUED": 2}


def test_while_a_callback_will_run_again_they_wait(stand):
    arrive(stand, *"ab", callback=stages.or_later)
    dispatched(stand.runtime)
    assert children(stand) == ["QUEUED"]


def test_while_a_join_may_go_on_they_wait(stand):
    stand.start(stages.gather_in_a_hurry, "x", "y")
    arrive(stand, *"ab")
    dispatched(stand.runtime)
    assert children(stand).count("QUEUED") == 2


def test_a_model_with_enough_batches_under_way_gets_no_other(stand):
    arrive(stand, *"ab")
    stand.set(max_running_batches=0)
    dispatched(stand.runtime)
    assert children(stand) == ["QUEUED"] * 2


def test_more_than_a_hundred_from_one_callback_are_queued(stand):
    arrive(stand, "a", callback=stages.many)
    dispatched(stand.runtime)
    assert children(stand) == ["QUEUED"] * 101


def test_large_requests_are_written_a_few_at_a_time(stand, monkeypatch):
    monkeypatch.setattr(input_file, "PAGE_BYTES", 100)
    arrive(stand, *"abcde")
    dispatched(stand.runtime)
    (batch,) = written(stand)
    assert texts(stand, batch) == [f"after {each}" for each in "abcde"]


def test_a_queue_each_gets_its_batch(stand):
    arrive(stand, *"ab", callback=stages.two_models)
    dispatched(stand.runtime)
    assert sorted((each.model, each.requests) for each in written(stand)) == [("model", 2), ("other", 2)]


def planned(stand):
    return [each for each in stand.store.open_batches() if each.state is BatchState.PLANNED]


def take_over(stand):
    """The lease runs out, and somebody else takes what he finds."""
    stand.clock.advance(stand.runtime.settings.lease + 1)
    sweep(stand.runtime)


def test_a_batch_that_is_taken_over_before_it_has_members_gets_none(stand):
    ids = arrive(stand, *"abc")
    slow = stand.interrupted("commit", lambda: take_over(stand))
    dispatched(slow)
    assert children(stand) == ["QUEUED"] * 3
    to_the_end(stand)
    assert_all_once(stand, ids)
    assert len(stages.calls) == 6


def test_prompts_whose_batch_was_lost_are_queued(stand):
    ids = arrive(stand, *"abc")

    def lose():
        (planned,) = [each for each in stand.store.open_batches() if each.state is BatchState.PLANNED]
        stand.store.save_batch(replace(planned, fence=planned.fence + 1, leased_until_at=stand.store.now()))

    dispatched(stand.interrupted("commit", lose))
    assert stand.states(ids) == ["DONE"] * 3
    assert stages.calls == list("abc")
    assert children(stand) == ["QUEUED"] * 3
    to_the_end(stand)
    assert_all_once(stand, ids)


def assert_all_once(stand, ids):
    """Every chain ended with its second answer, and nothing was sent twice."""
    assert [orjson.loads(stand.chain(each).result) for each in ids] == ["after a", "after b", "after c"]
    sent = [line for batch in stand.store.list_batches() if batch.input_uri for line in texts(stand, batch)]
    assert sorted(sent) == ["a", "after a", "after b", "after c", "b", "c"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("verb", "port"),
    [
        *[(verb, "store") for verb in ("queues", "plan", "commit", "claim", "save_batch", "save_part")],
        ("writer", "blobs"),
    ],
)
def test_a_process_that_dies_on_the_way_loses_and_doubles_nothing(stand, verb, port, after):
    ids = arrive(stand, *"abc")
    with pytest.raises(Crash):
        dispatched(stand.killed(verb, port=port, after=after))
    stand.clock.advance(stand.runtime.settings.lease + 1)
    to_the_end(stand)
    assert_all_once(stand, ids)


def full():
    raise OSError("no space left")


def test_a_file_that_cannot_be_written_takes_nothing_from_its_part_and_is_left_to_the_sweep(stand, caplog):
    arrive(stand, *"abc")
    (part,) = dispatched(stand.interrupted("writer", full, port="blobs"))
    assert (part.counts.done, part.counts.duplicate) == (3, 0)
    assert "no space left" in caplog.text
    (batch,) = planned(stand)
    assert batch.leased_until_at is None
    sweep(stand.runtime)
    (batch,) = written(stand)
    assert batch.requests == 3


def test_a_process_that_is_interrupted_meanwhile_gives_everything_back(stand):
    arrive(stand, *"abc")

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dispatched(stand.interrupted("writer", interrupt, port="blobs"))
    assert [each.leased_until_at for each in (*planned(stand), *stand.store.open_parts())] == [None, None]


def test_a_plan_that_fails_gives_back_what_was_planned_before(stand):
    arrive(stand, *"abcd")
    stand.set(max_batch_requests=2)
    plan, calls = stand.store.plan, []

    def failing(batch):
        calls.append(batch)
        if len(calls) == 2:
            raise StoreUnavailableError("away")
        return plan(batch)

    stand.store.plan = failing
    with pytest.raises(StoreUnavailableError):
        dispatched(stand.runtime)
    assert [each.leased_until_at for each in planned(stand)] == [None]


def test_the_grace_of_a_submit_from_outside_holds_what_does_not_fill_a_batch(stand):
    arrive(stand, *"abcde")
    stand.set(max_batch_requests=4, grace=10)
    stand.submit("from outside")
    dispatched(stand.runtime)
    assert [each.requests for each in written(stand)] == [4]
    assert children(stand) == ["CLAIMED"] * 3 + ["QUEUED"] * 2


def test_a_provider_that_was_put_aside_gets_no_batch(stand):
    arrive(stand, *"abc")
    list(dispatch(stand.runtime, without={"scripted"}))
    assert written(stand) == []
    assert children(stand) == ["QUEUED"] * 3


def test_one_request_that_cannot_be_sent_holds_no_other_up(stand, monkeypatch):
    arrive(stand, *"abc")
    line = stand.provider.input_line

    def picky(batch, row):
        if "after b" in row.request:
            raise ValueError("no such thing")
        return line(batch, row)

    monkeypatch.setattr(stand.provider, "input_line", picky)
    dispatched(stand.runtime)
    (batch,) = written(stand)
    assert (batch.requests, texts(stand, batch)) == (2, ["after a", "after c"])
    assert children(stand) == ["CLAIMED", "CLAIMED", "PARKED"]


def test_what_comes_into_the_queue_meanwhile_is_claimed_only_while_there_is_time(stand, monkeypatch):
    monkeypatch.setattr(input_file, "PAGE", 10)
    arrive(stand, "a")
    claim = stand.store.claim

    def slowly(*args, **kwargs):
        stand.clock.advance(stand.runtime.settings.lease / 4)
        return claim(*args, **kwargs)

    stand.store.claim = slowly
    others = stand.interrupted("commit", lambda: stand.submit(*map(str, range(60))), after=True)
    dispatched(others)
    (batch,) = written(stand)
    assert batch.requests == 1 + 2 * 10


def test_callbacks_that_take_their_time_do_not_look_around_at_every_commit(stand):
    looks = []
    queues = stand.store.queues
    stand.store.queues = lambda: looks.append(1) or queues()
    arrive(stand, *map(str, range(8)))
    stages.before_return += [lambda: stand.clock.advance(2)] * 8
    looks.clear()
    dispatched(stand.runtime)
    assert len(looks) <= 1
