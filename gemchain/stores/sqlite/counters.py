"""How many records are in each state: added up in memory, written by the commit that moves them."""

from collections import Counter

from gemchain.records import Counters, Usage
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.sqlite.connection import Connection

__all__ = ["Deltas", "read_counters"]

_ADD = (
    "INSERT INTO tallies (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)
_ADD_TO_QUEUE = (
    "UPDATE queues SET waiting = waiting + ?, size = size + ?, "
    "newest_at = CASE WHEN ? THEN max(coalesce(newest_at, 0), ?) ELSE newest_at END WHERE seq = ?"
)
_AMOUNTS = Usage._fields


class Deltas:
    """What one transaction changes in the counters, so that it writes a few rows and not one per prompt."""

    def __init__(self) -> None:
        self.prompts: Counter[PromptState] = Counter()
        self.chains: Counter[ChainState] = Counter()
        self.batches: Counter[BatchState] = Counter()
        self.usage = [0, 0, 0.0, 0.0]
        self.waiting: Counter[int] = Counter()
        self.size: Counter[int] = Counter()
        self.joined: set[int] = set()

    def enqueue(self, queue: int, size: int, *, from_outside: bool) -> None:
        """A prompt of so many bytes begins to wait."""
        self.waiting[queue] += 1
        self.size[queue] += size
        if from_outside:
            self.joined.add(queue)

    def dequeue(self, queue: int, size: int) -> None:
        """A prompt of so many bytes waits no more."""
        self.waiting[queue] -= 1
        self.size[queue] -= size

    def spend(self, before: Usage, after: Usage) -> None:
        """The usage of one prompt rose."""
        if before is not after:
            for place, amount in enumerate(after):
                self.usage[place] += amount - before[place]

    def write(self, db: Connection, now: int) -> None:
        """Add everything to the tables; inside the transaction."""
        named = [(f"prompt.{state}", count) for state, count in self.prompts.items() if count]
        named += [(f"chain.{state}", count) for state, count in self.chains.items() if count]
        named += [(f"batch.{state}", count) for state, count in self.batches.items() if count]
        rows: list[tuple[str, float]] = [*named]
        rows += [
            (f"usage.{name}", amount) for name, amount in zip(_AMOUNTS, self.usage, strict=True) if amount
        ]
        db.execute_all(_ADD, rows)
        db.execute_all(
            _ADD_TO_QUEUE,
            [
                (self.waiting[queue], self.size[queue], queue in self.joined, now, queue)
                for queue in self.waiting
            ],
        )


def read_counters(db: Connection) -> Counters:
    """The counters as the last commit left them: a handful of rows, however many prompts there are."""
    found = dict(db.rows("SELECT name, CAST(value AS NUMERIC) FROM tallies"))
    usage = {name: found[f"usage.{name}"] for name in _AMOUNTS if f"usage.{name}" in found}
    return Counters(
        prompts={state: found[f"prompt.{state}"] for state in PromptState if found.get(f"prompt.{state}")},
        chains={state: found[f"chain.{state}"] for state in ChainState if found.get(f"chain.{state}")},
        batches={state: found[f"batch.{state}"] for state in BatchState if found.get(f"batch.{state}")},
        usage=Usage(**usage),
    )
