"""A long run with many faults: `python -m benchmarks.soak [--prompts 1000000] [--batch 50000]`.

Linear chains, forks, joins and async chains run through the whole embedded engine in one process, wave after
wave. The simulated service fails, blocks, truncates, empties, loses, doubles and spoils rows, and lets jobs
fail, expire, end partially and be cancelled; callbacks raise now and then. The memory is the process's
resident memory, read from the kernel.

In the end every chain must have ended as its code says, and `gemchain gc` removes everything; the size of the
database is printed before and after.
"""

import argparse
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import gemchain
from benchmarks import bare_loop
from gemchain.engine.operations.retention import forget
from gemchain.formats.response import PromptError
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import Runtime

MODEL = "simulated/soak"
FAULTS = (
    "failed=0.02,refused=0.001,blocked=0.005,truncated=0.005,empty=0.005,missing=0.01,malformed=0.005,"
    "duplicated=0.02,nulls=0.1,keyless=0.05,unlabelled=0.05,expired=0.02,partial=0.02,cancelled=0.01,job_failed=0.02"
)
WAVE = 20_000
"""Prompts, about, of the chains of one wave."""

raised: Counter[str] = Counter()
"""How often callbacks raised."""


def begin(number: int, text: str):
    gemchain.submit(
        f"{number} {text}", MODEL, second, on_error=given_up, params={"number": number, "text": text}
    )


def second(response, number: int, text: str):  # noqa: ARG001 -- a callback takes it
    if number % 101 == 0 and gemchain.current().idempotency_key not in raised:
        raised[gemchain.current().idempotency_key] += 1
        raise RuntimeError("raises the first time")
    if number % 4 == 1:
        for branch in range(2):
            gemchain.submit(
                f"{number} {branch} {text}", MODEL, last, on_error=given_up, params={"number": number}
            )
    elif number % 4 == 2:
        prompts = [
            gemchain.prompt(f"{number} {branch} {text}", MODEL, on_error=given_up) for branch in range(2)
        ]
        gemchain.gather(prompts, joined, params={"number": number})
    else:
        gemchain.submit(f"{number} again {text}", MODEL, last, on_error=given_up, params={"number": number})


def joined(answers, number: int):
    return [number, len(answers)]


def last(response, number: int):
    return [number, len(response.text)]


def given_up(error: PromptError, **params):  # noqa: ARG001 -- those of the callback
    return ["given up", error.reason]


@gemchain.chain
async def program(number: int, text: str):
    total = 0
    for turn in range(3):
        try:
            total += len((await gemchain.prompt(f"{number} {turn} {text}", MODEL)).text)
        except PromptError as error:
            return ["given up", error.reason]
    return [number, total]


def answer(request):
    return request["contents"][-1]["parts"][-1]["text"][:40]


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


class Soak:
    """One run: waves of chains; the memory is measured after each."""

    def __init__(self, runtime: Runtime, prompts: int, size: int) -> None:
        self.runtime = runtime
        self.prompts = prompts
        self.text = "x" * size
        self.measurements: list[tuple[int, float]] = []
        self.chains = 0
        self.begun = time.perf_counter()

    def run(self) -> None:
        while (made := sum(self.runtime.store.counters().prompts.values())) < self.prompts:
            room = min(WAVE, self.prompts - made)
            self._start(max(4, room // 3))
            gemchain.run()
            self.measure()

    def _start(self, count: int) -> None:
        numbers = range(self.chains, self.chains + count)
        rows = [{"number": number, "text": self.text} for number in numbers]
        gemchain.start_many(begin, (row for row in rows if row["number"] % 4), key="number")
        gemchain.start_many(program, (row for row in rows if row["number"] % 4 == 0))
        self.chains += count

    def measure(self) -> None:
        made = sum(self.runtime.store.counters().prompts.values())
        self.measurements.append((made, resident()))
        if len(self.measurements) % 5 == 1 or made >= self.prompts:
            seconds = time.perf_counter() - self.begun
            database = self.runtime.store.space()
            print(
                f"{made:>10,} prompts {seconds:8.0f} s {made / seconds:7,.0f} a second "
                f"resident {self.measurements[-1][1]:6.0f} MB  database {database.size / 1e6:8,.0f} MB",
                flush=True,
            )

    def memory_at(self, share: float) -> float:
        """Resident memory when this share of all prompts existed."""
        return next(memory for made, memory in self.measurements if made >= share * self.measurements[-1][0])


def check(runtime: Runtime, chains: int) -> Counter[str]:
    """Check that every chain has ended as its code says.

    Returns:
        How the chains ended.
    """
    store = runtime.store
    counters = store.counters()
    assert set(counters.prompts) <= {PromptState.DONE, PromptState.FAILED}, counters.prompts
    assert set(counters.chains) <= {ChainState.DONE}, counters.chains
    assert not store.open_batches()
    assert not store.unsettled_chains(limit=1)
    ends: Counter[str] = Counter()
    after, page = None, store.list_chains(limit=1_000)
    while page:
        for chain in page:
            assert chain.result is not None
            ends["given up" if "given up" in chain.result else "answered"] += 1
            after = chain.id
        page = store.list_chains(limit=1_000, after=after)
    assert sum(ends.values()) == chains, (ends, chains)
    return ends


def rows_of(runtime: Runtime) -> Counter[str]:
    """The outcomes of all rows and jobs."""
    counts: Counter[str] = Counter()
    for batch in runtime.store.list_batches(limit=1_000_000):
        counts[f"batches {batch.state}"] += 1
        counts.update({f"rows {name}": number for name, number in batch.counts._asdict().items()})
        if batch.failure is not None:
            counts[f"jobs: {batch.failure.message.partition(';')[0]}"] += 1
    return +counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--prompts", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=2_000, help="prompts in a batch")
    parser.add_argument("--size", type=int, default=500, help="letters in a request")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bare = bare_loop.measure(20_000)
    print(f"faults: {FAULTS}\nbare loop {1 / bare:,.0f} a second before the run", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        runtime = gemchain.configure(
            state=folder,
            responder=answer,
            grace=0,
            retry_delay=0.01,
            retry_delay_max=0.05,
            max_attempts=6,
            max_batch_requests=options.batch,
            simulated_faults=FAULTS,
            simulated_seed=options.seed,
        )
        soak = Soak(runtime, options.prompts, options.size)
        soak.run()
        report(soak, runtime, Path(folder))
        runtime.store.close()


def report(soak: Soak, runtime: Runtime, folder: Path) -> None:
    made, seconds = soak.measurements[-1][0], time.perf_counter() - soak.begun
    print(f"\n{made:,} prompts of {soak.chains:,} chains in {seconds:,.0f} s: {made / seconds:,.0f} a second")
    shares = (0.1, 0.5, 1.0)
    print("resident memory:", ", ".join(f"{soak.memory_at(each):.0f} MB at {each:.0%}" for each in shares))
    ends = check(runtime, soak.chains)
    print("chains:", ", ".join(f"{number:,} {name}" for name, number in sorted(ends.items())))
    for name, number in sorted(rows_of(runtime).items()):
        print(f"  {number:>10,} {name}")
    print(f"  {sum(raised.values()):>10,} callbacks that raised")
    begun = time.perf_counter()
    before, files = runtime.store.space(), _size(folder / "files")
    removed = forget(runtime, timedelta(0), keys=True)
    after = runtime.store.space()
    collected = time.perf_counter() - begun
    runtime.store.compact()
    compact = runtime.store.space()
    rewriting = time.perf_counter() - begun - collected
    print(
        f"gemchain gc: {removed.chains:,} chains, {removed.prompts:,} prompts, {removed.batches:,} batches "
        f"in {collected:,.0f} s\n"
        f"database {before.size / 1e6:,.1f} MB before, of which {after.free / 1e6:,.1f} MB are free after; "
        f"{compact.size / 1e6:,.1f} MB after --compact, which takes {rewriting:.1f} s\n"
        f"files {files / 1e6:,.1f} MB before, {_size(folder / 'files') / 1e6:,.1f} MB after"
    )
    print(f"resident memory after it: {resident():.0f} MB", flush=True)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


if __name__ == "__main__":
    main()
