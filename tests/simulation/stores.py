"""The stores that a seed can run on: SQLite in memory, or Firestore on gemchain's own stand-in.

`Even` takes away what a store may choose for itself, so that one seed makes the same run on each.
"""

import tempfile
from functools import cache

from gemchain.stores.sqlite import SqliteStore
from tests import firestore_state
from tests.simulation.scheduler import EPOCH


def sqlite(clock):
    """A new state in memory."""
    return SqliteStore(":memory:", clock)


def firestore(clock):
    """A new project on the stand-in of this process. `another` opens it for another process."""
    firestore_state.TIME.clock = clock
    project = firestore_state.new_project()

    def opened():
        store = firestore_state.open_store(firestore_state.host(), project, _folder(), clock)
        store.another = opened
        return store

    return opened()


@cache
def _folder():
    return tempfile.mkdtemp(prefix="gemchain-simulation-")


STORES = {"sqlite": sqlite, "firestore": firestore}

LISTS = (
    *("list_prompts", "due_answers", "overdue", "ended_waits"),
    *("open_batches", "list_batches", "open_parts"),
)
STREAMS = ("chain_prompts", "input_rows")


class Even:
    """A store whose answers come in the order of ids, and whose queues tell no times of their own.

    Everything else (what is there, what is applied, what conflicts, when) is the store's own.
    """

    def __init__(self, inner, clock):
        self._inner = inner
        self._clock = clock

    def __getattr__(self, name):
        call = getattr(self._inner, name)
        if name in LISTS:
            return lambda *args, **kwargs: sorted(call(*args, **kwargs), key=_identity)
        if name in STREAMS:
            return lambda *args, **kwargs: iter(sorted(call(*args, **kwargs), key=_identity))
        return call

    def owned_by(self, owners):
        """The same, showing only the work of these owners."""
        return Even(self._inner.owned_by(owners), self._clock)

    def members(self, batch_id, *, state):
        """One page, by id."""
        found = [each for page in self._inner.members(batch_id, state=state) for each in page]
        return iter([sorted(found, key=_identity)] if found else [])

    def claim(self, batch, *, limit, max_bytes):
        """What was claimed, by id."""
        return sorted(self._inner.claim(batch, limit=limit, max_bytes=max_bytes), key=_identity)

    def next_answer_at(self):
        """Since when an answer has been due, stores need not agree on."""
        found = self._inner.next_answer_at()
        return found if found is None or found > self._clock.now() else EPOCH

    def unsettled_chains(self, *, limit):
        """By id."""
        return sorted(self._inner.unsettled_chains(limit=limit))

    def queues(self):
        """By name; since when a queue waits, stores may tell late."""
        found = [each._replace(oldest_at=each.newest_at) for each in self._inner.queues()]
        return sorted(found)


def _identity(record):
    return getattr(record, "id", None) or record.prompt_id
