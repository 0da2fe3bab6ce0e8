"""The token counts of a GenerateContentResponse."""

from collections.abc import Mapping
from typing import Any

from gemchain.ports import TokenCounts

__all__ = ["reported_usage", "usage"]

RARE = frozenset({
    "toolUsePromptTokenCount", "cachedContentTokenCount", "thoughtsTokenCount", "promptTokensDetails",
})  # fmt: skip
"""Counts that only some answers have."""

MOST = 1 << 40
"""Tokens that no answer takes."""


def reported_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """See `Format.reported_usage`."""
    found = body.get("usageMetadata")
    return found if isinstance(found, dict) else {}


def usage(body: Mapping[str, Any]) -> TokenCounts:
    """See `Format.usage`. Thinking counts as output, and the use of tools as input."""
    told = reported_usage(body)
    if not told:
        return TokenCounts()
    asked, answered = _count(told, "promptTokenCount"), _count(told, "candidatesTokenCount")
    if not told.keys() & RARE:  # most answers have no more to tell, and a million of them are read
        return TokenCounts(asked, 0, answered)
    thinking = _count(told, "thoughtsTokenCount")
    return TokenCounts(
        asked + _count(told, "toolUsePromptTokenCount"),
        _count(told, "cachedContentTokenCount"),
        answered + thinking,
        thinking,
        _images(told),
    )


def _count(told: Mapping[str, Any], name: str) -> int:
    """A count as the service said it; 0 for what is no count, since it comes from outside."""
    found = told.get(name)
    return found if type(found) is int and 0 <= found < MOST else 0


def _images(told: Mapping[str, Any]) -> int:
    details = told.get("promptTokensDetails")
    images = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return sum(_count(each, "tokenCount") for each in images if each.get("modality") == "IMAGE")
