"""The prompts of a chain as lines: a sequence is flat, and the branches of a fork or a gather are a tree."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.text import Text

from gemchain.cli.output.raised import raised_at
from gemchain.display.formatting import KINDS, count, duration, moment
from gemchain.records import Prompt

__all__ = ["SHORT", "STYLES", "draw"]

STYLES = {
    "DONE": "green", "CLOSED": "green", "FAILED": "red", "PARKED": "yellow", "ANSWERED": "yellow",
    "CANCELLED": "dim", "RUNNING": "cyan", "CLAIMED": "cyan", "SENT": "cyan",
}  # fmt: skip

SHORT = 13
"""Characters of an id that are shown: enough to be unique, and few enough to be typed."""

STATE = 9
"""Characters of the longest state."""


class _Turn(NamedTuple):
    """What is drawn next: prompts that follow each other or, if there are several, a fork.

    Attributes:
        indent: What the lines begin with.
        is_branch: The one prompt is the beginning of a branch.
        is_last: It is the last branch.
    """

    heads: Sequence[Prompt]
    indent: str
    is_branch: bool = False
    is_last: bool = False


def draw(prompts: Iterable[Prompt], width: int) -> Iterator[Text]:
    """The lines of a chain's prompts, in their order; ids and states are never cut."""
    family = _Family(list(prompts))
    turns = [_Turn(family.roots, "")]
    while turns:
        turn = turns.pop()
        if len(turn.heads) > 1:
            turns += _branches(turn.heads, turn.indent)
        elif turn.heads:
            (prompt,) = turn.heads
            mark = ("└─ " if turn.is_last else "├─ ") if turn.is_branch else ""
            inner = turn.indent + (("   " if turn.is_last else "│  ") if turn.is_branch else "")
            followers, members = family.followers(prompt), family.members(prompt)
            turns += [_Turn(followers, inner), *_branches(members, inner)]
            below = "│  " if len(members) or len(followers) > 1 else ""
            yield from _lines(prompt, turn.indent + mark, inner + below, width)


def _branches(heads: Sequence[Prompt], indent: str) -> list[_Turn]:
    """The turns of branches, the first one last: it is taken first."""
    turns = [_Turn([head], indent, is_branch=True) for head in heads]
    if turns:
        turns[-1] = turns[-1]._replace(is_last=True)
    return turns[::-1]


class _Family:
    """Which prompts follow which."""

    def __init__(self, prompts: list[Prompt]) -> None:
        prompts.sort(key=lambda each: (each.depth, _place(each.path), each.branch or 0))
        known = {each.id: each for each in prompts}
        self.roots: list[Prompt] = []
        self._followers: dict[str, list[Prompt]] = defaultdict(list)
        self._members: dict[str, list[Prompt]] = defaultdict(list)
        for each in prompts:
            parent = known.get(each.parent_id or "")
            if each.join_id in known and _begins_branch(each, parent):
                self._members[each.join_id or ""].append(each)
            elif parent is not None:
                self._followers[parent.id].append(each)
            else:
                self.roots.append(each)

    def followers(self, prompt: Prompt) -> list[Prompt]:
        """The prompts that come after it; several are a fork."""
        return self._followers[prompt.id]

    def members(self, prompt: Prompt) -> list[Prompt]:
        """The beginnings of a join's branches."""
        return self._members[prompt.id]


def _begins_branch(prompt: Prompt, parent: Prompt | None) -> bool:
    """Whether a prompt in a join is the first of its branch: its parent lies outside of the join."""
    return parent is None or parent.id == prompt.join_id or parent.join_id != prompt.join_id


def _place(path: str) -> tuple[int, ...]:
    return tuple(int(each) if each.isdecimal() else 0 for each in path.split("."))


def _lines(prompt: Prompt, begin: str, below: str, width: int) -> Iterator[Text]:
    """A prompt's own line, and lines about what went wrong."""
    progress = prompt.progress
    most = width // 2
    line = Text(begin[-most:]).append(f"{prompt.id[:SHORT]} ")
    line.append(f"{progress.state.value:<{STATE}}", style=STYLES.get(progress.state.value, "default"))
    room = width - line.cell_len
    rest = Text(_about(prompt, room), style="dim")
    rest.truncate(max(room, 0), overflow="ellipsis")
    yield line.append_text(rest)
    space = max(width - len(below[-most:]) - 2, 20)
    for text in _troubles(prompt, space):
        for part in textwrap.wrap(" ".join(text.split()), space):
            yield Text(f"{below[-most:]}  ").append(part, style="yellow")


def _about(prompt: Prompt, room: int) -> str:
    """What a prompt leads to, and when; its times in short where there is no room."""
    callback = f"→ {prompt.callback.partition(':')[2]}()  " if prompt.callback else ""
    kind = f"{KINDS[prompt.kind]} " if prompt.kind in KINDS else ""
    progress = prompt.progress
    times = [
        ("queued", prompt.created_at),
        ("claimed", progress.claimed_at),
        ("answered", progress.answered_at),
        ("ended", progress.ended_at),
    ]
    long = " → ".join(f"{name} {moment(at)}" for name, at in times if at)
    short = moment(prompt.created_at)
    if progress.ended_at:
        short += f" +{duration((progress.ended_at - prompt.created_at).total_seconds())}"
    about = f" {kind}{callback}"
    return about + (long if len(about) + len(long) <= room else short)


def _troubles(prompt: Prompt, width: int) -> Iterator[str]:
    progress = prompt.progress
    if progress.attempt > 1 or progress.callback_attempts:
        raised = progress.callback_attempts
        yield f"attempt {progress.attempt}" + (f", callback raised {count(raised, 'time')}" if raised else "")
    if progress.failure is not None:
        yield f"{progress.failure.reason}: {progress.failure.message}"
        place = raised_at(progress.failure.traceback)
        if place is not None:
            yield f"raised at {place.within(width - len('raised at '))}"
