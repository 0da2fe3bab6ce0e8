"""Rows per second, and memory, of writing input lines and reading output rows: `python -m benchmarks.rows`.

200,000 rows of 2 KB, the most rows of a Vertex batch: the input is written, a simulated job answers it,
and the output is read in parts as dispatch reads it. Processor time is printed beside wall-clock time, for a
busy machine.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gemchain.blobs.local import LocalBlobs
from gemchain.engine.rows.lines import read_lines, split
from gemchain.providers.simulated import SimulatedProvider
from gemchain.records import Batch, InputRow
from gemchain.testing import VirtualClock

PART = 8 << 20


@contextmanager
def timed(what: str, rows: int) -> Iterator[None]:
    begun, worked = time.perf_counter(), time.process_time()
    yield
    seconds, work = time.perf_counter() - begun, (time.process_time() - worked) / rows * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<22}{rows / seconds:>10,.0f} rows/s{work:>8.1f} us of work a row{peak:>8,.0f} MB at most")


def write_input(blobs: LocalBlobs, provider: SimulatedProvider, rows: int, size: int) -> Batch:
    text = ("Plain words that say something about batches and rows. " * (size // 50))[:size]
    batch = Batch(id="b1", provider="simulated", model="m", created_at=datetime.now(UTC))
    with blobs.writer("batches/b1/input-1.jsonl") as out:
        for number in range(rows):
            body = {
                "contents": [{"role": "user", "parts": [{"text": f"Summarise number {number}:\n\n{text}"}]}]
            }
            row = InputRow(f"p{number:030d}", orjson.dumps(body).decode())
            out.write(provider.input_line(batch, row))
    return replace(batch, requests=rows, input_uri=blobs.uri("batches/b1/input-1.jsonl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        blobs = LocalBlobs(Path(folder))
        provider = SimulatedProvider(blobs, VirtualClock())
        with timed("input written", options.rows):
            batch = write_input(blobs, provider, options.rows, options.size)
        with timed("answered (simulated)", options.rows):
            job = provider.poll(replace(batch, job=provider.create(batch).name))
        (file,) = job.output
        with timed("output read in parts", options.rows):
            found = sum(
                provider.read_row(line).prompt_id is not None
                for start, end in split(file, PART)
                for _, line in read_lines(blobs, file, start, end)
            )
        assert found == options.rows


if __name__ == "__main__":
    main()
