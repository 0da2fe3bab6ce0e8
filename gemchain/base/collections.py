"""How often Python collects garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

COLLECT_EVERY = 500_000
"""Objects between two garbage collections while driving: more than a group of answers holds at once."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely: records hold no cycles, and a collection at every 700th object costs 6 %."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], COLLECT_EVERY), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
