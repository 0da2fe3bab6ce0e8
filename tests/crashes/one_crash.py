"""One crash at one crash point, in a process of a pool."""

import tempfile
from pathlib import Path

from tests.crashes.test_every_write_of_the_language import WORK, undisturbed_in
from tests.support.crashing import Fuse
from tests.support.engines import over
from tests.support.lives import check, live_until_done

_undisturbed = {}


def crash_at(point):
    """Crash at a point and start again; returns what differs from a run without a crash, or None.

    Args:
        point: The store, the number of the write, and whether the write still happens.
    """
    store, at, after = point
    with tempfile.TemporaryDirectory() as folder:
        if store not in _undisturbed:
            _undisturbed[store] = undisturbed_in(store, Path(folder) / "undisturbed")
        with over(store):
            found = live_until_done(WORK, Path(folder) / "crashed", Fuse(at, after=after))
    try:
        check(found, _undisturbed[store])
    except AssertionError as error:
        return f"{'after' if after else 'before'} write {at}: {error}"
    return None
