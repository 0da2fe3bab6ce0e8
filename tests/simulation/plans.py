"""Random chains: a plan says what every callback will do, so that a model can say what must come out.

A plan is made of nodes, one for each prompt that may come to be. A node's `then` says what its
callback does; another kind of chain needs another entry in `THENS` and its word in `model.py`.
"""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.service import BLOCKED, REFUSED

MODELS = ("simulated/one", "simulated/two")
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
        starts: Another program that it starts as a chain of its own.
    """

    children: list[str] = field(default_factory=list)
    keyed: bool = False
    fickle: bool = False
    raises: int = 0
    starts: str | None = None


@dataclass(slots=True)
class Node:
    """A prompt that may come to be, or a join.

    Attributes:
        branches: For a join, the nodes with which its branches begin.
        collects: The join hands failures over as values.
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
    branches: list[str] | None = None
    collects: bool = False

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
        programs: For each program, the nodes that its start submits.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    programs: dict[str, list[str]] = field(default_factory=dict)


class Planner:
    """Draws a plan."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.plan = Plan()
        self.room = 0

    def draw(self) -> Plan:
        """Some programs to start, and some more that their callbacks start."""
        for number in range(self.random.choice((1, 2, 3, 4))):
            self.program(f"program{number}")
        return self.plan

    def program(self, name: str, depth: int = 4) -> str:
        """One program."""
        self.room = MOST
        count = self.random.choice((0, 1, 1, 1, 1, 1, 2, 3)) if depth > 1 else 1
        self.plan.programs[name] = [self.node(depth) for _ in range(count)]
        return name

    def node(self, depth: int, *, joins: bool = True) -> str:
        """A node and all below it; returns its id. A branch does not begin with a join."""
        self.room -= 1
        pick = self.random.random
        if joins and depth > 1 and self.room > 1 and pick() < 0.2:
            return self.join(depth)
        node = Node(
            id=f"n{len(self.plan.nodes)}",
            text=self._text(),
            model=MODELS[pick() < 0.3],
            callback=self.random.choice(("carry_on", "carry_on", "carry_further")),
            then=Then(),
        )
        self.plan.nodes[node.id] = node
        if pick() < 0.1:
            node.accepts = True
        if pick() < 0.15:
            node.max_attempts = self.random.choice((1, 2, 4))
        if pick() < 0.1:
            node.priority = self.random.choice((-3, 5))
        if pick() < 0.06:
            node.deadline = self.random.choice((10.0, 60.0))
        if pick() < 0.35:
            node.rescue = self._then(depth - 2)
        if pick() < 0.08:
            node.callback = None
        else:
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
        node.branches = [self.node(depth - 2, joins=False) for _ in range(min(count, max(1, self.room)))]
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
        return (
            f"text {self.random.randrange(6)}" if drawn < 0.5 else f"text {len(self.plan.nodes)} of its own"
        )

    def _then(self, depth: int) -> Then:
        pick = self.random.random
        then = Then(keyed=pick() < 0.1, fickle=pick() < 0.1)
        if pick() < 0.15:
            then.raises = self.random.choice((1, 1, 2, 1_000))
        if pick() < 0.06 and depth > 0:
            room, self.room = self.room, 0
            then.starts = self.program(f"program of {len(self.plan.nodes)}", depth=1)
            self.room = room
        count = self.random.choice((0, 1, 1, 1, 2, 3)) if depth > 0 else 0
        then.children = [self.node(depth) for _ in range(min(count, max(0, self.room)))]
        return then
