"""Embeddings without a model: vectors that follow from the words of a text.

Texts that share words lie near each other, so that searches over them find something.
https://developers.openai.com/api/reference/resources/embeddings
"""

import base64
import struct
from collections.abc import Mapping
from hashlib import blake2b
from math import sqrt
from typing import Any

from gemchain.emulators.openai.endpoint import tokens
from gemchain.simulated.faults import RowStyle
from gemchain.simulated.texts import words

__all__ = ["Embeddings", "vector"]

DIMENSIONS = 1536
MOST = 2048
"""Inputs in one request."""


class Embeddings:
    """See `Endpoint`."""

    def problem(self, request: Mapping[str, Any]) -> tuple[str, str] | None:
        """See `Endpoint.problem`."""
        inputs = _inputs(request)
        if not inputs or not all(isinstance(each, str | list) and each for each in inputs):
            return "'$.input' is invalid. Please check the API reference.", "input"
        if len(inputs) > MOST:
            return f"'input' has more than {MOST} entries.", "input"
        return None

    def builtin(self, request: Mapping[str, Any]) -> str:
        """See `Endpoint.builtin`. The vectors are made with the body."""
        del request
        return ""

    def body(self, said: str | dict[str, Any], request: Mapping[str, Any], created: int) -> dict[str, Any]:
        """See `Endpoint.body`."""
        del created
        if isinstance(said, dict):
            return said
        inputs = [each if isinstance(each, str) else str(each) for each in _inputs(request)]
        size = request.get("dimensions") or DIMENSIONS
        packed = request.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": place, "embedding": _written(vector(each, size), packed=packed)}
            for place, each in enumerate(inputs)
        ]
        used = max(1, sum(map(tokens, inputs)))
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "data": data, "model": request.get("model", ""), "usage": usage}

    def spoiled(self, body: dict[str, Any], style: RowStyle) -> dict[str, Any]:
        """See `Endpoint.spoiled`. A vector is there or not."""
        del style
        return {**body, "data": []}


def _inputs(request: Mapping[str, Any]) -> list[Any]:
    given = request.get("input")
    if isinstance(given, list):
        return [given] if given and isinstance(given[0], int) else given
    return [given] if given else []


def vector(text: str, size: int) -> list[float]:
    """The sum of a direction for each word, of length 1."""
    total = [0.0] * size
    for word in words(text) or [text]:
        digest = blake2b(word.encode("utf-8", "replace"), digest_size=64).digest()
        for start in range(0, len(digest), 4):
            number = int.from_bytes(digest[start : start + 4], "big")
            total[number // 2 % size] += 1.0 if number % 2 else -1.0
    length = sqrt(sum(each * each for each in total)) or 1.0
    return [each / length for each in total]


def _written(vector: list[float], *, packed: bool) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if packed else vector
