"""What Firestore's bill would show, counted by the emulator."""

import pytest

import gemchain
from gemchain.engine.drive import drive, is_idle
from gemchain.runtime import active
from gemchain.stores.firestore.counters import SHARDS
from gemchain.testing import embedded
from tests.apps import flows

BATCH = 1_000
START = 500
"""Chains in one commit of a start; it writes a tally, and so does a commit of a batch of answers."""
BATCH_WRITES = 13
"""A batch takes its plan, its fence, its tallies and its leases, whatever the number of prompts.

Since when its queue waits 1; planned 1; claimed: the fence and a tally 2; written 1; leased to be sent 1;
sent 1; arrived, and a part 2; the part leased 1, and done 1; closed, and a tally 2.
"""
BATCH_READS = 40
"""Looks of every stage at what there is to do, as the drive goes round while a batch is under way."""
LAST_READS = 30
"""The look that finds nothing left to do."""


@pytest.fixture
def faults():
    return ""


@pytest.fixture
def engine(project, tmp_path, clock, spent, faults):
    with embedded(
        tmp_path,
        responder=flows.echo,
        clock=clock,
        store=f"firestore://{project}/(default)",
        max_batch_requests=BATCH,
        application=".",
        simulated_faults=faults,
        grace=0,
    ) as engine:
        yield engine


def run(engine, spent, chains):
    """What linear chains of two prompts cost; with the numbers of prompts and batches."""
    gemchain.start_many(flows.outline, ({"topic": str(number)} for number in range(chains)))
    engine.run()
    bill, counters = spent(), engine.runtime.store.counters()
    return bill, sum(counters.prompts.values()), sum(counters.batches.values())


@pytest.mark.parametrize("chains", [BATCH, 2 * BATCH])
def test_a_prompt_of_a_linear_chain_takes_three_writes_and_two_reads(engine, spent, chains):
    bill, prompts, batches = run(engine, spent, chains)
    assert (prompts, batches) == (2 * chains, 2 * chains // BATCH)
    assert bill.writes <= 3 * prompts + 2 * chains
    assert bill.reads <= 2 * prompts
    assert bill.deletes <= batches


def test_an_eagerly_batched_prompt_takes_two_writes_and_no_read_and_any_other_three_and_one(engine, spent):
    chains = 2 * BATCH
    bill, prompts, batches = run(engine, spent, chains)
    straight = prompts - chains
    commits = chains // START + prompts // BATCH
    assert bill.writes <= 3 * chains + 2 * straight + 2 * chains + BATCH_WRITES * batches + commits
    assert bill.reads <= chains + BATCH_READS * batches + LAST_READS


def test_who_only_dispatches_reads_no_prompt_more_than_twice(engine, spent):
    engine.runtime.store._claimed.add = lambda *_: None  # as if another process had claimed
    bill, prompts, batches = run(engine, spent, BATCH)
    assert bill.reads <= 2 * prompts
    assert bill.reads <= 2 * BATCH + (prompts - BATCH) + BATCH_READS * batches + LAST_READS


@pytest.mark.parametrize("faults", ["failed=0.01"])
def test_a_few_rows_that_fail_and_are_sent_again_do_not_pass_the_bound(engine, spent):
    bill, prompts, batches = run(engine, spent, 2 * BATCH)
    assert batches > prompts // BATCH
    assert bill.writes <= 3 * prompts + 2 * (2 * BATCH)
    assert bill.reads <= 2 * prompts


def test_what_is_done_makes_looking_no_dearer(engine, spent):
    gemchain.start_many(flows.outline, ({"topic": str(number)} for number in range(400)))
    engine.run()
    spent()
    store = active().store
    assert is_idle(engine.runtime)
    assert store.queues() == []
    assert store.open_parts() == store.due_answers(limit=10) == []
    assert spent().reads <= 10 + SHARDS
    assert drive(engine.runtime)
    assert spent().writes == 0


@pytest.mark.parametrize("many", ["submit_many", "start_many"])
def test_ten_thousand_take_dozens_of_round_trips(engine, spent, many):
    if many == "submit_many":
        gemchain.submit_many(gemchain.prompt(str(number), "simulated/echo") for number in range(10_000))
    else:
        gemchain.start_many(flows.outline, ({"topic": str(number)} for number in range(10_000)))
    bill = spent()
    assert engine.runtime.store.counters().prompts == {"QUEUED": 10_000}
    assert bill.round_trips <= 48
    assert bill.writes <= 20_000 + bill.round_trips


def test_keys_that_are_asked_again_are_read_and_not_written(engine, spent):
    rows = [{"topic": str(number)} for number in range(1_000)]
    gemchain.start_many(flows.outline, rows, key="topic")
    spent()
    gemchain.start_many(flows.outline, rows, key="topic")
    bill = spent()
    assert (bill.writes, bill.reads) == (0, 1_000)
