"""Memory of a process that dispatches one large output.

Prompts are recorded and a service writes their output: by default 100,000 rows of 2 KB, and with
`--rows 1000000` the 2 GB of the promise. Then a new process dispatches it, each row with a callback,
and prints its peak resident memory, the interpreter included.

    python -m benchmarks.dispatch_memory [--rows 1000000] [--unkeyed]

With `--unkeyed` no row has the id of its prompt, so each row is matched by the request that it echoes.
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
"""Characters of a request and of its answer: with the fields around them, a row has about 2 KB."""


def begin(number: int) -> None:
    gemchain.submit(f"{number} ".ljust(SIZE, "x"), MODEL, finish)


def finish(response: gemchain.Response) -> int:
    return len(response.text)


def answer(request: dict) -> str:
    return request["contents"][-1]["parts"][-1]["text"][::-1]


def settings(state: str, *, unkeyed: bool) -> dict:
    faults = "keyless=1,unlabelled=1" if unkeyed else ""
    limits = {"max_batch_requests": 200_000, "max_running_batches": 100}
    return {"state": state, "grace": 0, "simulated_faults": faults, **limits}


def prepare(rows: int, state: str, *, unkeyed: bool) -> None:
    """Everything up to the moment when the output is collected."""
    runtime = gemchain.configure(responder=answer, **settings(state, unkeyed=unkeyed))
    gemchain.start_many(begin, ({"number": number} for number in range(rows)))
    assemble(runtime)
    launch(runtime)
    collect(runtime)
    runtime.store.close()


def measure(rows: int, state: str, *, unkeyed: bool) -> None:
    """Dispatch the whole output, and print time and memory."""
    runtime = gemchain.configure(**settings(state, unkeyed=unkeyed))
    size = sum(file.size for batch in runtime.store.open_batches() for file in batch.output)
    begun = time.perf_counter()
    parts = sum(1 for _ in dispatch(runtime))
    seconds = time.perf_counter() - begun
    done = runtime.store.counters().prompts
    assert done == {PromptState.DONE: rows}, done
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows:>9,} rows of {size / 1e9:.2f} GB in {parts} parts: {seconds:.1f} s, "
        f"{rows / seconds:,.0f} rows a second, peak memory {peak:.0f} MB (limit: {LIMIT} MB)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--unkeyed", action="store_true")
    parser.add_argument("--state", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["prepare", "measure"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        work = {"prepare": prepare, "measure": measure}[options.only]
        work(options.rows, options.state, unkeyed=options.unkeyed)
        return
    with tempfile.TemporaryDirectory() as folder:
        for only in ("prepare", "measure"):
            command = [sys.executable, "-m", "benchmarks.dispatch_memory", "--only", only]
            command += ["--rows", str(options.rows), "--state", str(Path(folder) / "state")]
            subprocess.run(command + ["--unkeyed"] * options.unkeyed, check=True)


if __name__ == "__main__":
    main()
