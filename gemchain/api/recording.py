"""New chains on their way into the store.

Crash story. One commit records a chain and its first prompts; a process that dies before it left
nothing, one that dies after it left a chain that the engine carries on. With a `key` the ids are
derived, so asking again finds the chain instead of starting a second one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gemchain.base.chunks import chunked
from gemchain.errors import StoreConflictError
from gemchain.records import Unit, Verdict
from gemchain.runtime import Runtime

__all__ = ["NewChains", "groups", "record_chains"]


GROUP = 2_000
"""Chains that one commit starts, unless their requests are large. The store may split it further."""

GROUP_BYTES = 32 << 20
"""Bytes of requests that are held in memory until they are committed."""


def groups(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items, as many at a time as one commit starts chains; a generator is read group by group."""
    return chunked(items, GROUP)


class NewChains:
    """Chains to be recorded together, each id once.

    Args:
        runtime: Where to.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._units: dict[str, Unit] = {}
        self._size = 0

    def __contains__(self, chain_id: str) -> bool:
        return chain_id in self._units

    def add(self, unit: Unit) -> None:
        """One more; a chain that is there already is left as it is."""
        assert unit.chain is not None
        if unit.chain.id not in self._units:
            self._units[unit.chain.id] = unit
            self._size += sum(each.prompt.size for each in unit.drafts)
            if self._size >= GROUP_BYTES:
                self.record()

    def record(self) -> None:
        """Record what has gathered."""
        units, self._units, self._size = list(self._units.values()), {}, 0
        record_chains(self._runtime, units)


def record_chains(runtime: Runtime, units: Sequence[Unit]) -> None:
    """Record new chains. Those that exist already are left as they are: somebody else was first."""
    verdicts = runtime.store.commit(units)
    pairs = zip(units, verdicts, strict=True)
    refused = [unit.chain.id for unit, each in pairs if each is Verdict.CONFLICT and unit.chain is not None]
    lost = set(refused) - set(runtime.store.chains(refused)) if refused else set()
    if lost:
        raise StoreConflictError(
            f"{len(lost)} chains were not recorded, as {min(lost)}: ids of prompts exist already"
        )
