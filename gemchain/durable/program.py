"""`async def` chains: programs whose awaits may take days.

No event log and no process that stays alive. Every await of a program has a *place*: a counter in its
frame (`0`, `1`, …), and for what is awaited inside the i-th branch of the gather at place `2`, `2.i.0`,
`2.i.1`, …. A branch that is a lone prompt, or a nested gather, has place `2.i.0`, as if a program awaited it.
Places do not depend on the order in which answers arrive, nor on where a prompt was described; ids derive
from places, and the finished prompts are the history: when an answer comes, the coroutine is run again from
its start, every await whose outcome is known gets it at once, and the first that is not known is what has to
be sent next.

This module only runs coroutines. Where outcomes come from, and what becomes of what is new, is the
business of `engine/replay.py`.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from inspect import iscoroutine
from typing import Any, NamedTuple

from gemchain.durable.foreign import explained, foreign
from gemchain.durable.frames import Awaited, Frame, Program, entered_frame
from gemchain.errors import DivergedError, InvalidInputError, Retry, StoreUnavailableError, UnresolvedError
from gemchain.functions.calling import exit_as_error

__all__ = ["At", "Blocked", "Ended", "Known", "New", "Raised", "Replay"]


_OF_THE_RUN = (Retry, StoreUnavailableError, UnresolvedError)
"""What ends a run and no branch: the whole run is made again."""


class At(NamedTuple):
    """A description, and the place at which it is awaited."""

    spec: Any
    place: str


class Known(NamedTuple):
    """What the history knows of a place.

    Attributes:
        digest: Of what was awaited there.
        finished: Whether there is an outcome; otherwise it is on its way.
        value: The outcome; an exception is raised at the await.
        at: When it came.
    """

    digest: str
    finished: bool
    value: Any = None
    at: datetime | None = None


class New(NamedTuple):
    """Something awaited that the history does not know: to be sent.

    Attributes:
        spec: The description.
        place: Where the program awaits it.
        resumes: Whether the program goes on when its outcome comes; a plain branch of a gather only
            waits for the others.
        branches: For a gather, what its branches begin with, by their index. A branch that ended at once
            is there with its value.
    """

    spec: Any
    place: str
    resumes: bool = True
    branches: "tuple[tuple[New, ...] | Ended | Raised, ...]" = ()


class Ended(NamedTuple):
    """The program, or the branch, returned."""

    value: Any


class Raised(NamedTuple):
    """The program, or the branch, raised."""

    error: Exception


class Blocked(NamedTuple):
    """The program waits.

    Attributes:
        new: What has to be sent; nothing when what it waits for is on its way.
    """

    new: tuple[New, ...]


Step = Ended | Raised | Blocked


@dataclass(slots=True)
class Replay:
    """One replay of a chain.

    Attributes:
        known: What the history knows of a description at its place; None when it was never awaited.
        reached: The places whose outcomes the program took.
        branches: Branches of gathers that the chain waits for, by the path of their frame: made by the
            program when it was run, and not yet run themselves. See `run_branch`.
        keeps: Whether they are kept after a run, until `close`.
    """

    known: Callable[[At], Known | None]
    seed: str
    began_at: datetime
    reached: set[str] = field(default_factory=set)
    branches: dict[str, tuple[Program, datetime]] = field(default_factory=dict)
    keeps: bool = False
    _begun: list[Program] = field(default_factory=list)

    def run(self, program: Program, frame_path: str = "") -> Step:
        """Run the program up to where it waits, in one of its frames.

        Args:
            program: Fresh from calling the function.
            frame_path: Which frame: empty for the program itself, else a branch of a gather it waits for.

        Raises:
            DivergedError: The program does not do any more what its history says.
        """
        try:
            return self._run(program, self._frame("", self.began_at), frame_path)
        finally:
            if not self.keeps:
                self.close()

    def run_branch(self, frame_path: str) -> Step | None:
        """Run a branch that an earlier run of the program has made, without running the program again.

        What came before the gather is the same for all of its branches, so a thousand answers to a thousand
        branches take one run of the program, and not a thousand.

        Returns:
            None when there is no such branch: run the program.
        """
        path = _around(self.branches, frame_path)
        return None if path is None else self._run_made(path, frame_path)

    def _run_made(self, path: str, target: str) -> Step:
        branch, now = self.branches.pop(path)
        return self._run(branch, self._frame(path, now), "" if target == path else target)

    def close(self) -> None:
        """Close the branches that were not run, so that Python does not warn of them."""
        for branch in self._begun:
            branch.close()
        self._begun.clear()
        self.branches.clear()

    def _frame(self, path: str, now: datetime) -> Frame:
        return Frame(path, self.seed, now, begun=self._begun)

    def _run(self, program: Program, frame: Frame, target: str) -> Step:
        try:
            return self._advance(program, frame, target)
        finally:
            self._close(program, frame)

    def _advance(self, program: Program, frame: Frame, target: str) -> Step:
        resume: Callable[[], Any] = lambda: program.send(None)  # noqa: E731 -- replaced below
        while True:
            awaited = _next(resume, frame)
            if frame.described and not isinstance(awaited, Raised):
                frame.described.warn(_named(program))
            if isinstance(awaited, Ended | Raised):
                return awaited
            if not isinstance(awaited, Awaited):
                resume = _thrower(program, foreign(awaited))
                continue
            at = At(awaited, frame.next_place())
            known = self._look_up(program, at)
            if known is None:
                return Blocked((self._new(at, frame),))
            if not known.finished:
                return self._waiting(at, frame, target)
            if isinstance(known.value, UnresolvedError):
                raise known.value  # of a class that is gone: what was raised there cannot be raised now
            self.reached.add(at.place)
            frame.now = max(frame.now, known.at or frame.now)
            resume = _resumer(program, known.value)

    def _look_up(self, program: Any, at: At) -> Known | None:
        known = self.known(at)
        if known is not None and known.digest != at.spec.digest:
            raise DivergedError(
                f"at place {at.place} ({_line(program)}) the chain once awaited something else",
                place=at.place,
                awaited=at.spec,
            )
        return known

    def _waiting(self, at: At, frame: Frame, target: str) -> Step:
        """What the frame waits for is on its way; the target may be a branch of it."""
        if not target.startswith(f"{at.place}."):
            return Blocked(())
        self.branches.update((path, (branch, frame.now)) for path, branch in _programs(at.spec, at.place))
        inner = _around(self.branches, target)
        if inner is None:
            gone = f"branch {target} is no longer a program of its own"
            raise DivergedError(gone, place=target, awaited=None)
        return self._run_made(inner, target)

    def _new(self, at: At, frame: Frame, *, resumes: bool = True) -> New:
        begun = tuple(
            self._begin(branch, f"{at.place}.{index}", frame)
            for index, branch in enumerate(getattr(at.spec, "branches", ()))
        )
        return New(at.spec, at.place, resumes, begun)

    def _begin(self, branch: Any, path: str, frame: Frame) -> tuple[New, ...] | Ended | Raised:
        """What the first run of a branch asks for.

        Raises:
            Exception: It is no fault of the branch, and must not be kept as its end.
        """
        if not iscoroutine(branch):
            return (self._new(At(branch, f"{path}.0"), frame, resumes=False),)
        step = self._run(branch, self._frame(path, frame.now), "")
        if isinstance(step, Raised) and isinstance(step.error, _OF_THE_RUN):
            raise step.error
        return step.new if isinstance(step, Blocked) else step

    @staticmethod
    def _close(program: Program, frame: Frame) -> None:
        """Let go of the coroutine; its `finally` blocks run, and may not submit."""
        frame.closing = True
        with entered_frame(frame):
            try:
                program.close()
            except RuntimeError as error:
                raise InvalidInputError(
                    "a chain went on while it was being suspended: some `except` or `finally` around an "
                    "await catches GeneratorExit or awaits again"
                ) from error


def _next(resume: Callable[[], Any], frame: Frame) -> Any:
    """What the program awaits next, or how it ended."""
    try:
        with entered_frame(frame):
            return resume()
    except StopIteration as stop:
        return Ended(stop.value)
    except Exception as error:  # noqa: BLE001 -- a program may raise anything
        return Raised(explained(error))
    except BaseException as error:
        described = exit_as_error(error)
        if described is None:
            raise
        described.__cause__ = error
        return Raised(described)


def _thrower(program: Program, error: Exception) -> Callable[[], Any]:
    return lambda: program.throw(error)


def _resumer(program: Program, value: Any) -> Callable[[], Any]:
    if isinstance(value, Exception):
        return _thrower(program, value)
    return lambda: program.send(value)


def _named(program: Program) -> str:
    """The function of a program, with its file."""
    code = getattr(program, "cr_code", None)
    return "the chain" if code is None else f"{code.co_filename}:{code.co_qualname}"


def _programs(gather: Any, place: str) -> Iterator[tuple[str, Program]]:
    """The branches of a gather, and of those nested in it, that are programs: the paths of their frames."""
    for index, branch in enumerate(getattr(gather, "branches", ())):
        path = f"{place}.{index}"
        if iscoroutine(branch):
            yield path, branch
        else:
            yield from _programs(branch, f"{path}.0")


def _around(paths: Container[str], target: str) -> str | None:
    """Of some frames, the innermost that is the target's or one around it."""
    steps = target.split(".")
    around = (".".join(steps[:end]) for end in range(len(steps), 0, -2))
    return next((path for path in around if path in paths), None)


def _line(program: Any) -> str:
    """Where the innermost function of the program stands."""
    while iscoroutine(getattr(program, "cr_await", None)):
        program = program.cr_await
    code, frame = getattr(program, "cr_code", None), getattr(program, "cr_frame", None)
    return "line unknown" if code is None or frame is None else f"{code.co_filename}:{frame.f_lineno}"
