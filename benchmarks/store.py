"""Time that the SQLite store takes for one prompt, from its creation to its end.

Chains of two prompts go through the store without engine, files or provider: they are created, claimed, read
for the input file, fetched by id in shuffled order as dispatch does, and committed in groups. Each column of
the table is the time of one of these calls in microseconds per prompt.

    python -m benchmarks.store              10,000 and 100,000 prompts
    python -m benchmarks.store --million    and 1,000,000
"""

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gemchain.records import AnswerRef, Batch, Chain, ChainMove, Draft, Move, Prompt, Unit, Usage, identity
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.sqlite import SqliteStore

MODEL = "gemini-3.5-flash-lite"
REQUEST = '{"contents": [{"role": "user", "parts": [{"text": "%s"}]}]}' % ("x" * 960)
OPERATIONS = ("create", "claim", "input rows", "fetch", "commit")
BATCH, PAGE, GROUP = 200_000, 10_000, 5_000  # a group is about a part of an output
REPEATS = 3


class SystemClock:
    def now(self):
        return datetime.now(UTC)

    def sleep(self, seconds):
        time.sleep(seconds)


class Cycle:
    """Runs `prompts` prompts in chains of two; adds up the seconds of each operation."""

    def __init__(self, store, prompts):
        self.store = store
        self.chains = prompts // 2
        self.seconds = defaultdict(float)
        self.random = random.Random(1)

    @contextmanager
    def timed(self, operation):
        start = time.perf_counter()
        yield
        self.seconds[operation] += time.perf_counter() - start

    def run(self):
        self.start_chains()
        while self.run_batch():
            pass

    def start_chains(self):
        for ids in groups([identity.random_id("c") for _ in range(self.chains)], PAGE):
            units = [self.new_chain(chain_id) for chain_id in ids]
            with self.timed("create"):
                self.store.commit(units)

    def new_chain(self, chain_id):
        now = self.store.now()
        chain = Chain(id=chain_id, function="articles:outline", args='{"topic": "batteries"}', created_at=now)
        draft = new_draft(identity.child_id(chain_id, 0), chain_id, None, now)
        return Unit(identity.random_id("t"), chain, (draft,))

    def run_batch(self):
        """Run one batch from plan to close; returns its number of prompts."""
        now = self.store.now()
        batch = Batch(id=identity.batch_id(), provider="simulated", model=MODEL, created_at=now)
        ids = []
        with self.timed("claim"):
            batch = self.store.plan(batch)
            while len(ids) < min(BATCH, self.chains) and (rows := self.claim(batch)):
                ids += [row.prompt_id for row in rows]
        with self.timed("input rows"):
            assert sum(1 for _ in self.store.input_rows(batch.id)) == len(ids)
        self.random.shuffle(ids)
        for place, group in enumerate(groups(ids, GROUP)):
            self.dispatch(batch.id, group, place)
        self.close(batch, len(ids))
        return len(ids)

    def claim(self, batch):
        return self.store.claim(batch, limit=PAGE, max_bytes=1 << 30)

    def dispatch(self, batch_id, ids, place):
        with self.timed("fetch"):
            found = self.store.prompts(ids)
        now = self.store.now()
        units = [self.done_unit(found[each], batch_id, place, now) for each in ids]
        with self.timed("commit"):
            verdicts = self.store.commit(units)
        assert all(verdict.value == "applied" for verdict in verdicts)

    def done_unit(self, prompt, batch_id, place, now):
        after = replace(
            prompt.progress,
            state=PromptState.DONE,
            answer=AnswerRef(f"file:///state/blobs/{batch_id}/predictions.jsonl", 1, place, 2_000),
            usage=Usage(200, 100, 0.001, 0.002),
            answered_at=now,
            ended_at=now,
        )
        move = Move(prompt, after)
        token = identity.random_id("t")
        if prompt.parent_id is not None:
            ending = ChainMove(prompt.chain_id, ChainState.RUNNING, ChainState.DONE, '"text"', None, now)
            return Unit(token, moves=(move,), ending=ending)
        child = new_draft(identity.child_id(prompt.id, 0), prompt.chain_id, prompt.id, now)
        return Unit(token, drafts=(child,), moves=(move,))

    def close(self, batch, requests):
        states = (BatchState.WRITTEN, BatchState.SENT, BatchState.ARRIVED, BatchState.CLOSED)
        for state in states if requests else (BatchState.CLOSED,):
            batch = self.store.save_batch(replace(batch, state=state, requests=requests))


def new_draft(prompt_id, chain_id, parent_id, now):
    prompt = Prompt(
        id=prompt_id,
        chain_id=chain_id,
        parent_id=parent_id,
        provider="simulated",
        model=MODEL,
        size=len(REQUEST),
        callback="articles:draft",
        params='{"topic": "batteries"}',
        created_at=now,
    )
    return Draft(prompt, REQUEST)


def groups(items: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def measure(prompts, folder):
    """Microseconds per prompt of each operation, and the size of the file in bytes per prompt."""
    path = Path(folder) / f"{prompts}-{time.monotonic_ns()}.db"
    store = SqliteStore(str(path), SystemClock())
    cycle = Cycle(store, prompts)
    cycle.run()
    assert store.counters().prompts == {PromptState.DONE: cycle.chains * 2}
    store.close()
    size = path.stat().st_size / prompts
    path.unlink()
    return [cycle.seconds[operation] / prompts * 1e6 for operation in OPERATIONS], size


def best(prompts, folder):
    runs = [measure(prompts, folder) for _ in range(REPEATS if prompts <= 100_000 else 1)]
    return min(runs, key=lambda run: sum(run[0]))


def main():
    parser = argparse.ArgumentParser(description="Cost of the SQLite store, in microseconds per prompt.")
    parser.add_argument("--million", action="store_true", help="measure 1,000,000 prompts as well")
    parser.add_argument("--prompts", type=int, nargs="*", help="measure these numbers of prompts instead")
    options = parser.parse_args()
    counts = options.prompts or [10_000, 100_000, *([1_000_000] if options.million else [])]
    print(f"{'prompts':>10}", *(f"{each:>10}" for each in OPERATIONS), f"{'all':>8} {'bytes':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for prompts in counts:
            shares, size = best(prompts, folder)
            print(
                f"{prompts:>10,}", *(f"{each:>10.1f}" for each in shares), f"{sum(shares):>8.1f} {size:>8.0f}"
            )


if __name__ == "__main__":
    main()
