"""Replay random async programs under random arrival orders, and compare each with a direct run.

python -m tests.programs --programs 3000 --orders 4
python -m tests.programs --seed 17 --orders 20      one program, shown
"""

import argparse
import json
import sys
import time
from collections import Counter
from functools import partial
from multiprocessing import Pool

from tests.programs.compare import chosen, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--programs", type=int, default=3000)
    parser.add_argument("--orders", type=int, default=4)
    parser.add_argument("--seed", type=int, help="run only the program of this seed, and show it")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.seed is not None:
        print(json.dumps(chosen(options.seed)[0]))  # noqa: T201 -- a command's answer
        _, _, found = differences(options.seed, options.orders)
        sys.exit("\n".join(found) or 0)
    begun, prompts, wrong, ends = time.perf_counter(), 0, [], Counter()
    with Pool(options.processes) as pool:
        one = partial(differences, orders=options.orders)
        for sent, end, found in pool.imap_unordered(one, range(options.programs), chunksize=20):
            prompts, wrong = prompts + sent, wrong + found
            ends[end] += 1
    seconds = time.perf_counter() - begun
    some = f"{options.programs:,} programs ({ends['done']:,} end well, {ends['failed']:,} fail)"
    print(  # noqa: T201 -- a command's answer
        f"{some} with {prompts:,} prompts, "
        f"each under {options.orders} arrival orders: {len(wrong)} differences, {seconds:.0f} s"
    )
    sys.exit("\n".join(wrong[:20]) or 0)


if __name__ == "__main__":
    main()
