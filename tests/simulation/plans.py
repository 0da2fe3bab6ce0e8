"""Random chains: a plan says what every callback will do, so that a model can say what must come out.

A plan is made of nodes, one for each prompt that may come to be. A node's `then` says what its
callback does. Async chains have a body instead: see `bodies.py`.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.bodies import Statement, Writer
from tests.simulation.service import BLOCKED, REFUSED

MODELS = ("simulated/one", "simulated/two")
ASYNC = 0.55
"""Share of the programs that are async chains."""

MOST = 7
"""Prompts that one start may lead to, rescues left out."""


@dataclass(slots=True)
class Then:
    """What a callback does.

    Attributes:
        children: Nodes that it submits; none ends the branch.
        keyed: Whether it gives its submits keys.
        fickle: It submits something else each time it runs.
        raises: Times that it raises before it works; very often is for ever.
        mood: What it raises: an error of its own, `Retry` (later, or for another answer), or `Abort`.
        starts: Another program that it starts as a chain of its own.
    """

    children: list[str] = field(default_factory=list)
    keyed: bool = False
    fickle: bool = False
    raises: int = 0
    mood: str = "raise"
    starts: str | None = None


@dataclass(slots=True)
class Node:
    """A prompt that may come to be, or a join, or a wait.

    Attributes:
        waits: It waits for a person.
        picks: Answers that its `retry_if` does not want.
        by_value: Its callback is stored by value: a closure, a partial, or a method.
        branches: For a join, the nodes with which its branches begin.
        collects: The join hands failures over as values.
        sent: Its lane, and when it goes over to another, as arguments of `submit`.
        callback: Name of the function in `callbacks.py`; None ends the chain with the answer.
        then: What the callback does with an answer.
        rescue: What `on_error` does; None without one.
    """

    id: str
    text: str
    model: str
    callback: str | None
    then: Then
    rescue: Then | None = None
    accepts: bool = False
    max_attempts: int | None = None
    priority: int = 0
    deadline: float | None = None
    waits: bool = False
    picks: int = 0
    by_value: str | None = None
    branches: list[str] | None = None
    collects: bool = False
    sent: dict[str, Any] = field(default_factory=dict)

    @property
    def doomed(self) -> str | None:
        """The reason for which it never gets an answer; None when it may."""
        if self.text.startswith(BLOCKED):
            return None if self.accepts and self.callback else "blocked"
        return "error" if self.text.startswith(REFUSED) else None


@dataclass(slots=True)
class Plan:
    """Everything that may happen under one seed.

    Attributes:
        programs: For each program of callbacks, the nodes that its start submits.
        bodies: For each async program, what it does.
        further: The async programs that some deploys have lost.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    programs: dict[str, list[str]] = field(default_factory=dict)
    bodies: dict[str, list[Statement]] = field(default_factory=dict)
    further: set[str] = field(default_factory=set)


class Planner:
    """Draws a plan.

    Args:
        only_async: Whether all programs are async chains.
        alike: Whether most prompts ask one of two things.
    """

    def __init__(self, random: Random, *, only_async: bool = False, alike: bool = False) -> None:
        self.random = random
        self.alike = alike
        self.share = 1.0 if only_async else ASYNC
        self.plan = Plan()
        self.room = 0

    def draw(self) -> Plan:
        """Some programs to start, and some more that their callbacks start."""
        for number in range(self.random.choice((1, 2, 3, 4))):
            if self.random.random() < self.share:
                self.body(f"program{number}", Writer(self), MOST)
            else:
                self.program(f"program{number}")
        return self.plan

    def body(self, name: str, writer: Writer, room: int) -> str:
        """One async program."""
        self.plan.bodies[name] = writer.body(room)
        if self.random.random() < 0.3:
            self.plan.further.add(name)
        return name

    def child(self, writer: Writer) -> str:
        """A small program that an async one starts."""
        name = f"program of {writer.count} of {len(self.plan.nodes)}"
        if self.random.random() < 0.5:
            return self.body(name, writer, 1)
        return self.program(name, depth=2, room=2)

    def program(self, name: str, depth: int = 4, room: int = MOST) -> str:
        """One program of callbacks."""
        self.room = room
        count = self.random.choice((0, 1, 1, 1, 1, 1, 2, 3)) if depth > 1 else 1
        self.plan.programs[name] = [self.node(depth) for _ in range(count)]
        return name

    def node(self, depth: int, *, branch: bool = False) -> str:
        """A node and all below it; returns its id. A branch begins with a prompt."""
        self.room -= 1
        pick = self.random.random
        if not branch and depth > 1 and self.room > 1 and pick() < 0.2:
            return self.join(depth)
        if not branch and pick() < 0.07:
            return self.wait(depth)
        node = self.plan.nodes[self.lone()]
        node.callback = self.random.choice(("carry_on", "carry_on", "carry_further"))
        if pick() < 0.15:
            node.by_value = self.random.choice(("closure", "partial", "method"))
        if pick() < 0.35:
            node.rescue = self._then(depth - 2)
            if node.deadline is not None and pick() < 0.7:
                node.rescue.raises, node.rescue.mood = 1, "again"
        if pick() < 0.08:
            node.callback = node.by_value = None
        else:
            node.then = self._then(depth - 1)
        return node.id

    def lone(self) -> str:
        """A prompt by itself; returns its id."""
        pick = self.random.random
        node = Node(f"n{len(self.plan.nodes)}", self._text(), MODELS[pick() < 0.3], None, Then())
        self.plan.nodes[node.id] = node
        if pick() < 0.1:
            node.accepts = True
        if pick() < 0.08:
            node.picks = self.random.choice((1, 1, 1, 2, 9))
        if pick() < 0.15:
            node.max_attempts = self.random.choice((1, 2, 4))
        if pick() < 0.1:
            node.priority = self.random.choice((-3, 5))
        if pick() < 0.15:
            node.deadline = self.random.choice((1.0, 5.0, 60.0))
        return node.id

    def wait(self, depth: int) -> str:
        """A wait for a person, and what follows it."""
        node = Node(f"n{len(self.plan.nodes)}", "", "", self.random.choice(("told", "told_further")), Then())
        self.plan.nodes[node.id] = node
        node.waits = True
        node.then = self._then(depth - 1)
        return node.id

    def join(self, depth: int) -> str:
        """A join, its branches, and what follows it."""
        node = Node(
            f"n{len(self.plan.nodes)}", "", "", self.random.choice(("joined", "joined_further")), Then()
        )
        self.plan.nodes[node.id] = node
        node.collects = self.random.random() < 0.4
        count = self.random.choice((0, 1, 2, 2, 3))
        node.branches = [self.node(depth - 2, branch=True) for _ in range(min(count, max(1, self.room)))]
        if self.random.random() < 0.4:
            node.rescue = self._then(depth - 2)
        node.then = self._then(depth - 2)
        return node.id

    def _text(self) -> str:
        drawn = self.random.random()
        if drawn < 0.05:
            return f"{BLOCKED} {len(self.plan.nodes)}"
        if drawn < 0.08:
            return f"{REFUSED} {len(self.plan.nodes)}"
        # Few texts for many prompts: equal requests must not be mixed up either.
        if self.alike and drawn < 0.9:
            return f"text {self.random.randrange(2)}"
        return (
            f"text {self.random.randrange(6)}" if drawn < 0.5 else f"text {len(self.plan.nodes)} of its own"
        )

    def _then(self, depth: int) -> Then:
        pick = self.random.random
        then = Then(keyed=pick() < 0.1, fickle=pick() < 0.1)
        if pick() < 0.15:
            then.raises = self.random.choice((1, 1, 2, 1_000))
            then.mood = self.random.choice(("raise", "raise", "later", "again", "again", "abort"))
            if then.mood == "later":
                then.raises = min(then.raises, 2)
        if pick() < 0.06 and depth > 0:
            room, self.room = self.room, 0
            then.starts = self.program(f"program of {len(self.plan.nodes)}", depth=1)
            self.room = room
        count = self.random.choice((0, 1, 1, 1, 2, 3)) if depth > 0 else 0
        then.children = [self.node(depth) for _ in range(min(count, max(0, self.room)))]
        return then
