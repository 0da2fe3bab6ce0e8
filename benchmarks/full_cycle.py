"""Prompts per second through the whole embedded engine, in one process.

    python -m benchmarks.full_cycle [--prompts 100000] [--depth 4] [--size 1024]

Each prompt is submitted, batched, answered by a simulated provider and passed to its callback, and its
next prompt is committed. Prints one line for each number of prompts, and the cost of a prompt relative to
the first line. Before and after each run the bare loop is measured, so that the figures can be judged on
a busy machine.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import gemchain
from benchmarks import bare_loop
from gemchain.records.states import PromptState

MODEL = "simulated/echo"
BARE_ROWS = 20_000


def begin(number: int, depth: int, size: int):
    gemchain.submit(f"{number} ".ljust(size, "x"), MODEL, again, params={"left": depth - 1, "size": size})


def again(response, left: int, size: int):
    if left == 0:
        return len(response.text)
    gemchain.submit(response.text.ljust(size, "y"), MODEL, again, params={"left": left - 1, "size": size})
    return None


def answer(request):  # noqa: ARG001 -- a responder takes it
    return "ok"


def measure(prompts: int, depth: int, size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        runtime = gemchain.configure(state=folder, responder=answer, grace=0)
        begun, cpu_begun = time.perf_counter(), time.process_time()
        rows = ({"number": number, "depth": depth, "size": size} for number in range(prompts // depth))
        gemchain.start_many(begin, rows)
        submitted = time.perf_counter()
        gemchain.run()
        ended = time.perf_counter()
        done = runtime.store.counters().prompts
        assert done == {PromptState.DONE: prompts // depth * depth}, done
        files = sum(each.stat().st_size for each in Path(folder).rglob("*") if each.is_file())
        runtime.store.close()
    cpu = (time.process_time() - cpu_begun) / prompts
    seconds = ended - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{prompts:>9,} prompts: {seconds:7.2f} s (submitting {submitted - begun:6.2f} s), "
        f"{prompts / seconds:8,.0f} a second, {cpu * 1e6:4.0f} µs of processor time each, "
        f"{files / 1e6:8,.0f} MB on disk, peak memory {peak:6,.0f} MB",
        flush=True,
    )
    return seconds / prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    costs = []
    for prompts in options.prompts:
        before = bare_loop.measure(BARE_ROWS)
        costs.append(measure(prompts, options.depth, options.size))
        bare = (before + bare_loop.measure(BARE_ROWS)) / 2
        print(
            f"          bare loop {1 / bare:,.0f} a second: a prompt costs {costs[-1] / bare:.1f} of its rows"
        )
    print("cost of a prompt, relative to the first:", ", ".join(f"{cost / costs[0]:.2f}" for cost in costs))


if __name__ == "__main__":
    main()
