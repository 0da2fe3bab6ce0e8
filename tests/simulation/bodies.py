"""Random bodies of async chains, as plain data: `programs.py` runs them, `rerun.py` says what they mean."""

from dataclasses import dataclass, field
from typing import Any

PLAIN = {"prompt": 8, "raise": 0.8, "raise_if": 1, "return_if": 0.6, "draw": 1.5, "mood": 1, "wait": 1}
DEEP = {"gather": 5, "try": 2.5, "loop": 1.5, "call": 1, "child": 1.5}
RAISED = ("value", "runtime")
CAUGHT = (*RAISED, "prompt")
BRANCHES = {"prompt": 4, "body": 5, "doomed": 2, "nested": 1.5, "wait": 0.7, "child": 1.5}
MOODS = ("raise", "later", "again", "again", "abort")


@dataclass(slots=True)
class Statement:
    """A line of a program, or a branch of a gather.

    Attributes:
        does: What; the other fields are for those that need them.
        node: For a prompt, its node in the plan.
        body: For what has an inside.
        handler: What an `except` does.
        caught: The kinds of errors that it is for.
        branches: Of a gather.
        catching: The gather hands failures over as values.
        count: Rounds of a loop, or runs that a mood lasts.
        text: What is raised, or drawn, or the kind of a mood.
        starts: The program that becomes a chain of its own.
        keyed: Under a key that others may use as well.
        awaited: The program waits for the end of that chain.
    """

    does: str
    id: str
    node: str | None = None
    body: list["Statement"] = field(default_factory=list)
    handler: list["Statement"] = field(default_factory=list)
    caught: tuple[str, ...] = ()
    branches: list["Statement"] = field(default_factory=list)
    catching: bool = False
    count: int = 0
    text: str = ""
    starts: str | None = None
    keyed: bool = False
    awaited: bool = True


class Writer:
    """Draws bodies.

    Args:
        planner: Draws the nodes of prompts, and the programs that are started.
    """

    def __init__(self, planner: Any) -> None:
        self.planner = planner
        self.random = planner.random
        self.count = 0
        self.room = 0

    def body(self, room: int) -> list[Statement]:
        """A program that sends something first: what ends at once has no history."""
        self.room = room
        return [self._new("prompt"), *self._lines(1, self.random.randint(0, 4))]

    def _lines(self, depth: int, count: int) -> list[Statement]:
        return [self._line(depth) for _ in range(count)]

    def _line(self, depth: int) -> Statement:
        weights = PLAIN if depth > 3 or self.room <= 1 else PLAIN | DEEP
        (does,) = self.random.choices(list(weights), list(weights.values()))
        return self._new(does, depth)

    def _new(self, does: str, depth: int = 1) -> Statement:
        made = Statement(does, f"s{self.count}")
        self.count += 1
        getattr(self, f"_{does}", self._nothing)(made, depth)
        return made

    def _nothing(self, made: Statement, depth: int) -> None:
        pass

    def _prompt(self, made: Statement, depth: int) -> None:
        self.room -= 1
        made.node = self.planner.lone()

    def _raise(self, made: Statement, depth: int) -> None:
        made.text = self.random.choice(RAISED)

    _raise_if = _raise

    def _draw(self, made: Statement, depth: int) -> None:
        made.text = self.random.choice(("now", "random", "uuid"))

    def _mood(self, made: Statement, depth: int) -> None:
        made.text = self.random.choice(MOODS)
        made.count = self.random.choice((1, 1, 2))

    def _gather(self, made: Statement, depth: int) -> None:
        made.catching = self.random.random() < 0.4
        count = min(self.random.choice((0, 1, 2, 2, 3, 3)), max(1, self.room))
        made.branches = [self._branch(depth + 1) for _ in range(count)]

    def _branch(self, depth: int) -> Statement:
        (does,) = self.random.choices(list(BRANCHES), list(BRANCHES.values()))
        if does in ("prompt", "wait"):
            return self._new(does, depth)
        if does == "child":
            return self._new("child" if self.room > 1 else "prompt", depth)
        made = Statement(does, f"s{self.count}")
        self.count += 1
        if does == "nested" and depth < 4:
            self._gather(made, depth)
        elif does == "doomed":
            made.does = "body"
            made.body = [
                self._new(each, depth) for each in self.random.choice((["raise"], ["prompt", "raise"]))
            ]
        else:
            made.does = "body"
            made.body = self._lines(depth, self.random.choice((0, 1, 1, 2, 3)))
        return made

    def _try(self, made: Statement, depth: int) -> None:
        made.body = self._lines(depth + 1, self.random.choice((1, 2)))
        made.caught = tuple(self.random.sample(CAUGHT, self.random.randint(1, 3)))
        made.handler = self._lines(depth + 1, self.random.choice((0, 1)))

    def _loop(self, made: Statement, depth: int) -> None:
        made.count = self.random.choice((1, 2, 3))
        self.room -= made.count - 1
        made.body = self._lines(depth + 1, 1)

    def _call(self, made: Statement, depth: int) -> None:
        made.body = self._lines(depth + 1, self.random.choice((0, 1, 2)))

    def _child(self, made: Statement, depth: int) -> None:
        room, self.room = self.room - 1, 2
        made.starts = self.planner.child(self)
        self.room = room
        made.keyed = self.random.random() < 0.4
        made.awaited = self.random.random() < 0.8
