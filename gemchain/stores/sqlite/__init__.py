"""The embedded store: one SQLite file, shared by any number of processes. `schema.sql` is its shape."""

from __future__ import annotations

from gemchain.stores.sqlite.connection import MEMORY
from gemchain.stores.sqlite.store import SqliteStore

__all__ = ["MEMORY", "SqliteStore"]
