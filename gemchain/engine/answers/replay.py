"""Replay: an async chain goes on when the outcome of something it awaits is known.

Crash story. The program runs again from its start against its own finished prompts. What it asks for next
becomes records under ids that derive from places, in the commit that marks the awaited prompt DONE. A process
that dies before that commit leaves nothing. A process that runs it twice makes the same records, and the
second commit conflicts.

Inside `shared()`, answers to many branches of one gather share one run of the program.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple

from gemchain.api.awaits import drafts_of, placed
from gemchain.api.programs import program_of
from gemchain.api.scope import Scope, entered
from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.durable.program import At, Blocked, Ended, Known, Raised, Replay
from gemchain.errors import DivergedError
from gemchain.records import Chain, Draft, Prompt
from gemchain.records.identity import placed_id
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["Continued", "resume", "shared"]

SHARED = 32
"""Chains whose unrun branches are kept at the same time."""


class Continued(NamedTuple):
    """Where the program stands after an outcome.

    Attributes:
        step: What its frame does now.
        children: The records of what it awaits next.
        in_branch: Whether the frame is a branch of a gather, whose end is not the chain's.
    """

    step: Ended | Raised | Blocked
    children: tuple[Draft, ...]
    in_branch: bool


class _Session:
    """A chain whose program was run: the record, and the replay with the branches that it made."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.replay = Replay(lambda _: None, chain.id, chain.created_at, keeps=True)


_sessions: ContextVar[OrderedDict[str, _Session] | None] = ContextVar("gemchain_sessions", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Let the resumes inside the block share what a program was run for."""
    sessions: OrderedDict[str, _Session] = OrderedDict()
    mark = _sessions.set(sessions)
    try:
        yield
    finally:
        _sessions.reset(mark)
        for session in sessions.values():
            session.replay.close()


@contextmanager
def _session(runtime: Runtime, chain_id: str) -> Iterator[_Session]:
    """The session of a chain. It is kept if sessions are shared and some branches have not run yet."""
    sessions = _sessions.get()
    kept = None if sessions is None else sessions.pop(chain_id, None)
    session = kept or _Session(runtime.store.chains([chain_id])[chain_id])
    try:
        yield session
    finally:
        if sessions is None or not session.replay.branches:
            session.replay.close()
        else:
            sessions[chain_id] = session
            if len(sessions) > SHARED:
                sessions.popitem(last=False)[1].replay.close()


def resume(runtime: Runtime, prompt: Prompt, outcome: Any, now: datetime) -> Continued:
    """Run the chain on from the outcome of `prompt`.

    Args:
        runtime: Where the chain and its history are.
        prompt: What the chain awaited.
        outcome: What the await gives; an exception is raised there.
        now: When the outcome came, as the prompt's own record will say: every later run shows the same.

    Raises:
        UnresolvedError: The function, or its version, is gone.
        DivergedError: The function no longer does what its history says.
    """
    assert prompt.callback is not None
    scope = Scope(prompt.chain_id, prompt, now)
    frame_path = prompt.path.rpartition(".")[0]
    with _session(runtime, prompt.chain_id) as session, entered(scope):
        history = _History(runtime, prompt, outcome, now)
        step = _run(runtime, session, history, prompt, frame_path)
    new = step.new if isinstance(step, Blocked) else ()
    return Continued(step, drafts_of(runtime, scope, prompt.callback, new), bool(frame_path))


def _run(
    runtime: Runtime, session: _Session, history: "_History", prompt: Prompt, frame_path: str
) -> Ended | Raised | Blocked:
    chain, replay = session.chain, session.replay
    replay.known = history.known
    try:
        step = replay.run_branch(frame_path)
        if step is None:
            assert prompt.callback is not None
            step = replay.run(program_of(runtime, chain, prompt.callback), frame_path)
        history.check_reached()
    except DivergedError as error:
        raise DivergedError(_both(runtime, chain, error), place=error.place, awaited=error.awaited) from error
    return step


class _History:
    """The finished prompts of a chain, looked up by place as the replay comes to them."""

    def __init__(self, runtime: Runtime, prompt: Prompt, outcome: Any, now: datetime) -> None:
        self._runtime = runtime
        self._chain_id = prompt.chain_id
        self._prompt = prompt
        self._outcome = outcome
        self._now = now
        self._reached = False
        self._records: dict[str, Prompt] = {}
        self._fetched: set[str] = set()

    def check_reached(self) -> None:
        """Refuse a program that never came to the await whose outcome is here.

        Raises:
            DivergedError: It did not.
        """
        if not self._reached:
            place = self._prompt.path
            gone = f"the chain no longer awaits anything at place {place}"
            raise DivergedError(gone, place=place, awaited=None)

    def known(self, at: At) -> Known | None:
        """What is known of an await; None when it is new."""
        # Whatever follows this await in its frame is recorded in the same commit as its outcome: not before.
        if self._reached:
            return None
        identity = placed(self._chain_id, at)
        if identity == self._prompt.id:
            self._reached = True
            digest = self._prompt.request_hash or ""
            return Known(digest, finished=True, value=self._outcome, at=self._now)
        self._fetch(at.place.rpartition(".")[0])
        record = self._records.get(identity)
        if record is None:
            return None
        progress = record.progress
        if progress.state is not PromptState.DONE:
            return Known(record.request_hash or "", finished=False)
        value = values.unpack(progress.result or "null")
        return Known(record.request_hash or "", finished=True, value=value, at=progress.ended_at)

    def _fetch(self, frame: str) -> None:
        """All that a frame awaited up to here, at once: prompts first, since most awaits are prompts."""
        if frame in self._fetched:
            return
        self._fetched.add(frame)
        beginning = f"{frame}." if frame else ""
        if not self._prompt.path.startswith(beginning):
            return
        last = int(self._prompt.path.removeprefix(beginning).partition(".")[0])
        places = [f"{beginning}{count}" for count in range(last + 1)]
        places = [place for place in places if place != self._prompt.path]  # it is at hand
        for kind in "pj":
            asked = {placed_id(kind, self._chain_id, place): place for place in places}
            found = self._runtime.store.prompts(asked)
            self._records.update(found)
            places = [place for identity, place in asked.items() if identity not in found]


def _both(runtime: Runtime, chain: Chain, error: DivergedError) -> str:
    """The message, with what was awaited then and what is awaited now."""
    if error.awaited is None:
        return f"{error}. {_CAUSES}"
    at = _first_difference(runtime, chain.id, At(error.awaited, error.place))
    identity = placed(chain.id, at)
    then = runtime.store.requests([identity]).get(identity, "something else")
    now = getattr(at.spec, "request", None)
    shown = getattr(at.spec, "digest", "a program") if now is None else jsontext.dump(now)
    return f"{error}; then: {then} now: {shown}. {_CAUSES}"


_CAUSES = (
    "Has its source changed? Then deploy the old one, or raise the chain's version. If not, the function is "
    "not deterministic: take time, random numbers and ids from gemchain.now(), gemchain.random() and "
    "gemchain.uuid(), and pass what it reads from elsewhere as arguments"
)


def _first_difference(runtime: Runtime, chain_id: str, at: At) -> At:
    """Of a gather that differs, the first branch that does; else what is given."""
    for index, branch in enumerate(getattr(at.spec, "branches", ())):
        inner = At(branch, f"{at.place}.{index}.0")
        record = runtime.store.prompts([placed(chain_id, inner)]).get(placed(chain_id, inner))
        if record is not None and record.request_hash != getattr(branch, "digest", None):
            return _first_difference(runtime, chain_id, inner)
    return at
