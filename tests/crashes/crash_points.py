"""One death, in a process of a pool."""

import tempfile
from pathlib import Path

from tests.crashes.test_every_write_of_the_language import WORK, undisturbed_in
from tests.support.crashing import Fuse
from tests.support.engines import over
from tests.support.lives import check, live_until_done

_undisturbed = {}


def die(death):
    """What differs after a death; nothing when all is as if nobody had died."""
    store, at, after = death
    with tempfile.TemporaryDirectory() as folder:
        if store not in _undisturbed:
            _undisturbed[store] = undisturbed_in(store, Path(folder) / "undisturbed")
        with over(store):
            found = live_until_done(WORK, Path(folder) / "disturbed", Fuse(at, after=after))
    try:
        check(found, _undisturbed[store])
    except AssertionError as error:
        return f"{'after' if after else 'before'} write {at}: {error}"
    return None
