"""The token counts of a chat completion."""

from collections.abc import Mapping
from typing import Any

from gemchain.ports import TokenCounts

__all__ = ["reported_usage", "usage"]

MOST = 1 << 40
"""Tokens that no answer takes."""


def reported_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """See `Format.reported_usage`."""
    found = body.get("usage")
    return found if isinstance(found, dict) else {}


def usage(body: Mapping[str, Any]) -> TokenCounts:
    """See `Format.usage`.

    Some servers do not count reasoning as completion; the total, where they tell it, shows which do.
    """
    told = reported_usage(body)
    if not told:
        return TokenCounts()
    asked, answered = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    inputs, outputs = _details(told, "prompt_tokens_details"), _details(told, "completion_tokens_details")
    thinking = _count(outputs, "reasoning_tokens")
    beside = thinking and _count(told, "total_tokens") == asked + answered + thinking
    cached = _count(inputs, "cached_tokens") or _count(told, "prompt_cache_hit_tokens")
    return TokenCounts(
        asked,
        min(cached, asked),
        answered + thinking if beside else max(answered, thinking),
        thinking,
        _count(inputs, "image_tokens"),
    )


def _details(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _count(told: Mapping[str, Any], name: str) -> int:
    """A count as the service said it; 0 for what is no count, since it comes from outside."""
    found = told.get(name)
    return found if type(found) is int and 0 <= found < MOST else 0
