"""Chains on the emulator suite: Firestore, functions, tasks and storage, as deployed."""

import pytest

from gemchain.records.states import BatchState

pytestmark = [pytest.mark.firebase, pytest.mark.xdist_group("firebase")]

ROWS = [{"topic": f"the history of number{number} and its uses"} for number in range(299)]
FORKED = {"topic": "a fork", "languages": ["English", "German", "Swahili"]}


def test_three_hundred_chains_of_three_prompts_have_the_right_results(deployment, expected):
    rows = [*ROWS, FORKED]
    chains = deployment.start_chains(rows)
    for _ in range(3):
        deployment.assemble()
        deployment.finish_jobs()
        deployment.log.wait_until(deployment.batches_closed)
    assert deployment.all_ended(chains)
    assert deployment.results(chains) == expected(rows)
    # No sweep ran, so the storage trigger collected and the task queue dispatched.
    assert deployment.calls("gemchainSweep") == 0
    assert deployment.log.count("gemchain: collected") == 3
    assert deployment.log.count("gemchain: dispatched") == 3
    assert deployment.calls("gemchainDispatch") == 3


def test_starting_the_same_rows_again_finds_the_chains_and_sends_nothing(deployment):
    rows = [{"topic": "the same"}]
    first = deployment.start_chains(rows)
    assert deployment.start_chains(rows) == first
    assert len(list(deployment.store.chain_prompts(first[0]))) == 1


def test_an_uploaded_file_starts_a_chain(deployment):
    def found():
        chains = deployment.store.list_chains(limit=1000)
        return [each for each in chains if each.key == "uploads/bees.txt"]

    # Other objects call the function, too, so the log does not show the end of this call.
    deployment.runtime.blobs._bucket.blob("uploads/bees.txt").upload_from_string("about bees")
    deployment.log.wait_until(found)
    (chain,) = found()
    assert chain.function == "articles:outline"
    assert "about bees" in str(
        deployment.store.requests([each.id for each in deployment.store.chain_prompts(chain.id)])
    )


def test_a_batch_of_a_thousand_prompts_needs_few_calls_and_few_tasks(deployment):
    """With the ticks of half an hour, about the duration of a job of that size."""
    names = ("startArticles", "articleUploaded", "gemchainAssemble", "gemchainCollect", "gemchainDispatch")
    while deployment.store.open_batches() or deployment.store.queues():  # records of earlier tests
        deployment.assemble()
        deployment.finish_jobs()
        deployment.log.wait_until(deployment.batches_closed)
    before = {name: deployment.calls(name) for name in (*names, "gemchainSweep")}
    deployment.start_chains([{"topic": f"a thousand times number{number}"} for number in range(1000)])
    for minute in range(30):
        deployment.assemble()
        if minute % 5 == 0:
            deployment.sweep()
    deployment.finish_jobs()
    deployment.log.wait_until(deployment.batches_closed)
    closed = deployment.store.list_batches(state=BatchState.CLOSED)
    (batch,) = [each for each in closed if each.requests >= 1000]
    calls = {name: deployment.calls(name) - count for name, count in before.items()}
    assert sum(calls.values()) / batch.requests <= 0.05, calls
    assert calls["gemchainDispatch"] / batch.requests <= 0.02, calls
