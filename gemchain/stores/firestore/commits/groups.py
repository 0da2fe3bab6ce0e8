"""Groups: units that go into one Commit call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gemchain.records import Unit
from gemchain.stores.firestore.client.messages import Message

__all__ = ["Planned", "halves", "packed"]

GROUP_BYTES = 8 << 20
"""Bytes of writes in one call: https://docs.cloud.google.com/firestore/quotas allows 10 MiB."""

GROUP_WRITES = 2_000
"""Writes in one call. No limit of the service; it keeps a call, and what a failure repeats, short."""


@dataclass(slots=True)
class Planned:
    """A unit and its writes.

    Attributes:
        split: Whether most of its prompts are created after it.
    """

    place: int
    unit: Unit
    writes: list[Message]
    split: bool = False
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(each.ByteSize() + 8 for each in self.writes)

    @property
    def is_large(self) -> bool:
        """Whether it does not fit into one call."""
        return self.size > GROUP_BYTES or len(self.writes) > GROUP_WRITES


def halves(group: Sequence[Planned]) -> list[Sequence[Planned]]:
    """A group as two."""
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def packed(planned: Iterable[Planned]) -> list[list[Planned]]:
    """Groups that one call takes."""
    groups: list[list[Planned]] = []
    size = writes = 0
    for each in planned:
        full = size + each.size > GROUP_BYTES or writes + len(each.writes) > GROUP_WRITES
        if not groups or full:
            groups.append([])
            size = writes = 0
        groups[-1].append(each)
        size += each.size
        writes += len(each.writes)
    return groups
