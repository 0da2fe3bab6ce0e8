"""The loop that the engine is compared with: it parses a row and makes three grouped SQLite writes.

It uses nothing of gemchain. It measures the speed of the machine at this moment, so that the figures of
`full_cycle` can be judged even when the machine is busy.

    python -m benchmarks.bare_loop [--rows 100000]
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import orjson

GROUP = 500

SCHEMA = """
CREATE TABLE prompts (id TEXT PRIMARY KEY, state TEXT NOT NULL, chain TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""


def output_row(number: int, size: int) -> bytes:
    request = {"contents": [{"role": "user", "parts": [{"text": "x" * size}]}]}
    answer = {"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}
    response = {"candidates": [answer], "usageMetadata": {"promptTokenCount": 256, "candidatesTokenCount": 1}}
    return orjson.dumps({"key": f"p{number:030}", "request": request, "status": "", "response": response})


def measure(rows: int, size: int = 1024) -> float:
    """Seconds that one row takes."""
    lines = [output_row(number, size) for number in range(min(rows, GROUP))]
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)
        db.executemany(
            "INSERT INTO prompts VALUES (?, 'CLAIMED', 'c')", ((f"p{number:030}",) for number in range(rows))
        )
        begun = time.perf_counter()
        for start in range(0, rows, GROUP):
            _handle(db, lines, range(start, min(start + GROUP, rows)))
        seconds = time.perf_counter() - begun
        db.close()
    return seconds / rows


def _handle(db: sqlite3.Connection, lines: list[bytes], numbers: range) -> None:
    done, children, requests = [], [], []
    for number in numbers:
        row = orjson.loads(lines[number % GROUP])
        text = row["response"]["candidates"][0]["content"]["parts"][0]["text"]
        done.append((f"p{number:030}",))
        children.append((f"q{number:030}", "c"))
        requests.append((f"q{number:030}", orjson.dumps({"contents": text.ljust(1024, "y")}).decode()))
    db.execute("BEGIN IMMEDIATE")
    db.executemany("UPDATE prompts SET state = 'DONE' WHERE id = ? AND state = 'CLAIMED'", done)
    db.executemany("INSERT INTO prompts VALUES (?, 'QUEUED', ?)", children)
    db.executemany("INSERT INTO requests VALUES (?, ?)", requests)
    db.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    print(f"{options.rows:>9,} rows in a bare loop: {1 / measure(options.rows):8,.0f} a second")


if __name__ == "__main__":
    main()
