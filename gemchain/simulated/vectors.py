"""Vectors that follow from a text without a model: texts that share words have vectors that are near."""

import math
from functools import lru_cache
from hashlib import blake2b

from gemchain.simulated.texts import words

__all__ = ["SIZE", "vector"]

SIZE = 64
"""Numbers of a vector, where a request does not say."""

PLACES = 4
"""Numbers of a vector that one word changes."""


@lru_cache(maxsize=1024)
def vector(text: str, size: int = SIZE) -> tuple[float, ...]:
    """The vector of a text, of length 1. The same text always has the same one."""
    found = [0.0] * size
    for word in words(text) or [text]:
        digest = blake2b(word.lower().encode("utf-8", "replace"), digest_size=4 * PLACES).digest()
        for start in range(0, len(digest), 4):
            drawn = int.from_bytes(digest[start : start + 4], "big")
            found[drawn % size] += 1.0 if drawn >> 31 else -1.0
    length = math.hypot(*found)
    if not length:  # what its words add up to is nothing
        found[len(text) % size] = length = 1.0
    return tuple(each / length for each in found)
