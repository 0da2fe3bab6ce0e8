"""How many records are in each state: added up in memory, written by the commit that moves them.

The numbers are kept for each owner, so those of one run are read as cheaply as those of all.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from gemchain.records import Counters, StepCount, Usage
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.stores.sqlite.connection import Connection

__all__ = ["Deltas", "read_counters"]

_ADD = (
    "INSERT INTO counters (owner, name, value) VALUES (?, ?, ?) "
    "ON CONFLICT (owner, name) DO UPDATE SET value = value + excluded.value"
)
_ADD_TO_QUEUE = (
    "UPDATE queues SET waiting = waiting + ?, size = size + ?, "
    "newest_at = CASE WHEN ? THEN max(coalesce(newest_at, 0), ?) ELSE newest_at END WHERE seq = ?"
)
_AMOUNTS = Usage._fields
_NOTHING_SPENT: Callable[[], list[float]] = partial(list, (0, 0, 0.0, 0.0))


class Deltas:
    """What one transaction changes in the counters, so that it writes a few rows and not one per prompt.

    Attributes:
        prompts: Prompts that came into a state of an owner, less those that left it.
        chains: The same for chains.
        batches: The same for batches.
        steps: Prompts of a step that were created or ended, by owner and `created.STEP` or `ended.STEP`.
    """

    def __init__(self) -> None:
        self.prompts: Counter[tuple[str, PromptState]] = Counter()
        self.chains: Counter[tuple[str, ChainState]] = Counter()
        self.batches: Counter[tuple[str, BatchState]] = Counter()
        self.steps: Counter[tuple[str, str]] = Counter()
        self._usage: defaultdict[str, list[float]] = defaultdict(_NOTHING_SPENT)
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

    def spend(self, owner: str, before: Usage, after: Usage) -> None:
        """The usage of one prompt rose."""
        if before is not after:
            usage = self._usage[owner]
            for place, amount in enumerate(after):
                usage[place] += amount - before[place]

    def write(self, db: Connection, now: int) -> None:
        """Add everything to the tables; inside the transaction."""
        rows: list[tuple[str, str, float]] = []
        rows += [(owner, f"prompt.{state}", count) for (owner, state), count in self.prompts.items() if count]
        rows += [(owner, f"chain.{state}", count) for (owner, state), count in self.chains.items() if count]
        rows += [(owner, f"batch.{state}", count) for (owner, state), count in self.batches.items() if count]
        rows += [(owner, f"step.{name}", count) for (owner, name), count in self.steps.items() if count]
        rows += [
            (owner, f"usage.{name}", amount)
            for owner, usage in self._usage.items()
            for name, amount in zip(_AMOUNTS, usage, strict=True)
            if amount
        ]
        db.execute_all(_ADD, rows)
        db.execute_all(
            _ADD_TO_QUEUE,
            [
                (self.waiting[queue], self.size[queue], queue in self.joined, now, queue)
                for queue in self.waiting
            ],
        )


def read_counters(db: Connection, owners: Collection[str] | None = None) -> Counters:
    """The counters as the last commit left them: a handful of rows for each owner, however many prompts.

    Args:
        db: The database.
        owners: Whose; None for all.
    """
    sql = "SELECT name, CAST(sum(value) AS NUMERIC) FROM counters GROUP BY name"
    if owners is None:
        found = dict(db.rows(sql))
    else:
        sql = sql.replace("GROUP", "WHERE owner IN (SELECT value FROM json_each(?)) GROUP")
        found = dict(db.rows(sql, (json.dumps([*owners]),)))
    usage = {name: found[f"usage.{name}"] for name in _AMOUNTS if f"usage.{name}" in found}
    return Counters(
        prompts={state: found[f"prompt.{state}"] for state in PromptState if found.get(f"prompt.{state}")},
        chains={state: found[f"chain.{state}"] for state in ChainState if found.get(f"chain.{state}")},
        batches={state: found[f"batch.{state}"] for state in BatchState if found.get(f"batch.{state}")},
        usage=Usage(**usage),
        steps=_steps(found),
    )


def _steps(found: Mapping[str, Any]) -> dict[str, StepCount]:
    steps: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for key, number in found.items():
        kind, _, rest = key.partition(".")
        what, _, name = rest.partition(".")
        if kind == "step" and what in StepCount._fields:
            steps[name][what] = number
    return {name: StepCount(**numbers) for name, numbers in steps.items()}
