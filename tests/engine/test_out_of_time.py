"""A run with a time limit, as a scheduled function has, stops between two things; the next one goes on."""

from datetime import timedelta

import orjson
import pytest

from gemchain.engine.batches import input_file
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.launch import launch
from gemchain.engine.stages.sweep import sweep
from gemchain.records.states import BatchState
from tests.support.crashing import Crash

PROMPTS = 40
PAGE = 7


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(input_file, "PAGE", PAGE)


def slowly(stand, verb, seconds):
    """A runtime on which each call of a store's method takes its time."""
    runtime = stand.interrupted(verb, None)

    def pass_time():
        stand.clock.advance(seconds)
        runtime.store._happening = pass_time

    runtime.store._happening = pass_time
    return runtime


def in_seconds(stand, seconds):
    return stand.runtime.store.now() + timedelta(seconds=seconds)


def keys(stand, batch):
    return [orjson.loads(line)["key"] for line in stand.blobs.read(batch.input_uri).splitlines()]


def sent_prompts(stand):
    return [key for batch in stand.store.open_batches() for key in keys(stand, batch)]


def test_out_of_time_in_mid_claim_what_was_claimed_goes_and_the_next_run_takes_the_rest(stand):
    ids = stand.submit(*map(str, range(PROMPTS)))
    runtime = slowly(stand, "claim", 10)
    (batch,) = assemble(runtime, in_seconds(stand, 30)).batches
    assert batch.state is BatchState.WRITTEN
    assert batch.requests == 3 * PAGE
    assert stand.states(ids).count("QUEUED") == PROMPTS - 3 * PAGE
    runs = 1
    while stand.states(ids).count("QUEUED"):
        stand.clock.advance(stand.runtime.settings.max_wait)
        assemble(runtime, in_seconds(stand, 30))
        runs += 1
    assert runs == 2
    assert sorted(sent_prompts(stand)) == sorted(ids)


def test_however_little_time_there_is_every_run_gets_on(stand):
    ids = stand.submit(*map(str, range(PROMPTS)))
    runtime = slowly(stand, "claim", 1000)
    for _ in range(PROMPTS // PAGE + 1):
        assert len(assemble(runtime, in_seconds(stand, 1)).batches) == 1
        launch(stand.runtime)
        stand.clock.advance(stand.runtime.settings.max_wait)
    assert sorted(sent_prompts(stand)) == sorted(ids)


def test_a_run_that_comes_too_late_claims_nothing(stand):
    ids = stand.submit("a", "b")
    assert assemble(stand.runtime, in_seconds(stand, 0)).batches == []
    assert stand.states(ids) == ["QUEUED"] * 2
    assert stand.store.list_batches() == []


@pytest.fixture
def left_half_way(stand):
    """A batch whose assembler died when it had claimed everything, and the prompts in it."""
    ids = stand.submit(*map(str, range(PROMPTS)))
    with pytest.raises(Crash):
        assemble(stand.killed("save_batch"))
    assert stand.states(ids) == ["CLAIMED"] * PROMPTS
    stand.clock.advance(stand.runtime.settings.lease)
    return ids


def pass_time_while_reading(stand, monkeypatch, seconds):
    whole = input_file._pages

    def pages(runtime, batch):
        for page in whole(runtime, batch):
            yield page
            stand.clock.advance(seconds)

    monkeypatch.setattr(input_file, "_pages", pages)


def test_out_of_time_in_mid_file_the_batch_is_given_back_whole_and_the_next_run_writes_it(
    stand, left_half_way, monkeypatch
):
    pass_time_while_reading(stand, monkeypatch, 10)
    sweep(stand.runtime, in_seconds(stand, 30))
    (batch,) = stand.store.open_batches()
    assert batch.state is BatchState.PLANNED
    assert batch.leased_until_at is None
    assert not list(stand.blobs.list(f"batches/{batch.id}/input-2")), "no file, rather than one with a part"
    assert stand.states(left_half_way) == ["CLAIMED"] * PROMPTS
    sweep(stand.runtime, in_seconds(stand, 300))
    (batch,) = stand.store.open_batches()
    assert batch.state is BatchState.WRITTEN
    assert sorted(keys(stand, batch)) == sorted(left_half_way)


def test_a_sweep_that_is_out_of_time_takes_no_batch_over(stand, left_half_way):
    (before,) = stand.store.open_batches()
    assert sweep(stand.runtime, in_seconds(stand, 0)) == 0
    assert stand.store.open_batches() == [before]
