"""Time of `import gemchain` in a new interpreter, as a ratio to `import rich`, and heavy modules it loads.

Seconds depend on the machine and on what else runs there, so the limit is a ratio: both imports are measured
in turn, in processor time, and the best of each are compared, since a busy machine only adds. Exits with 1
when the ratio is above the limit, or when a heavy module is loaded.

python -m benchmarks.import_time [--repeats 10]
"""

import argparse
import subprocess
import sys
from statistics import median

HEAVY = ("google", "grpc", "openai", "pydantic", "sqlite3", "typer", "rich", "jsonschema")

LIMIT = 30.0
"""Times `import rich`. `rich` alone is small: 10 to 13 was measured on Python 3.11, 20 on 3.13."""

PROBE = """
import sys, time
before = set(sys.modules)
begun, used = time.perf_counter(), time.process_time()
import {module}
used, seconds = time.process_time() - used, time.perf_counter() - begun
print(seconds, used, *(sys.modules.keys() - before))
"""


def measure(module: str) -> tuple[float, float, set[str]]:
    """Seconds, processor seconds, and the modules that were loaded."""
    command = [sys.executable, "-c", PROBE.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, used, *loaded = done.stdout.split()
    return float(seconds), float(used), {name.partition(".")[0] for name in loaded}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    runs = [(measure("gemchain"), measure("rich")) for _ in range(options.repeats)]
    ours, theirs = ([pair[index] for pair in runs] for index in (0, 1))
    heavy = sorted({name for _, _, loaded in ours for name in loaded if name in HEAVY})
    ratio = min(used for _, used, _ in ours) / min(used for _, used, _ in theirs)
    print(
        f"import gemchain: {min(seconds for seconds, _, _ in ours):.3f} s at best, "
        f"{median(seconds for seconds, _, _ in ours):.3f} s at the median; {ratio:.1f} times `import rich` "
        f"(limit: {LIMIT:.0f}); heavy modules: {', '.join(heavy) or 'none'}"
    )
    return 1 if heavy or ratio > LIMIT else 0


if __name__ == "__main__":
    raise SystemExit(main())
