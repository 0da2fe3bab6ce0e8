"""The frame of an async chain while it runs, and the time, random numbers and ids that derive from it."""

import hashlib
import random as random_module
from abc import abstractmethod
from collections.abc import Coroutine, Generator, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Generic

from gemchain.base.type_variables import Value_co
from gemchain.durable.described import Described
from gemchain.errors import InvalidInputError

if TYPE_CHECKING:
    from uuid import UUID

__all__ = [
    "Awaited",
    "Frame",
    "Program",
    "active_frame",
    "check_awaitable",
    "entered_frame",
    "note_described",
    "now",
    "random",
    "uuid",
]

Program = Coroutine[Any, Any, Any]


class Awaited(Generic[Value_co]):
    """What a program may await: descriptions of prompts, gathers and waits."""

    __slots__ = ()

    @property
    @abstractmethod
    def digest(self) -> str:
        """What a replay compares with what was awaited at the same place before."""

    def __await__(self) -> Generator[Any, Any, Value_co]:
        """Its outcome, inside an async chain."""
        check_awaitable(self)
        return (yield self)  # type: ignore[no-any-return]


@dataclass(slots=True)
class Frame:
    """One line of execution: the program itself, or one branch of a gather.

    Attributes:
        path: Empty for the program, `2.1` for branch 1 of the gather at place 2.
        seed: From which chance derives: the chain's id.
        now: The time of the last outcome, which is what `gemchain.now()` shows.
        begun: Branches that were made for some gather; those that are not run have to be closed.
        described: What it has described since its last await.
    """

    path: str
    seed: str
    now: datetime
    places: int = 0
    draws: int = 0
    closing: bool = False
    begun: list[Program] = field(default_factory=list)
    described: Described = field(default_factory=Described)

    def next_place(self) -> str:
        """The place of the next await."""
        place = f"{self.path}.{self.places}" if self.path else str(self.places)
        self.places += 1
        return place

    def next_draw(self) -> str:
        """A text that is the same in every replay, and different from all others."""
        self.draws += 1
        return f"{self.seed}/{self.path}/{self.draws}"


_frame: ContextVar[Frame | None] = ContextVar("gemchain_frame", default=None)


def active_frame() -> Frame | None:
    """The frame of the async chain that runs now; None outside of any."""
    return _frame.get()


def note_described(branches: Iterable[Any] = ()) -> None:
    """Something is described here, with these branches.

    Raises:
        InvalidInputError: The program is being suspended, and something in it (a `finally`, a context
            manager) tries to go on.
    """
    frame = _frame.get()
    if frame is None:
        return
    if frame.closing:
        raise InvalidInputError(
            "nothing can be submitted while a chain is suspended: a finally block or a context manager "
            "around an await runs each time the chain stops to wait; do this after the await instead"
        )
    frame.begun.extend(branch for branch in branches if iscoroutine(branch))


class entered_frame:  # noqa: N801 -- as `scope.entered`
    """Let `active_frame` be this one inside the block; None for what is no part of the program."""

    __slots__ = ("_frame", "_mark")

    def __init__(self, frame: Frame | None) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        self._mark = _frame.set(self._frame)

    def __exit__(self, *_: object) -> None:
        _frame.reset(self._mark)


def now() -> datetime:
    """The time of the last outcome, inside an async chain: the same in every replay. Elsewhere, now."""
    frame = _frame.get()
    return datetime.now(UTC) if frame is None else frame.now


def random() -> float:
    """A number in [0, 1); inside an async chain the same in every replay."""
    frame = _frame.get()
    return random_module.random() if frame is None else random_module.Random(frame.next_draw()).random()


def uuid() -> "UUID":
    """A UUID; inside an async chain the same in every replay."""
    import uuid as uuid_module  # with what it loads, it takes 3 ms

    frame = _frame.get()
    if frame is None:
        return uuid_module.uuid4()
    digest = hashlib.blake2b(frame.next_draw().encode(), digest_size=16).digest()
    return uuid_module.UUID(bytes=digest, version=4)


def check_awaitable(awaited: Any) -> None:
    """Refuse an await outside of async chains.

    Raises:
        TypeError: No async chain runs here.
    """
    if _frame.get() is None:
        raise TypeError(
            f"await {type(awaited).__name__} works inside a function decorated with @gemchain.chain and "
            "started with gemchain.start; elsewhere use submit() with a callback"
        )
