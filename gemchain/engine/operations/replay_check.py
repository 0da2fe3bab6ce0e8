"""Replay check: run a chain's history against today's code. Nothing is sent and nothing is written.

Shows before a deploy what would be parked after it. Every callback is run on the answer that it had,
and must ask for the prompts that are recorded; an async chain is replayed, the program and each
branch of its gathers, and must await what it awaited and come to the same end.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gemchain.api.awaits import placed
from gemchain.api.programs import program_of
from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.durable.program import At, Blocked, Ended, Known, Raised, Replay
from gemchain.engine.answers.delivery import deliver
from gemchain.engine.answers.stored import reread
from gemchain.errors import ChainNotFoundError, GemchainError, InvalidInputError
from gemchain.formats.response import response_to
from gemchain.ports import Store
from gemchain.records import Batch, Chain, Prompt, Unit, Verdict
from gemchain.records.arguments import arguments_of
from gemchain.records.states import ChainState, PromptState
from gemchain.runtime import Runtime

__all__ = ["Difference", "check_replay"]

ANSWERED_ONCE = frozenset({PromptState.DONE, PromptState.PARKED})


class Difference(NamedTuple):
    """Where today's code does something else.

    Attributes:
        prompt_id: The prompt whose answer leads elsewhere; the chain's id for its beginning or end.
        message: What differs, for a person.
    """

    prompt_id: str
    message: str


class _NothingWritten:
    """A store that is read and never written: a `start` inside a callback finds its chain, or pretends to."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, units: Sequence[Unit], *, into: Sequence[Batch] = ()) -> list[Verdict]:  # noqa: ARG002
        """Nothing, successfully."""
        return [Verdict.APPLIED for _ in units]


def check_replay(runtime: Runtime, chain_id: str) -> list[Difference]:
    """Run a chain's history against the functions that are here now.

    Returns:
        Where they differ from what happened; empty when the chain would run as it did.

    Raises:
        ChainNotFoundError: There is no such chain.
        InvalidInputError: Retention has removed its prompts, so nothing can be replayed.
    """
    chain = runtime.store.chains([chain_id]).get(chain_id)
    if chain is None:
        raise ChainNotFoundError(f"there is no chain {chain_id!r} in this state")
    quiet = replace(runtime, store=_NothingWritten(runtime.store))
    prompts = list(runtime.store.chain_prompts(chain_id))
    if not prompts and arguments_of(chain.args) is None:
        raise InvalidInputError(f"chain {chain_id} cannot be replayed: `gemchain gc` has removed its prompts")
    if any(each.durable for each in prompts) or "@" in chain.function:
        return _Program(quiet, chain, prompts).differences()
    return [found for each in prompts for found in _callback_differences(quiet, each, prompts)]


def _callback_differences(runtime: Runtime, prompt: Prompt, prompts: Sequence[Prompt]) -> list[Difference]:
    if prompt.progress.state not in ANSWERED_ONCE or (prompt.callback or prompt.on_error) is None:
        return []
    outcome = reread(runtime, prompt)
    if outcome is None:
        return []
    unit = deliver(runtime, prompt, outcome, marked=False).unit
    after = unit.moves[0].after
    if after.state is not PromptState.DONE:
        why = after.failure.message if after.failure else after.state
        return [Difference(prompt.id, f"{prompt.callback} would leave it {after.state}: {why}")]
    return _compare(runtime, prompt, unit, prompts)


def _compare(runtime: Runtime, prompt: Prompt, unit: Unit, prompts: Sequence[Prompt]) -> list[Difference]:
    if prompt.progress.state is not PromptState.DONE:
        return []
    stored = {each.id: each for each in prompts}
    requests = runtime.store.requests([draft.prompt.id for draft in unit.drafts])
    found = []
    for draft in unit.drafts:
        then = stored.get(draft.prompt.id)
        if then is None:
            found.append(Difference(prompt.id, f"would also submit {draft.request}"))
        elif requests[then.id] != draft.request or then.callback != draft.prompt.callback:
            now = f"{draft.request} -> {draft.prompt.callback}"
            found.append(Difference(prompt.id, f"then: {requests[then.id]} -> {then.callback} now: {now}"))
    asked = {draft.prompt.id for draft in unit.drafts}
    gone = [
        p for p in prompts if p.parent_id == prompt.id and p.join_id == prompt.join_id and p.id not in asked
    ]
    return found + [Difference(prompt.id, f"would no longer submit {each.id}") for each in gone]


class _Program:
    """The replay check of an async chain."""

    def __init__(self, runtime: Runtime, chain: Chain, prompts: Sequence[Prompt]) -> None:
        self._runtime = runtime
        self._chain = chain
        self._records = {each.id: each for each in prompts}

    def differences(self) -> list[Difference]:
        """Of the program, and of each branch that is a program of its own."""
        frames = {p.path.rpartition(".")[0] for p in self._records.values() if p.durable and p.callback}
        return [found for frame in sorted(frames | {""}) for found in self._frame(frame)]

    def _frame(self, frame: str) -> list[Difference]:
        where = f"branch {frame}" if frame else "the program"
        try:
            program = program_of(self._runtime, self._chain, self._chain.function)
            replay = Replay(lambda at: self._known(at, frame), self._chain.id, self._chain.created_at)
            step = replay.run(program, frame)
        except GemchainError as error:
            return [Difference(self._chain.id, f"{where}: {error}")]
        return [Difference(self._chain.id, f"{where} {why}") for why in self._ending(step, frame)]

    def _known(self, at: At, frame: str) -> Known | None:
        record = self._records.get(placed(self._chain.id, at))
        if record is None:
            return None
        around = frame.startswith(f"{record.path}.") and record.kind == "join"
        if around or record.progress.state is not PromptState.DONE:
            return Known(record.request_hash or "", finished=False)
        return Known(
            record.request_hash or "", finished=True, value=self._value(record), at=record.progress.ended_at
        )

    def _value(self, record: Prompt) -> Any:
        """What the await gave. The last prompt of a branch keeps its branch's value: read its answer."""
        if not record.is_sent or record.progress.answer is None:
            return values.unpack(record.progress.result or "null")
        outcome = reread(self._runtime, record)
        failure = outcome.failure if outcome else None
        if outcome is None or outcome.body is None:
            return values.error_of(failure or record.progress.failure or _LOST, record.id)
        wire_format = self._runtime.providers.format_of(record)
        judged = wire_format.judge(outcome.body)
        if judged is not None and judged.reason not in record.accept:
            return values.error_of(judged, record.id)
        return response_to(
            record,
            outcome.body,
            wire_format=wire_format,
            resolve_model=self._runtime.continuations.resolve_model,
        )

    def _ending(self, step: Ended | Raised | Blocked, frame: str) -> list[str]:
        state = self._chain.state
        match step:
            case Blocked(new) if new:
                return [f"would await something new at place {new[0].place}: {new[0].spec}"]
            case Ended(value) if not frame and state is ChainState.DONE:
                now = jsontext.dump(value)
                return (
                    [] if now == self._chain.result else [f"would end with {now}, not {self._chain.result}"]
                )
            case Blocked() if not frame and state is ChainState.DONE:
                return ["would still wait, though the chain has ended"]
            case Raised(error) if not frame and state is ChainState.DONE:
                return [f"would raise {type(error).__name__}: {error}"]
        return []


_LOST = values.failure_of(ValueError("the answer is no longer where it was kept"))
