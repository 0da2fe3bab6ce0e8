"""Descriptions that a function makes and drops: `prompt()` sends nothing, so they are most likely mistakes.

A description is dropped when nothing refers to it any more but the list here. So one that is kept in a
variable, in a gather, or by a coroutine never counts.
"""

from collections.abc import Iterable
from sys import _getframe, getrefcount
from typing import Any

from gemchain.base.once import warn_once

__all__ = ["Described"]


class Described:
    """The descriptions that one run of one function has made so far."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._made)

    def note(self, description: Any, depth: int = 2) -> None:
        """One more, made by the function `depth` calls above."""
        frame = _getframe(depth)
        self._made[id(description)] = (description, frame.f_code.co_qualname, frame.f_lineno)

    def used(self, descriptions: Iterable[Any]) -> None:
        """These were sent, or are a part of what is sent."""
        for each in descriptions:
            self._made.pop(id(each), None)

    def dropped(self) -> list[tuple[str, str, int]]:
        """What nothing refers to any more: what it was, the function that made it, and the line.

        Everything is forgotten by this, so that it may go.
        """
        found = _only_here(list(self._made.values()))
        self._made.clear()
        return [(type(each).__name__, function, line) for each, function, line in found]

    def warn(self, function: str) -> bool:
        """Warn of what was dropped, once for each function. Returns whether something was."""
        found = self.dropped()
        for kind, maker, line in found[:1]:
            call, then = _CALLS.get(kind, ("a description", "await it"))
            warn_once(
                "dropped",
                function,
                f"{function} described {call} that is never sent ({maker}, line {line}): {then}",
            )
        return bool(found)


_CALLS = {
    "PromptSpec": (
        "a prompt with gemchain.prompt()",
        "it only describes; call gemchain.submit() in a callback, or await it in an async chain",
    ),
    "GatherSpec": (
        "a gather with gemchain.gather()",
        "in a callback of a chain it needs callback=, in an async chain await it",
    ),
    "WaitSpec": (
        "a wait with gemchain.wait()",
        "in a callback of a chain it needs callback=, in an async chain await it",
    ),
}


def _only_here(made: list[tuple[Any, str, int]]) -> list[tuple[Any, str, int]]:
    return [entry for entry in made if getrefcount(entry[0]) <= _ALONE]


def _references_of_a_lone_entry() -> int:
    """How often an object counts as referred to that is in nothing but one entry."""
    made = [(object(), "", 0)]
    (found,) = [getrefcount(entry[0]) for entry in made]
    return found


_ALONE = _references_of_a_lone_entry()
