"""Run seeds: `python -m tests.simulation --seeds 5000`; replay one: `--seed N --trace`."""

import argparse
import os
import secrets
import sys
import time
from collections import Counter
from multiprocessing import Pool

from tests.simulation.mutants import MUTANTS, unchanged
from tests.simulation.stores import STORES
from tests.simulation.swarm import COUNTED
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
    parser.add_argument("--store", choices=sorted(STORES), default="sqlite", help="where the records are")
    parser.add_argument(
        "--lanes", action="store_true", help="single requests to three providers under every seed"
    )
    parser.add_argument("--compare", action="store_true", help="see that all stores come to the same ends")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given)
    if given.mutants:
        return _kill(given.seeds or PATIENCE, given.start or 0, given.processes)
    return _many(given.seeds or SEEDS, given)


def _one(given):
    with MUTANTS.get(given.mutant, unchanged)():
        report = simulate(given.seed, STORES[given.store], even=given.compare, lanes=given.lanes or None)
    lines = Words(report.names).lines(report.trace)
    print("\n".join(report.legend if given.trace else []))
    print("\n".join(lines if given.trace else lines[-TAIL:] if report.violation else []))
    print(f"seed {given.seed}: {report.chains} chains, {report.prompts} prompts, trace {digest(report)}")
    print(f"faults: {_counted(report.faults)}")
    if report.violation:
        print(f"BROKEN: {Words(report.names).text(report.violation)}")
    return bool(report.violation)


def _many(seeds, given):
    start = secrets.randbelow(1 << 40) if given.start is None else given.start
    print(f"seeds from {start}; the same again: --seeds {seeds} --start {start}", flush=True)
    began, faults, broken = time.monotonic(), Counter(), []
    total = Counter()
    seeds_in_turn = range(start, start + seeds)
    runs = [(seed, given.mutant, given.store, given.compare, given.lanes) for seed in seeds_in_turn]
    with Pool(given.processes) as pool:
        for seed, violation, counts, sizes in pool.imap_unordered(_run, runs, chunksize=20):
            faults.update(counts)
            total.update(sizes)
            if violation:
                broken.append(seed)
                print(
                    f"seed {seed} BROKEN {violation}\n  python -m tests.simulation --seed {seed} --trace",
                    flush=True,
                )
    took = time.monotonic() - began
    print(
        f"{seeds} seeds from {start} in {took:.0f} s: {total['chains']} chains, {total['prompts']} prompts, "
        f"{total['points']} calls of ports, {total['paid']} answers paid, {total['in_vain']} of them in vain"
    )
    print(f"{sum(faults.values())} faults: {_counted(faults)}")
    print(f"never: {', '.join(each for each in COUNTED if not faults[each]) or 'none'}")
    print(f"{len(broken)} broken")
    return bool(broken)


def _kill(seeds, start, processes):
    survivors = []
    with Pool(processes) as pool:
        for mutant in MUTANTS:
            runs = [(seed, mutant, "sqlite", False, False) for seed in range(start, start + seeds)]
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
    seed, mutant, store, compared, lanes = what
    with MUTANTS.get(mutant, unchanged)():
        report = simulate(seed, STORES[store], even=compared, lanes=lanes or None)
    violation = report.violation and Words(report.names).text(report.violation)
    if compared and not violation:
        violation = differing(seed, report)
    sizes = {name: getattr(report, name) for name in ("chains", "prompts", "points", "paid", "in_vain")}
    return seed, violation, report.faults, sizes


def differing(seed, report):
    """In what the other store comes to another end; None where it does not."""
    ends = simulate(seed, STORES["firestore"], even=True).ends
    apart = [name for name, found in report.ends.items() if found != ends[name]]
    return f"both stores come to the same ends: not in {', '.join(apart)}" if apart else None


def _counted(faults):
    return ", ".join(f"{count} {name}" for name, count in faults.most_common() if count)


if __name__ == "__main__":
    sys.exit(main())
