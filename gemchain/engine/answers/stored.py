"""Answers that were kept: what a prompt was told, read again where it lies."""

from dataclasses import replace

from gemchain.base import jsontext
from gemchain.durable import values
from gemchain.engine.answers.branches import gathered
from gemchain.engine.answers.delivery import Outcome
from gemchain.errors import BlobNotFoundError
from gemchain.formats import direct_rows
from gemchain.ports import Row
from gemchain.records import AnswerRef, Failure, Prompt
from gemchain.records.states import ChainState
from gemchain.runtime import Runtime

__all__ = ["join_outcome", "read_answer", "reread"]


def reread(runtime: Runtime, prompt: Prompt) -> Outcome | None:
    """The outcome of a prompt that has one; None for a join of which a branch was cancelled."""
    match prompt.kind:
        case "join":
            return join_outcome(runtime, prompt)
        case "wait":
            return Outcome(value=values.unpack(prompt.progress.result or "null"))
        case "chain":
            return _chain_outcome(runtime, prompt)
        case _:
            return _row_outcome(runtime, prompt)


def join_outcome(runtime: Runtime, join: Prompt) -> Outcome | None:
    """What a join's branches amount to; None when one of them was cancelled, or sent back."""
    options = jsontext.load(runtime.store.requests([join.id])[join.id])
    members = runtime.store.chain_prompts(join.id)
    found = gathered(members, options["branches"], return_exceptions=options["return_exceptions"])
    return None if found is None else Outcome(failure=found.failure, value=found.values)


def _chain_outcome(runtime: Runtime, prompt: Prompt) -> Outcome:
    """What the chain that this one awaits came to."""
    assert prompt.key is not None
    chain = runtime.store.chains([prompt.key]).get(prompt.key)
    if chain is None:
        gone = f"there is no chain {prompt.key}: it was never started, or `gemchain gc` removed it"
        return Outcome(failure=Failure("missing", gone))
    if chain.state is ChainState.DONE:
        return Outcome(value=jsontext.load(chain.result or "null"))
    lost = chain.failure or Failure("cancelled", f"chain {chain.id} was cancelled")
    return Outcome(failure=replace(lost, retryable=False))


def _row_outcome(runtime: Runtime, prompt: Prompt) -> Outcome:
    answer, failure = prompt.progress.answer, prompt.progress.failure
    if answer is None:
        return Outcome(failure=failure or Failure("missing", "no answer was kept", retryable=True))
    try:
        row = read_answer(runtime, prompt.provider, answer)
    except (BlobNotFoundError, ValueError) as error:
        gone = Failure("missing", f"the answer is no longer where it was kept: {error}", retryable=True)
        return Outcome(failure=gone)
    return Outcome(row.body, row.request, row.failure, answer)


def read_answer(runtime: Runtime, provider: str, ref: AnswerRef) -> Row:
    """One row of an output, where it lies.

    Raises:
        BlobNotFoundError: The output is gone, or is not of that generation any more.
        ValueError: It is no row.
    """
    end = ref.offset + ref.length
    line = runtime.blobs.read(ref.uri, generation=ref.generation, start=ref.offset, end=end)
    return direct_rows.read_output(runtime.providers.named(provider), line)
