"""The other side of a race: opens a store, waits for the start, makes one call, hands back what it gave."""

import pickle
import sys

from gemchain.testing import VirtualClock
from tests.contracts.store_samples import Samples


def main() -> None:
    source, target = sys.stdin.buffer, sys.stdout.buffer
    open_store, (call, *values) = pickle.load(source)
    store = open_store()
    target.write(b"ready\n")
    target.flush()
    source.read()
    pickle.dump(call(store, Samples(store, VirtualClock()), *values), target)
    target.flush()
    store.close()


if __name__ == "__main__":
    main()
