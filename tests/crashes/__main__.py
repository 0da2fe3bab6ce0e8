"""Crash before and after every write of a run over Firestore that uses the whole chain language.

python -m tests.crashes [--store firestore|sqlite] [--processes 2]
"""

import argparse
import itertools
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

from tests.crashes.one_crash import crash_at
from tests.crashes.test_every_write_of_the_language import undisturbed_in
from tests.support.engines import FIRESTORE, SQLITE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", choices=[FIRESTORE, SQLITE], default=FIRESTORE)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        writes = undisturbed_in(chosen.store, Path(folder))["writes"]
    points = [(chosen.store, at, after) for at, after in itertools.product(range(writes), (False, True))]
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
        differences = [each for each in pool.imap_unordered(crash_at, points) if each]
    for each in differences:
        print(each)
    took = time.monotonic() - began
    print(f"{chosen.store}: {len(points)} crashes, {len(differences)} with a difference, {took:.0f} s")
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
