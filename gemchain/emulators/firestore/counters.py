"""Counting operations as the bill would (https://cloud.google.com/firestore/pricing)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Counters", "Meter"]


@dataclass(frozen=True, slots=True)
class Counters:
    """What a database was asked, in billed operations and in round trips.

    Attributes:
        reads: Documents read. A lookup of a missing document, a query without results and every
            document an offset skips count too; an aggregation counts one for each 1,000 index entries.
        writes: Documents set or updated, whether or not that changed anything.
        deletes: Documents deleted, whether or not they were there.
        rpcs: Calls by method name (`Commit`, `RunQuery`, ...), refused ones included.
    """

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    rpcs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __sub__(self, earlier: "Counters") -> "Counters":
        rpcs = Counter(self.rpcs)
        rpcs.subtract(earlier.rpcs)
        return Counters(
            self.reads - earlier.reads,
            self.writes - earlier.writes,
            self.deletes - earlier.deletes,
            MappingProxyType({method: count for method, count in rpcs.items() if count}),
        )

    def as_dict(self) -> dict[str, object]:
        """The counts as JSON takes them."""
        return {
            "reads": self.reads,
            "writes": self.writes,
            "deletes": self.deletes,
            "rpcs": dict(self.rpcs),
        }

    @property
    def round_trips(self) -> int:
        """All calls together."""
        return sum(self.rpcs.values())


class Meter:
    """The running counts of one database; its lock is the database's."""

    __slots__ = ("deletes", "reads", "rpcs", "writes")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again at zero."""
        self.reads = self.writes = self.deletes = 0
        self.rpcs: Counter[str] = Counter()

    def snapshot(self) -> Counters:
        """The counts so far."""
        return Counters(self.reads, self.writes, self.deletes, MappingProxyType(dict(self.rpcs)))
