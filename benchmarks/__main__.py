"""Runs all benchmarks, each in a process of its own.

python -m benchmarks           small sizes, about a minute
python -m benchmarks --full    the sizes of the promises: 1,000,000 prompts, 2 GB; many minutes
"""

import argparse
import subprocess
import sys

SHORT = (
    ("import_time", "--repeats", "5"),
    ("full_cycle", "--prompts", "10000", "40000"),
    ("store",),
    ("makespan",),
    ("dispatch_memory", "--rows", "50000"),
    ("soak", "--prompts", "20000"),
    ("direct", "--rounds", "1"),
)
FULL = (
    ("import_time",),
    ("full_cycle", "--prompts", "10000", "100000", "1000000"),
    ("store", "--million"),
    ("makespan",),
    ("dispatch_memory", "--rows", "1000000"),
    ("dispatch_memory", "--rows", "1000000", "--unkeyed"),
    ("soak",),
    ("direct",),
    ("direct", "--memory", "--latency", "0.001", "--prompts", "100000"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the sizes of the promises")
    options = parser.parse_args()
    for name, *arguments in FULL if options.full else SHORT:
        print(f"\n{name} {' '.join(arguments)}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=True)


if __name__ == "__main__":
    main()
