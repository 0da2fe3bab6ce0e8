"""Vectors as services send them: lists of numbers, or base64 of 32-bit floats, which is a third as long."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Any

__all__ = ["packed", "vector_of"]

FLOAT = struct.calcsize("<f")


def packed(vector: Sequence[float]) -> str:
    """A vector as base64 of little-endian 32-bit floats, as OpenAI and Mistral send it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def vector_of(sent: Any) -> list[float]:
    """The vector that a service sent; empty where that is none."""
    if isinstance(sent, str):
        return _unpacked(sent)
    if not isinstance(sent, list) or not all(type(each) in (int, float) for each in sent):
        return []
    return [float(each) for each in sent]


def _unpacked(text: str) -> list[float]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return []
    return [] if len(data) % FLOAT else list(struct.unpack(f"<{len(data) // FLOAT}f", data))
