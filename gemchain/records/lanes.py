"""Lanes: how a prompt is sent. A lane is part of its queue's name.

`batch` sends prompts together as a provider job, at about half the price, within hours. `flex` and `direct`
send one request at a time from a process of ours: `flex` at about half the price within minutes, where a
service has it, `direct` at the full price within seconds.
"""

__all__ = ["AUTO", "BATCH", "DIRECT", "FLEX", "LANES", "escalating", "is_own", "split"]

BATCH, FLEX, DIRECT = "batch", "flex", "direct"

LANES = (BATCH, FLEX, DIRECT)
"""All lanes, the slowest first."""

AUTO = "auto"
"""In place of a lane: the cheapest that the model has, and among equals the fastest."""


def is_own(lane: str) -> bool:
    """Whether the requests of this lane are sent by a process of ours, and not by a provider job."""
    return lane in (FLEX, DIRECT)


MARK = "+"
"""Between a lane and the seconds after which it is left."""


def escalating(lane: str, seconds: float | None) -> str:
    """How a queue names a lane that its prompts leave for a faster one after so many seconds.

    Prompts that escalate after different times wait in different queues, so that no job is cancelled for one
    prompt that others could go on waiting for. With 0 they stay where they are, whatever the setting says;
    None leaves it to the setting.
    """
    return lane if seconds is None or lane == DIRECT else f"{lane}{MARK}{seconds:.15g}"


def split(name: str) -> tuple[str, float | None]:
    """The lane in a queue's name, and after how many seconds it is left; None where that was not said."""
    lane, mark, seconds = name.partition(MARK)
    return lane, float(seconds) if mark else None
