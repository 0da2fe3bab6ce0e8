"""Ready prompts become a batch with an input file, whatever happens to whoever writes it."""

from datetime import timedelta

import orjson
import pytest

from gemchain.engine.policy.limits import LINE
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.sweep import sweep
from gemchain.errors import StoreConflictError
from gemchain.ports import Limits
from gemchain.records.states import BatchState
from tests.support.crashing import Crash


def die():
    raise Crash


def lines(stand, batch):
    return [orjson.loads(line) for line in stand.blobs.read(batch.input_uri).splitlines()]


def keys(stand, batch):
    return [line["key"] for line in lines(stand, batch)]


def files(stand, batch):
    return [info.uri.rpartition("/")[2] for info in stand.blobs.list(f"batches/{batch.id}/")]


def test_the_input_file_has_a_line_for_every_prompt_that_waited(stand):
    ids = stand.submit("one", "two", "three")
    batch = stand.written()
    assert keys(stand, batch) == ids
    assert [line["request"]["contents"][0]["parts"][0]["text"] for line in lines(stand, batch)] == [
        "one",
        "two",
        "three",
    ]
    assert batch.state is BatchState.WRITTEN
    assert (batch.requests, batch.size) == (3, stand.blobs.stat(batch.input_uri).size)
    assert batch.leased_until_at is None
    assert stand.states(ids) == ["CLAIMED"] * 3


def test_nothing_waits_so_nothing_is_written(stand):
    assert assemble(stand.runtime) == ([], None)
    assert stand.store.list_batches() == []


def test_more_prompts_than_a_batch_takes_become_several_batches(stand):
    stand.set(max_batch_requests=4)
    ids = stand.submit(*map(str, range(10)))
    batches = assemble(stand.runtime).batches
    assert [batch.requests for batch in batches] == [4, 4, 2]
    assert [key for batch in batches for key in keys(stand, batch)] == ids


def test_a_batch_takes_no_more_requests_than_its_provider(stand):
    stand.provider.limits = Limits(max_requests=3, max_bytes=10**9, max_request_bytes=10**6)
    stand.submit(*map(str, range(5)))
    assert [batch.requests for batch in assemble(stand.runtime).batches] == [3, 2]


@pytest.mark.parametrize("room", [3_000, 20_000, 100_000])
def test_a_batch_takes_no_more_bytes_than_asked_but_for_its_last_request(stand, room):
    stand.set(max_batch_bytes=room, max_running_batches=250)
    ids = stand.submit(*["x" * 1_000] * 250)
    batches = assemble(stand.runtime).batches
    assert sum(batch.requests for batch in batches) == len(ids)
    assert max(batch.size for batch in batches) <= room + 1_100 + LINE
    # All but the last are about full: room is not given away.
    assert min(batch.size for batch in batches[:-1]) > room - 1_100 - LINE


def test_a_file_stays_below_the_bytes_that_the_provider_takes(stand):
    stand.provider.limits = Limits(max_requests=1000, max_bytes=30_000, max_request_bytes=5_000)
    stand.submit(*["x" * 4_000] * 20)
    batches = assemble(stand.runtime).batches
    assert sum(batch.requests for batch in batches) == 20
    assert max(batch.size for batch in batches) <= 30_000


@pytest.mark.parametrize(
    "room", [{"max_batch_bytes": 500}, {"max_batch_bytes": 0}, {"max_batch_requests": 0}]
)
def test_a_request_larger_than_a_batch_should_be_goes_alone(stand, room):
    stand.set(**room)
    ids = stand.submit("x" * 2_000, "y" * 2_000)
    assert [keys(stand, batch) for batch in assemble(stand.runtime).batches] == [[ids[0]], [ids[1]]]


def test_higher_priority_goes_into_the_earlier_batch(stand):
    stand.set(max_batch_requests=2)
    low = stand.submit("a", "b", priority=-1)
    usual = stand.submit("c", "d")
    high = stand.submit("e", "f", priority=9)
    assert [keys(stand, batch) for batch in assemble(stand.runtime).batches] == [high, usual, low]


def test_every_model_has_batches_of_its_own_and_none_waits_for_another(stand):
    stand.submit("a", "b", model="one")
    stand.submit("c", model="two")
    assert sorted((batch.model, batch.requests) for batch in assemble(stand.runtime).batches) == [
        ("one", 2),
        ("two", 1),
    ]


def test_a_queue_that_is_held_says_when_to_look_again(stand):
    stand.set(grace=10)
    stand.submit("a")
    stand.clock.advance(4)
    held = assemble(stand.runtime)
    assert held.batches == []
    assert held.look_at == stand.clock.now() + timedelta(seconds=6)
    stand.clock.advance(6)
    assert len(assemble(stand.runtime).batches) == 1


def test_a_retried_prompt_rests_before_it_goes_into_a_batch(stand):
    stand.set(retry_delay=100)
    stand.submit("a")
    batch = stand.sent()
    stand.provider.fail(batch)
    from gemchain.engine.stages.collect import collect

    collect(stand.runtime)
    resting = assemble(stand.runtime)
    assert resting.batches == []
    assert resting.look_at == stand.clock.now() + timedelta(seconds=100)
    stand.clock.advance(100)
    assert len(assemble(stand.runtime).batches) == 1


# Crashes and company.


@pytest.mark.parametrize(
    ("verb", "port", "after"),
    [
        ("plan", "store", True),
        ("claim", "store", False),
        ("claim", "store", True),
        ("writer", "blobs", False),
        ("save_batch", "store", False),
    ],
)
def test_an_assembler_that_dies_is_taken_over_under_a_new_fence_and_file(stand, verb, port, after):
    ids = stand.submit("a", "b", "c")
    with pytest.raises(Crash):
        assemble(stand.killed(verb, port=port, after=after))
    (planned,) = stand.store.open_batches()
    assert planned.state is BatchState.PLANNED
    assert sweep(stand.runtime) == 0, "its lease still runs"
    stand.clock.advance(stand.runtime.settings.lease)
    assert sweep(stand.runtime) == 1
    batch = stand.batch(planned)
    assert batch.state is BatchState.WRITTEN
    assert batch.fence == planned.fence + 1
    assert batch.input_uri.endswith("/input-2.jsonl")
    assert sorted(keys(stand, batch)) == sorted(ids)


def test_who_takes_over_writes_what_was_claimed_and_claims_what_is_new(stand):
    before = stand.submit("a", "b")
    with pytest.raises(Crash):
        assemble(stand.killed("claim", after=True))
    since = stand.submit("c")
    stand.clock.advance(stand.runtime.settings.lease)
    sweep(stand.runtime)
    (batch,) = stand.store.open_batches()
    assert keys(stand, batch) == before + since


def test_a_claim_of_many_pages_is_taken_over_whole(stand, monkeypatch):
    monkeypatch.setattr("gemchain.engine.batches.input_file.PAGE", 7)
    ids = stand.submit(*map(str, range(40)))
    halfway = stand.interrupted("claim", lambda: None)  # the second claim is the one to die in
    halfway.store._happening = lambda: setattr(halfway.store, "_happening", die)
    with pytest.raises(Crash):
        assemble(halfway)
    assert stand.states(ids).count("CLAIMED") == 7
    stand.clock.advance(stand.runtime.settings.lease)
    sweep(stand.runtime)
    (batch,) = stand.store.open_batches()
    assert keys(stand, batch) == ids
    assert batch.requests == 40


def test_an_assembler_that_lost_its_lease_writes_nothing(stand):
    ids = stand.submit("a", "b", "c")

    def be_silent_for_too_long():
        stand.clock.advance(stand.runtime.settings.lease)
        sweep(stand.runtime)

    slow = stand.interrupted("claim", be_silent_for_too_long, after=True)
    with pytest.raises(StoreConflictError):
        assemble(slow)
    (batch,) = stand.store.list_batches()
    assert batch.state is BatchState.WRITTEN
    assert files(stand, batch) == ["input-2.jsonl"]
    assert sorted(keys(stand, batch)) == sorted(ids)


def test_an_assembler_that_lost_its_lease_claims_nothing(stand):
    first = stand.submit("a")

    def be_silent_for_too_long():
        stand.clock.advance(stand.runtime.settings.lease)
        sweep(stand.runtime)
        stand.submit("b")

    with pytest.raises(StoreConflictError):
        assemble(stand.interrupted("claim", be_silent_for_too_long))
    (batch,) = stand.store.list_batches()
    assert keys(stand, batch) == first
    assert stand.store.queues()[0].ready == 1


def test_an_assembler_that_wrote_its_file_too_late_leaves_the_batch_alone(stand):
    stand.submit("a")

    def be_silent_for_too_long():
        stand.clock.advance(stand.runtime.settings.lease)
        sweep(stand.runtime)

    with pytest.raises(StoreConflictError):
        assemble(stand.interrupted("save_batch", be_silent_for_too_long))
    (batch,) = stand.store.list_batches()
    assert batch.input_uri.endswith("/input-2.jsonl")
    assert batch.fence == 2


def test_a_slow_assembler_prolongs_its_lease_while_it_works(stand, monkeypatch):
    monkeypatch.setattr("gemchain.engine.batches.input_file.PAGE", 1)
    stand.submit("a", "b", "c")
    runtime = stand.interrupted("claim", None)

    def dawdle():
        stand.clock.advance(stand.runtime.settings.lease * 0.6)
        runtime.store._happening = dawdle
        assert sweep(stand.runtime) == 0, "nobody takes over what is being worked on"

    runtime.store._happening = dawdle
    (batch,) = assemble(runtime).batches
    assert (batch.requests, batch.fence) == (3, 1)


def test_a_batch_that_finds_nothing_to_claim_is_closed_and_leaves_no_file(stand):
    stand.submit("a")
    company = stand.interrupted("plan", lambda: assemble(stand.runtime))
    assert assemble(company).batches == []
    assert sorted(batch.state.value for batch in stand.store.list_batches()) == ["CLOSED", "WRITTEN"]
    (empty,) = stand.store.list_batches(state=BatchState.CLOSED)
    assert files(stand, empty) == []
    assert empty.closed_at == stand.clock.now()


def test_two_assemblers_at_once_put_no_prompt_into_both_batches(stand, monkeypatch):
    monkeypatch.setattr("gemchain.engine.batches.input_file.PAGE", 3)
    ids = stand.submit(*map(str, range(10)))
    stand.set(max_wait=0)
    theirs = []
    runtime = stand.interrupted("claim", lambda: theirs.extend(assemble(stand.runtime).batches), after=True)
    mine = assemble(runtime).batches
    assert [batch.requests for batch in mine + theirs] == [3, 7]
    assert sorted(key for batch in mine + theirs for key in keys(stand, batch)) == sorted(ids)
