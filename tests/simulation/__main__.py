"""Run seeds: `python -m tests.simulation --seeds 5000`; replay one: `--seed N --trace`."""

import argparse
import os
import secrets
import sys
import time
from collections import Counter
from multiprocessing import Pool

from tests.simulation.mutants import MUTANTS, unchanged
from tests.simulation.words import Words, digest
from tests.simulation.world import simulate

SEEDS = 1_000

PATIENCE = 300
"""Seeds within which every mutant must be noticed."""

TAIL = 60
"""Events before a broken promise that are shown."""


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, help=f"how many seeds to run; {SEEDS}, or {PATIENCE} with --mutants"
    )
    parser.add_argument("--start", type=int, help="the first of them; drawn when not given")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="show all that happens")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="break the engine on purpose")
    parser.add_argument("--mutants", action="store_true", help="see how many seeds notice each mutant")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given.seed, given.mutant, trace=given.trace)
    if given.mutants:
        return _kill(given.seeds or PATIENCE, given.start or 0, given.processes)
    return _many(given.seeds or SEEDS, given)


def _one(seed, mutant, *, trace):
    with MUTANTS.get(mutant, unchanged)():
        report = simulate(seed)
    lines = Words(report.names).lines(report.trace)
    print("\n".join(lines if trace else lines[-TAIL:] if report.violation else []))
    print(f"seed {seed}: {report.chains} chains, {report.prompts} prompts, trace {digest(report)}")
    print(f"faults: {_counted(report.faults)}")
    if report.violation:
        print(f"BROKEN: {Words(report.names).text(report.violation)}")
    return bool(report.violation)


def _many(seeds, given):
    start = secrets.randbelow(1 << 40) if given.start is None else given.start
    began, faults, broken = time.monotonic(), Counter(), []
    chains = prompts = points = 0
    runs = [(seed, given.mutant) for seed in range(start, start + seeds)]
    with Pool(given.processes) as pool:
        for seed, violation, counts, sizes in pool.imap_unordered(_run, runs, chunksize=20):
            faults.update(counts)
            chains, prompts, points = chains + sizes[0], prompts + sizes[1], points + sizes[2]
            if violation:
                broken.append(seed)
                print(
                    f"seed {seed} BROKEN {violation}\n  python -m tests.simulation --seed {seed} --trace",
                    flush=True,
                )
    took = time.monotonic() - began
    print(
        f"{seeds} seeds from {start} in {took:.0f} s: "
        f"{chains} chains, {prompts} prompts, {points} calls of ports"
    )
    print(f"{sum(faults.values())} faults: {_counted(faults)}")
    print(f"{len(broken)} broken")
    return bool(broken)


def _kill(seeds, start, processes):
    survivors = []
    with Pool(processes) as pool:
        for mutant in MUTANTS:
            runs = [(seed, mutant) for seed in range(start, start + seeds)]
            found = list(pool.imap(_run, runs, chunksize=5))
            killed = [(seed, violation) for seed, violation, _, _ in found if violation]
            rules = Counter(violation.partition(":")[0] for _, violation in killed)
            first = killed[0][0] - start + 1 if killed else "-"
            share = len(killed) / seeds
            print(
                f"{mutant:18} noticed by {share:6.1%} of {seeds} seeds, first by number {first}", flush=True
            )
            print("".join(f"{'':20}{count:4} {rule}\n" for rule, count in rules.most_common(3)), end="")
            survivors += [] if killed else [mutant]
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants noticed")
    return bool(survivors)


def _run(what):
    seed, mutant = what
    with MUTANTS.get(mutant, unchanged)():
        report = simulate(seed)
    violation = report.violation and Words(report.names).text(report.violation)
    return seed, violation, report.faults, (report.chains, report.prompts, report.points)


def _counted(faults):
    return ", ".join(f"{count} {name}" for name, count in faults.most_common())


if __name__ == "__main__":
    sys.exit(main())
