"""The production store: a Firestore database, shared by any number of processes and functions."""

from __future__ import annotations

from gemchain.stores.firestore.store import FirestoreStore

__all__ = ["FirestoreStore"]
