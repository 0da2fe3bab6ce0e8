"""What every claim and every commit works with, put together once for each store."""

from typing import NamedTuple

from gemchain.stores.firestore.claims.cache import ClaimCache
from gemchain.stores.firestore.claims.queues import Queues
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.counters import CounterShards
from gemchain.stores.firestore.documents.spill import Spill

__all__ = ["Database"]


class Database(NamedTuple):
    """One database and what this process knows of it.

    Attributes:
        claimed: Prompts that this process has claimed.
    """

    connection: Connection
    spill: Spill
    counters: CounterShards
    queues: Queues
    claimed: ClaimCache
