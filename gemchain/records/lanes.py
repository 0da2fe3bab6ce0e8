"""Lanes: how a prompt is sent. A lane is part of its queue's name.

`batch` sends prompts together as a provider job, at about half the price, within hours. `flex` and `direct`
send one request at a time from a process of ours: `flex` at about half the price within minutes, where a
service has it, `direct` at the full price within seconds.
"""

__all__ = ["AUTO", "BATCH", "DIRECT", "FLEX", "LANES", "is_own"]

BATCH, FLEX, DIRECT = "batch", "flex", "direct"

LANES = (BATCH, FLEX, DIRECT)
"""All lanes, the slowest first."""

AUTO = "auto"
"""In place of a lane: the cheapest that the model has, and among equals the fastest."""


def is_own(lane: str) -> bool:
    """Whether the requests of this lane are sent by a process of ours, and not by a provider job."""
    return lane in (FLEX, DIRECT)
