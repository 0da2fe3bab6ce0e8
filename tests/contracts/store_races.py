"""What `Store` promises to several processes at once: real ones, on one state."""

import contextlib
import pickle
import subprocess
import sys
from dataclasses import replace

from gemchain.errors import StoreConflictError
from gemchain.ports import Store
from gemchain.records import Batch, Unit, Verdict
from gemchain.records.states import PromptState
from tests.contracts.store_intake import born_into
from tests.contracts.store_samples import APPLIED, CONFLICT, SIZE, Samples, ids

P = PromptState


class RaceContract:
    crowd = 5_000
    """Prompts that the processes fight for."""

    def test_two_processes_that_claim_at_once_share_the_prompts(self, given, elsewhere):
        names = [f"p{n:05d}" for n in range(self.crowd)]
        given.queue(*names)
        given.plan("b1")
        given.plan("b2")
        one, two = at_once(elsewhere, (claim_all, "b1"), (claim_all, "b2"))
        assert sorted(one + two) == names
        assert given.store.counters().prompts == {P.CLAIMED: self.crowd}
        assert given.store.queues() == []
        for batch, claimed in (("b1", one), ("b2", two)):
            assert sorted(ids(given.store.input_rows(batch))) == sorted(claimed)

    def test_two_processes_that_commit_at_once_move_each_prompt_once(self, given, elsewhere):
        names = [f"p{n:04d}" for n in range(self.crowd // 5)]
        claimed = given.claimed(*names)
        mine = [given.unit(each, P.DONE, f"{each.id}-child", token=f"one {each.id}") for each in claimed]
        theirs = [replace(each, token=f"two {each.token}") for each in mine]
        one, two = at_once(elsewhere, (commit_all, mine), (commit_all, theirs))
        assert all({a, b} == {APPLIED, CONFLICT} for a, b in zip(one, two, strict=True))
        assert given.store.counters().prompts == {P.DONE: len(names), P.QUEUED: len(names)}

    def test_two_processes_that_repeat_one_call_at_once_apply_it_once(self, given, elsewhere):
        names = [f"p{n:04d}" for n in range(self.crowd // 25)]
        units = [given.unit(each, P.DONE, f"{each.id}-child") for each in given.claimed(*names)]
        one, two = at_once(elsewhere, (commit_all, units), (commit_all, units))
        assert one == two == [APPLIED] * len(names)
        assert given.store.counters().prompts == {P.DONE: len(names), P.QUEUED: len(names)}

    def test_two_processes_that_take_one_lease_do_not_both_get_it(self, given, elsewhere):
        for number in range(20):
            given.plan(f"b{number}")
        one, two = at_once(elsewhere, (lease_all,), (lease_all,))
        assert sorted(one + two) == sorted(f"b{number}" for number in range(20))
        assert {batch.fence for batch in given.store.open_batches()} == {2}

    def test_two_processes_that_start_one_chain_create_it_once(self, given, elsewhere):
        mine = [given.start_unit(f"c{n}", f"p{n}") for n in range(200)]
        theirs = [replace(each, token=f"two {each.token}") for each in mine]
        one, two = at_once(elsewhere, (commit_all, mine), (commit_all, theirs))
        assert all({a, b} == {APPLIED, CONFLICT} for a, b in zip(one, two, strict=True))
        assert given.store.counters().prompts == {P.QUEUED: 200}

    def test_who_takes_a_batch_over_sees_all_that_was_born_into_it(self, given, elsewhere):
        names = [f"p{n:04d}" for n in range(self.crowd // 10)]
        claimed = given.claimed(*names, batch="b0")
        batch = given.plan("b1")
        units = [born_into(given.unit(each, P.DONE, f"{each.id}-child"), batch, given) for each in claimed]
        verdicts, seen = at_once(elsewhere, (bear_all, units, batch), (take_over, "b1", len(names) // 5))
        born = [f"{name}-child" for name, verdict in zip(names, verdicts, strict=True) if verdict is APPLIED]
        assert sorted(seen) == born
        assert given.store.counters().prompts[P.DONE] == len(born)


def bear_all(store: Store, _given: Samples, units: list[Unit], batch: Batch) -> list[Verdict]:
    return [
        verdict
        for start in range(0, len(units), 20)
        for verdict in store.commit(units[start : start + 20], into=[batch])
    ]


def take_over(store: Store, _given: Samples, batch_id: str, after: int) -> list[str]:
    """Take a batch over once it has some members; all that it has then."""
    while store.counters().prompts.get(P.DONE, 0) < after:
        pass
    batch = store.batches([batch_id])[batch_id]
    store.save_batch(replace(batch, fence=batch.fence + 1))
    return ids(store.input_rows(batch_id))


def claim_all(store: Store, _given: Samples, batch_id: str) -> list[str]:
    batch = store.batches([batch_id])[batch_id]
    claimed: list[str] = []
    while rows := store.claim(batch, limit=50, max_bytes=1000 * SIZE):
        claimed += ids(rows)
    return claimed


def commit_all(store: Store, _given: Samples, units: list[Unit]) -> list[Verdict]:
    return [
        verdict for start in range(0, len(units), 20) for verdict in store.commit(units[start : start + 20])
    ]


def lease_all(store: Store, _given: Samples) -> list[str]:
    mine = []
    for batch in store.open_batches():
        if batch.fence == 1:
            with contextlib.suppress(StoreConflictError):
                mine.append(store.save_batch(replace(batch, fence=2)).id)
    return mine


def at_once(elsewhere, *calls):
    """Each call in a process of its own, on a handle of its own, all let go at one moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.contracts.other_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in calls
    ]
    with contextlib.ExitStack() as stack:
        for process, call in zip(processes, calls, strict=True):
            stack.enter_context(process)
            pickle.dump((elsewhere, call), process.stdin)
            process.stdin.flush()
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.stdin.close()
        return [pickle.load(process.stdout) for process in processes]
