"""A process dies at every write, before and after it, of a run over Firestore that uses the whole language.

python -m tests.crashes [--store firestore|sqlite] [--processes 2]
"""

import argparse
import itertools
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

from tests.crashes.test_every_write_of_the_language import WORK, undisturbed_in
from tests.support.crashing import Fuse
from tests.support.engines import FIRESTORE, SQLITE, over
from tests.support.lives import check, live_until_done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", choices=[FIRESTORE, SQLITE], default=FIRESTORE)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        writes = undisturbed_in(chosen.store, Path(folder))["writes"]
    deaths = [(chosen.store, at, after) for at, after in itertools.product(range(writes), (False, True))]
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
        complaints = [each for each in pool.imap_unordered(die, deaths) if each]
    print("\n".join(complaints))
    took = time.monotonic() - began
    print(f"{chosen.store}: {len(deaths)} deaths, {len(complaints)} with a difference, {took:.0f} s")
    return bool(complaints)


_undisturbed = {}


def die(death):
    """What differs after a death; nothing when all is as if nobody had died."""
    store, at, after = death
    with tempfile.TemporaryDirectory() as folder:
        if store not in _undisturbed:
            _undisturbed[store] = undisturbed_in(store, Path(folder) / "undisturbed")
        with over(store):
            found = live_until_done(WORK, Path(folder) / "disturbed", Fuse(at, after=after))
    try:
        check(found, _undisturbed[store])
    except AssertionError as error:
        return f"{'after' if after else 'before'} write {at}: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
