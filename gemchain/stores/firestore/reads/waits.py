"""Waits for other chains: which of them are over.

A wait is over when its chain has ended, and no index tells that: the one document names the chain, and the
other its state. To read both for every wait at every look would make a thousand waiting chains cost two
thousand reads a second. So the counters are read first, whose numbers of ended chains and prompts change in
the very commits that may end a wait or make one: while they stand as they did when nothing was over,
nothing is.

They can come to stand so again (a chain is retried while another one fails), and a large commit counts its
prompts before they are all there. So everything is read again after half a minute at the latest.
"""

from datetime import datetime, timedelta

from gemchain.records import Prompt
from gemchain.records.states import ChainState
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.counters import CounterShards
from gemchain.stores.firestore.documents.documents import chain_record
from gemchain.stores.firestore.reads.reading import Reader

__all__ = ["Waits"]

PATIENCE = timedelta(seconds=30)
"""For how many seconds counters that were read are used again."""

_WAITS = ("awaits", ">", "")
_Numbers = tuple[tuple[str, float], ...]


class Waits:
    """Finds the waits that are over."""

    def __init__(self, connection: Connection, counters: CounterShards, reader: Reader) -> None:
        self._connection = connection
        self._counters = counters
        self._reader = reader
        self._quiet: tuple[_Numbers, datetime] | None = None

    def ended(self, limit: int) -> list[Prompt]:
        """Waits whose chain has ended, or is not there."""
        if not self._connection.find("prompts", Query([_WAITS], "awaits", fields=[NAME], limit=1)):
            return []
        numbers, now = self._numbers(), self._connection.now()
        if self._quiet is not None and self._quiet[0] == numbers and now - self._quiet[1] < PATIENCE:
            return []
        found = self._look(limit)
        # The numbers were read before: what ended meanwhile was seen, or has changed them.
        self._quiet = None if found else (numbers, now)
        return found

    def _numbers(self) -> _Numbers:
        """Numbers that change whenever a chain ends, or a prompt comes to be."""
        found = self._counters.read()
        created = sum(found.get("prompts", {}).values())
        return *sorted(found.get("chains", {}).items()), ("prompts", created)

    def _look(self, limit: int) -> list[Prompt]:
        found: list[Prompt] = []
        for waiting in self._reader.pages(_WAITS, order="awaits"):
            ids = {prompt.key for prompt in waiting if prompt.key}
            chains = self._reader.by_id("chains", ids, chain_record)
            running = {each.id for each in chains.values() if each.state is ChainState.RUNNING}
            found += [prompt for prompt in waiting if prompt.key not in running]
            if len(found) >= limit:
                break
        return found[:limit]
