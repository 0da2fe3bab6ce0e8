"""Callback retries: callbacks that raised, run again on the answers that were kept.

Crash story. No lease is held meanwhile. A process that dies leaves the prompts ANSWERED and due. Two
processes at once both run the callback, and one of them commits.
"""

from dataclasses import replace

from gemchain.engine.answers.delivery import Outcome, deliver
from gemchain.engine.answers.replay import shared
from gemchain.engine.answers.stored import reread
from gemchain.engine.endings.chains import settle_marked
from gemchain.errors import ModelError
from gemchain.records import Prompt, Verdict
from gemchain.records.damage import UNREADABLE
from gemchain.records.states import PromptState
from gemchain.runtime import Runtime

__all__ = ["retry_callbacks"]

REVISITED = 500
"""Callbacks that run again in one commit: no lease is held on them meanwhile."""

_ANSWERED = frozenset({PromptState.ANSWERED, PromptState.WAITING})


def retry_callbacks(runtime: Runtime) -> int:
    """Run the callbacks of ANSWERED prompts again whose delay is over.

    Their answers are read from the output where they lie.

    Returns:
        How many prompts moved.
    """
    limit = min(runtime.settings.group, REVISITED)
    prompts = [*runtime.store.due_answers(limit=limit), *runtime.store.ended_waits(limit=limit)]
    if not prompts:
        return 0
    outcomes = [_reread(runtime, prompt) for prompt in prompts if prompt.progress.state in _ANSWERED]
    with shared():
        deliveries = [
            deliver(runtime, prompt, outcome) for prompt, outcome in outcomes if outcome is not None
        ]
    verdicts = runtime.store.commit([each.unit for each in deliveries])
    settle_marked(runtime)
    return verdicts.count(Verdict.APPLIED)


def _reread(runtime: Runtime, prompt: Prompt) -> tuple[Prompt, Outcome | None]:
    """The prompt and its outcome; a prompt whose outcome makes no sense is said to be damaged."""
    if prompt.damage is None:
        try:
            return prompt, reread(runtime, prompt)
        except (*UNREADABLE, ModelError) as error:
            prompt = replace(prompt, damage=f"its outcome cannot be read: {error}")
    return prompt, Outcome()
