"""Estimates of tokens before anything is sent, by characters."""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

__all__ = ["CHARACTERS_PER_TOKEN", "tokens_of"]

CHARACTERS_PER_TOKEN = 4.0
"""For English text, with Gemini: https://ai.google.dev/gemini-api/docs/tokens. Code and most other languages
take more tokens; Chinese and Japanese take one for 1 to 2 characters."""

DATA_FROM = 1_000
"""A text of so many characters that looks like base64 is a file's bytes, and is not counted."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def tokens_of(request: Mapping[str, Any]) -> int:
    """About how many tokens a request has. All of its texts are counted, those of a schema included.

    Images and other files are not counted.

    Args:
        request: The body as it will be sent, of any format.
    """
    return ceil(_characters(request) / CHARACTERS_PER_TOKEN)


def _characters(value: Any) -> int:
    total, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            total += 0 if len(each) >= DATA_FROM and _BASE64.fullmatch(each) else len(each)
        elif isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, list):
            left += each
    return total
