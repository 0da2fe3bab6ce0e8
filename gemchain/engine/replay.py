"""Replay: an async chain goes on when the outcome of something it awaits is known.

Crash story. The program is run again from its start against its own finished prompts; what it
asks for next becomes records under ids that derive from places, in the commit that marks the
awaited prompt DONE. A process that dies before that commit left nothing; one that runs it twice
makes the same records, and the second commit finds its prompt moved on.
"""

from typing import Any, NamedTuple

from gemchain import jsontext, values
from gemchain.awaits import drafts_of, placed
from gemchain.durable import Blocked, Ended, Known, Raised, Replay
from gemchain.errors import DivergedError
from gemchain.records import Chain, Draft, Prompt
from gemchain.runtime import Runtime
from gemchain.scope import Scope, entered
from gemchain.states import PromptState

__all__ = ["Continued", "resume"]


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


def resume(runtime: Runtime, prompt: Prompt, outcome: Any) -> Continued:
    """Run the chain on from the outcome of `prompt`.

    Args:
        runtime: Where the chain and its history are.
        prompt: What the chain awaited.
        outcome: What the await gives; an exception is raised there.

    Raises:
        UnresolvedError: The function, or its version, is gone.
        DivergedError: The function no longer does what its history says.
    """
    assert prompt.callback is not None
    function = runtime.continuations.resolve_chain(prompt.callback)
    chain = runtime.store.chains([prompt.chain_id])[prompt.chain_id]
    scope = Scope(chain.id, prompt, runtime.clock.now())
    history = _History(runtime, chain, prompt, outcome)
    replay = Replay(history.known, chain.id, chain.created_at)
    arguments = jsontext.load(chain.args)
    frame_path = prompt.path.rpartition(".")[0]
    try:
        with entered(scope):
            step = replay.run(function(*arguments["args"], **arguments["params"]), frame_path)
        _check_reached(replay, prompt)
    except DivergedError as error:
        raise DivergedError(_both(runtime, chain, error), place=error.place, awaited=error.awaited) from error
    new = step.new if isinstance(step, Blocked) else ()
    return Continued(step, drafts_of(runtime, scope, prompt.callback, new), bool(frame_path))


def _check_reached(replay: Replay, prompt: Prompt) -> None:
    if prompt.path not in replay.reached:
        gone = f"the chain no longer awaits anything at place {prompt.path}"
        raise DivergedError(gone, place=prompt.path, awaited=None)


class _History:
    """The finished prompts of a chain, looked up by place as the replay comes to them."""

    def __init__(self, runtime: Runtime, chain: Chain, prompt: Prompt, outcome: Any) -> None:
        self._runtime = runtime
        self._chain = chain
        self._prompt = prompt
        self._outcome = outcome

    def known(self, awaited: Any) -> Known | None:
        """What is known of an await; None when it is new."""
        identity = placed(self._chain.id, awaited)
        if identity == self._prompt.id:
            digest = self._prompt.request_hash or ""
            return Known(digest, finished=True, value=self._outcome, at=self._runtime.clock.now())
        record = self._runtime.store.prompts([identity]).get(identity)
        if record is None:
            return None
        progress = record.progress
        if progress.state is not PromptState.DONE:
            return Known(record.request_hash or "", finished=False)
        value = values.unpack(progress.result or "null")
        return Known(record.request_hash or "", finished=True, value=value, at=progress.ended_at)


def _both(runtime: Runtime, chain: Chain, error: DivergedError) -> str:
    """The message, with what was awaited then and what is awaited now."""
    if getattr(error.awaited, "digest", None) is None:
        return f"{error}; its source has changed. Deploy the old one, or raise the chain's version"
    identity = placed(chain.id, error.awaited)
    then = runtime.store.requests([identity]).get(identity, "something else")
    now = getattr(error.awaited, "request", None)
    shown = error.awaited.digest if now is None else jsontext.dump(now)
    return f"{error}; then: {then} now: {shown}. Deploy the old source, or raise the chain's version"
