"""Time of `import gemchain` in a new interpreter, and the heavy modules that it loads (none).

python -m benchmarks.import_time [--repeats 10]
"""

import argparse
import subprocess
import sys

HEAVY = ("google", "grpc", "openai", "pydantic", "sqlite3", "typer", "rich", "jsonschema")
LIMIT = 0.1

PROBE = f"""
import sys, time
before = set(sys.modules)
begun = time.perf_counter()
import gemchain
seconds = time.perf_counter() - begun
print(seconds, *(name for name in {HEAVY!r} if name in sys.modules.keys() - before))
"""


def measure() -> tuple[float, list[str]]:
    """Seconds, and the heavy modules that were loaded."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    seconds, *heavy = done.stdout.split()
    return float(seconds), heavy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    runs = [measure() for _ in range(options.repeats)]
    seconds = sorted(each for each, _ in runs)
    heavy = sorted({name for _, names in runs for name in names})
    print(
        f"import gemchain: {seconds[0]:.3f} s at best, {seconds[len(seconds) // 2]:.3f} s at the median "
        f"(limit: {LIMIT} s); heavy modules: {', '.join(heavy) or 'none'}"
    )


if __name__ == "__main__":
    main()
