"""Time of wide gathers through the whole embedded engine, and their reads and writes on Firestore.

    python -m benchmarks.gather [--branches 1000 10000] [--stores sqlite firestore] [--request 0]

Three chains, each with one gather: of prompts with a callback after them (`callbacks`), of prompts that an
async chain awaits (`prompts`), and of coroutines of two prompts each (`programs`). Prints the time of each
number of branches, and the time of one branch relative to the first line: 1 when the time is proportional to
the branches. Firestore is the stand-in of `gemchain.emulators.firestore`, in a process of its own. Its
counters are printed, too, with the number of writes of the document that was written most.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections import Counter

import gemchain
from gemchain import chain, gather, prompt

MODEL = "simulated/echo"


PADDING = ""
"""Spaces that lengthen every request, by `--request`."""


def item(number: int) -> str:
    return f"item {number}{PADDING}"


def callbacks(count: int):
    gather([prompt(item(number), MODEL) for number in range(count)], lengths)


def lengths(results):
    return [len(each.text) for each in results]


@chain
async def prompts(count: int):
    results = await gather([prompt(item(number), MODEL) for number in range(count)])
    last = await prompt(f"all {len(results)}", MODEL)
    return len(last.text)


async def twice(number: int):
    first = await prompt(item(number), MODEL)
    second = await prompt(f"again {number}, {len(first.text)}", MODEL)
    return len(second.text)


@chain
async def programs(count: int):
    results = await gather([twice(number) for number in range(count)])
    return sum(results)


SHAPES = {"callbacks": callbacks, "prompts": prompts, "programs": programs}


def measure(shape: str, branches: int, address: str, answer: int) -> float:
    """Seconds from the start of the chain to its end."""
    text = "x" * answer
    with tempfile.TemporaryDirectory() as folder:
        runtime = gemchain.configure(
            state=folder, store=address, responder=lambda _: text, grace=0, poll=0.01
        )
        begun = time.perf_counter()
        started = gemchain.start(SHAPES[shape], branches)
        gemchain.run()
        seconds = time.perf_counter() - begun
        started.result(timeout=0)  # raises unless it is done, and reads the chain alone
        runtime.store.close()
    return seconds


def serve(pipe) -> None:
    """Run the stand-in in this process: for each project received, it sends reads and writes."""
    from gemchain.emulators.firestore import FirestoreEmulator
    from gemchain.emulators.firestore.database import Database

    written: Counter[str] = Counter()
    report = Database._report  # noqa: SLF001 -- no counter of the stand-in tells documents apart

    def counting(self, response, writes, names):
        written.update(names)
        report(self, response, writes, names)

    Database._report = counting  # noqa: SLF001
    with FirestoreEmulator() as emulator:
        pipe.send(emulator.host)
        while (project := pipe.recv()) is not None:
            found = emulator.counters(project)
            pipe.send((found.reads, found.writes, *written.most_common(1)[0]))
            written.clear()


def on_sqlite(shape: str, sizes: list[int], answer: int) -> None:
    report(shape, [(size, measure(shape, size, "", answer), "") for size in sizes])


def on_firestore(shape: str, sizes: list[int], answer: int) -> None:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    os.environ["FIRESTORE_EMULATOR_HOST"] = here.recv()
    found = []
    for size in sizes:
        project = f"demo-{shape}-{size}"
        seconds = measure(shape, size, f"firestore://{project}/(default)", answer)
        here.send(project)
        reads, writes, hottest, most = here.recv()
        kind = hottest.split("/")[-2]
        counters = f", {reads / size:5.2f} reads and {writes / size:5.2f} writes a branch, {most} to a {kind}"
        found.append((size, seconds, counters))
    here.send(None)
    server.join()
    report(shape, found)


def report(shape: str, found: list[tuple[int, float, str]]) -> None:
    first = found[0][1] / found[0][0]
    for size, seconds, counters in found:
        cost = seconds / size
        print(
            f"  {shape:<10}{size:>8,} branches: {seconds:7.2f} s, {cost * 1e6:6,.0f} us a branch "
            f"({cost / first:4.2f} of the first){counters}",
            flush=True,
        )


STORES = {"sqlite": on_sqlite, "firestore": on_firestore}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--branches", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--stores", nargs="+", choices=list(STORES), default=list(STORES))
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--answer", type=int, default=200, help="characters of each answer")
    parser.add_argument("--request", type=int, default=0, help="characters that each request is longer")
    options = parser.parse_args()
    globals()["PADDING"] = " " * options.request
    for store in options.stores:
        print(store)
        for shape in options.shapes:
            STORES[store](shape, options.branches, options.answer)


if __name__ == "__main__":
    main()
