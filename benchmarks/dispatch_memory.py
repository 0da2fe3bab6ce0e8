"""Resident memory while one large output is dispatched, in a process of its own.

Prompts are recorded and a service writes their output, by default 100,000 rows of 2 KB, with
`--rows 1000000` the 2 GB of the promise. Then a fresh process collects and dispatches it, each row
with a callback, and prints the most memory it ever held, the interpreter included.

    python -m benchmarks.dispatch_memory [--rows 1000000] [--nameless]

With `--nameless` no row names its prompt, so that each is matched by what it echoes.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gemchain
from gemchain.engine.stages.assemble import assemble
from gemchain.engine.stages.collect import collect
from gemchain.engine.stages.dispatch import dispatch
from gemchain.engine.stages.launch import launch
from gemchain.records.states import PromptState

MODEL = "simulated/echo"
LIMIT = 300
SIZE = 800
"""Characters of a request and of its answer: with all that is around them a row of about 2 KB."""


def begin(number: int) -> None:
    gemchain.submit(f"{number} ".ljust(SIZE, "x"), MODEL, finish)


def finish(response: gemchain.Response) -> int:
    return len(response.text)


def answer(request: dict) -> str:
    return request["contents"][-1]["parts"][-1]["text"][::-1]


def settings(state: str, *, nameless: bool) -> dict:
    faults = "keyless=1,unlabelled=1" if nameless else ""
    limits = {"max_batch_requests": 200_000, "max_running_batches": 100}
    return {"state": state, "grace": 0, "simulated_faults": faults, **limits}


def prepare(rows: int, state: str, *, nameless: bool) -> None:
    """Everything up to the moment when the output has landed."""
    runtime = gemchain.configure(responder=answer, **settings(state, nameless=nameless))
    gemchain.start_many(begin, ({"number": number} for number in range(rows)))
    assemble(runtime)
    launch(runtime)
    collect(runtime)
    runtime.store.close()


def measure(rows: int, state: str, *, nameless: bool) -> None:
    """Dispatch it all."""
    runtime = gemchain.configure(**settings(state, nameless=nameless))
    size = sum(file.size for batch in runtime.store.open_batches() for file in batch.output)
    begun = time.perf_counter()
    parts = sum(1 for _ in dispatch(runtime))
    seconds = time.perf_counter() - begun
    done = runtime.store.counters().prompts
    assert done == {PromptState.DONE: rows}, done
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows:>9,} rows of {size / 1e9:.2f} GB in {parts} parts: {seconds:.1f} s, "
        f"{rows / seconds:,.0f} rows a second, peak memory {peak:.0f} MB (asked: under {LIMIT} MB)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--nameless", action="store_true")
    parser.add_argument("--state", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["prepare", "measure"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        work = {"prepare": prepare, "measure": measure}[options.only]
        work(options.rows, options.state, nameless=options.nameless)
        return
    with tempfile.TemporaryDirectory() as folder:
        for only in ("prepare", "measure"):
            command = [sys.executable, "-m", "benchmarks.dispatch_memory", "--only", only]
            command += ["--rows", str(options.rows), "--state", str(Path(folder) / "state")]
            subprocess.run(command + ["--nameless"] * options.nameless, check=True)


if __name__ == "__main__":
    main()
