"""Where a chain stands: chains that wait for a person are told from those that go on by themselves."""

from collections.abc import Iterable

from gemchain.records import Chain, Failure, Prompt
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState

__all__ = ["PARKED", "WAITING", "standing"]

PARKED, WAITING = "PARKED", "WAITING"
"""States of chains that cannot go on without a person; the store knows them as RUNNING."""


def standing(chain: Chain, prompts: Iterable[Prompt]) -> tuple[str, Failure | None]:
    """The state of a chain, PARKED and WAITING among them, and why it is not DONE.

    Args:
        chain: The chain.
        prompts: All of its prompts.
    """
    if chain.state is not ChainState.RUNNING:
        return chain.state.value, chain.failure
    parked, waiting = None, None
    for prompt in prompts:
        if prompt.progress.state in OPEN_PROMPT:
            return chain.state.value, None
        if prompt.progress.state is PromptState.PARKED:
            parked = prompt.progress.failure or Failure("unknown", "no reason was kept")
        elif prompt.kind == "wait" and prompt.progress.state is PromptState.WAITING:
            waiting = Failure("waiting", "waits for a person to resume it")
    state = PARKED if parked else WAITING if waiting else chain.state.value
    return state, parked or waiting
