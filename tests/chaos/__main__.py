"""Chaos with real processes: `python -m tests.chaos [--kills 100] [--store sqlite|firestore] [--seed N]`.

Three processes share one store and are killed with SIGKILL again and again while chains of every kind run: at
random moments, and just after a provider job was made. Meanwhile the disk is full for a while, the Firestore
stand-in stands still or cannot be reached, a process stands still for longer than its leases last, and jobs
fail, expire, and lose, double and spoil rows. Then there is peace, and everything is compared with a run that
nobody disturbed.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.faults import (
    COMPARED,
    COMPARED_AFTER_COLLECTION,
    Havoc,
    assert_same,
    findings,
    findings_of_collected,
)
from tests.chaos.processes import Nursery
from tests.chaos.worlds import FirestoreWorld, SqliteWorld, World

STORES: dict[str, type[World]] = {"sqlite": SqliteWorld, "firestore": FirestoreWorld}
CHAINS = 240


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="on each store, at least (default 100)")
    parser.add_argument("--store", choices=STORES, action="append", help="both when left out")
    parser.add_argument("--seed", type=int, default=None, help="of a run to repeat")
    parser.add_argument("--chains", type=int, default=CHAINS)
    options = parser.parse_args()
    seed = secrets.randbelow(100_000) if options.seed is None else options.seed
    print(f"seed {seed}: python -m tests.chaos --seed {seed} --kills {options.kills}")
    nursery = Nursery()
    try:
        with tempfile.TemporaryDirectory() as folder:
            expected = undisturbed(Path(folder) / "undisturbed", nursery, options.chains)
            for store in options.store or STORES:
                runs = Runs(STORES[store], Path(folder) / store, nursery, options)
                for found in runs.until_enough_kills(seed):
                    assert_same(found, expected)
                    print(f"  as if undisturbed: {', '.join(COMPARED)}; every prompt paid exactly once\n")
                assert_same(runs.collected(seed), expected)
                print(f"  as if undisturbed: {', '.join(COMPARED_AFTER_COLLECTION)}; nothing else is left\n")
    finally:
        nursery.close()
    return 0


def undisturbed(folder: Path, nursery: Nursery, chains: int) -> dict[str, object]:
    """What a single process finds that nobody disturbs, with a service that makes no mistakes."""
    world = SqliteWorld(folder, seed=0, faults="")
    try:
        havoc = Havoc(world, nursery, seed=0, chains=chains, processes=1)
        begun = time.monotonic()
        havoc.make_peace()
        found = findings(world)
    finally:
        world.close()
    sizes = ", ".join(f"{len(found[name]):,} {name}" for name in COMPARED)  # type: ignore[arg-type]
    print(f"undisturbed: {time.monotonic() - begun:.1f} s; {sizes}\n")
    return found


class Runs:
    """Runs in one kind of world."""

    def __init__(
        self, kind: type[World], folder: Path, nursery: Nursery, options: argparse.Namespace
    ) -> None:
        self._kind = kind
        self._folder = folder
        self._nursery = nursery
        self._options = options

    def until_enough_kills(self, seed: int) -> Iterator[dict[str, object]]:
        """As many runs as it takes for the kills; what is found after each."""
        killed = 0
        while killed < self._options.kills:
            havoc, found = self._run(seed, self._options.kills - killed, findings)
            killed += len(havoc.told.kills)
            print(f"  {found['_jobs']:,} jobs, {found['_attempts']:.2f} attempts of a prompt on average")
            yield found
            seed += 1

    def collected(self, seed: int) -> dict[str, object]:
        """A run in which every process removes what has ended, as soon as it has."""
        print("every process runs `gemchain gc --older-than 0s` again and again:")
        return self._run(seed, self._options.kills // 4, findings_of_collected, collects=True)[1]

    def _run(
        self, seed: int, kills: int, find: Callable[[World], dict[str, object]], *, collects: bool = False
    ) -> tuple[Havoc, dict[str, object]]:
        world = self._kind(self._folder / f"{seed}-{collects}", seed)
        havoc = Havoc(world, self._nursery, seed=seed, chains=self._options.chains, collects=collects)
        begun = time.monotonic()
        try:
            havoc.wreak(kills)
            havoc.make_peace()
            report(self._kind.name, seed, havoc, time.monotonic() - begun)
            return havoc, find(world)
        finally:
            havoc.stop()
            world.close()


def report(name: str, seed: int, havoc: Havoc, seconds: float) -> None:
    told = havoc.told
    print(f"{name}, seed {seed}: {len(told.kills)} kills in {seconds:.1f} s")
    for line in told.kills:
        print(f"    {line}")
    for what, counted in (("moments", told.moments), ("outages", told.outages), ("ended", told.complaints)):
        print(f"  {what}: {', '.join(f'{number} x {each}' for each, number in counted.items()) or 'none'}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
