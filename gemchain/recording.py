"""New chains on their way into the store.

Crash story. One commit records a chain and its first prompts; a process that dies before it left
nothing, one that dies after it left a chain that the engine carries on. With a `key` the ids are
derived, so asking again finds the chain instead of starting a second one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from gemchain.errors import StoreConflictError
from gemchain.records import Unit, Verdict
from gemchain.runtime import Runtime

__all__ = ["groups", "record_chains"]


GROUP = 500
"""Chains that one commit starts. The store may split it further."""


def groups(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items, as many at a time as one commit starts chains; a generator is read group by group."""
    rest = iter(items)
    while group := list(islice(rest, GROUP)):
        yield group


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
