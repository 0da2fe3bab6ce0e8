"""Chaos with real processes: `python -m tests.chaos [--kills 100] [--store sqlite|firestore] [--seed N]`.

Three processes share one store and are killed with SIGKILL again and again while chains of every kind run: at
random moments, and just after a provider job was created. Meanwhile the disk is full for a while, the
Firestore stand-in is paused or unreachable, a process is paused for longer than its leases last, and jobs
fail, expire, and lose, double and spoil rows. Then the faults stop, everything runs to its end, and all is
compared with a run without faults.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.chaos_run import ChaosRun
from tests.chaos.comparison import (
    COMPARED,
    COMPARED_AFTER_COLLECTION,
    assert_same,
    findings,
    findings_of_collected,
)
from tests.chaos.processes import Processes
from tests.chaos.setups import FirestoreSetup, Setup, SqliteSetup

STORES: dict[str, type[Setup]] = {"sqlite": SqliteSetup, "firestore": FirestoreSetup}
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
    processes = Processes()
    try:
        with tempfile.TemporaryDirectory() as folder:
            expected = undisturbed(Path(folder) / "undisturbed", processes, options.chains)
            for store in options.store or STORES:
                runs = Runs(STORES[store], Path(folder) / store, processes, options)
                for found in runs.until_enough_kills(seed):
                    assert_same(found, expected)
                    print(f"  same as expected: {', '.join(COMPARED)}; every prompt paid exactly once\n")
                assert_same(runs.collected(seed), expected)
                print(f"  same as expected: {', '.join(COMPARED_AFTER_COLLECTION)}; nothing else is left\n")
    finally:
        processes.close()
    return 0


def undisturbed(folder: Path, processes: Processes, chains: int) -> dict[str, object]:
    """What a run without faults leaves: one process, and a service that makes no mistakes."""
    setup = SqliteSetup(folder, seed=0, service_faults="")
    try:
        run = ChaosRun(setup, processes, seed=0, chains=chains, workers=1)
        begun = time.monotonic()
        run.finish_without_faults()
        found = findings(setup)
    finally:
        setup.close()
    sizes = ", ".join(f"{len(found[name]):,} {name}" for name in COMPARED)  # type: ignore[arg-type]
    print(f"without faults: {time.monotonic() - begun:.1f} s; {sizes}\n")
    return found


class Runs:
    """Chaos runs on one store."""

    def __init__(
        self, kind: type[Setup], folder: Path, processes: Processes, options: argparse.Namespace
    ) -> None:
        self._kind = kind
        self._folder = folder
        self._processes = processes
        self._options = options

    def until_enough_kills(self, seed: int) -> Iterator[dict[str, object]]:
        """As many runs as it takes for the kills; yields what each run left."""
        killed = 0
        while killed < self._options.kills:
            run, found = self._run(seed, self._options.kills - killed, findings)
            killed += len(run.report.kills)
            print(f"  {found['_jobs']:,} jobs, {found['_attempts']:.2f} attempts of a prompt on average")
            yield found
            seed += 1

    def collected(self, seed: int) -> dict[str, object]:
        """A run in which every process removes what has ended, as soon as it has."""
        print("every process runs `gemchain gc --older-than 0s` again and again:")
        return self._run(seed, self._options.kills // 4, findings_of_collected, collects=True)[1]

    def _run(
        self, seed: int, kills: int, find: Callable[[Setup], dict[str, object]], *, collects: bool = False
    ) -> tuple[ChaosRun, dict[str, object]]:
        setup = self._kind(self._folder / f"{seed}-{collects}", seed)
        run = ChaosRun(setup, self._processes, seed=seed, chains=self._options.chains, collects=collects)
        begun = time.monotonic()
        try:
            run.inject_faults(kills)
            run.finish_without_faults()
            print_report(self._kind.name, seed, run, time.monotonic() - begun)
            return run, find(setup)
        finally:
            run.stop()
            setup.close()


def print_report(name: str, seed: int, run: ChaosRun, seconds: float) -> None:
    report = run.report
    print(f"{name}, seed {seed}: {len(report.kills)} kills in {seconds:.1f} s")
    for line in report.kills:
        print(f"    {line}")
    for what, counted in (("moments", report.moments), ("faults", report.faults), ("errors", report.errors)):
        print(f"  {what}: {', '.join(f'{number} x {each}' for each, number in counted.items()) or 'none'}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
