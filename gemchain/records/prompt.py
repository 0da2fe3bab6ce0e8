"""A prompt: what was asked, and its progress.

A `Prompt` never changes; its `Progress` is replaced as a whole by each `Move`.
"""

from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from gemchain.records.failure import Failure
from gemchain.records.frozen import frozen
from gemchain.records.queue import queue_name
from gemchain.records.states import PromptState
from gemchain.records.usage import NO_USAGE, Usage

__all__ = ["EMBED", "GENERATE", "QUEUED", "AnswerRef", "Draft", "InputRow", "Move", "Progress", "Prompt"]


class AnswerRef(NamedTuple):
    """Where an answer lies: one line of an output file. The answer itself stays there."""

    uri: str
    generation: int
    offset: int
    length: int


GENERATE, EMBED = "generate", "embed"
"""Kinds of prompts that are sent: for a text, and for a vector."""

_SENT = frozenset({GENERATE, EMBED})


@frozen()
class Progress:
    """Where a prompt stands: everything about it that ever changes.

    Attributes:
        attempt: The send that is queued or running, counted from 1.
        batch_id: The batch that holds the prompt, or that delivered its answer.
        not_before_at: A queued or answered prompt rests until then.
        answer: The answer that was accepted; once set it never changes.
        callback_attempts: How often the callback raised on this answer.
        failure: The last failure; None once the prompt is DONE without `on_error`.
        result: JSON text of what the callback returned.
        unsettled: The prompt ended outside a part's dispatch, and it has not been looked yet whether its
            forked chain ended with it. Indexed only while true.
    """

    state: PromptState = PromptState.QUEUED
    attempt: int = 1
    batch_id: str | None = None
    not_before_at: datetime | None = None
    answer: AnswerRef | None = None
    callback_attempts: int = 0
    failure: Failure | None = None
    result: str | None = None
    usage: Usage = NO_USAGE
    claimed_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    unsettled: bool = False


QUEUED = Progress()


@frozen()
class Prompt:
    """What was asked, and what happens with the answer. All but `progress` never changes.

    Where thousands are made the fields are given by their places: by their names it takes six times as long.

    Attributes:
        id: Derived from the parent's id and the index among its submits.
        parent_id: The prompt whose callback submitted this one; None for a root.
        path: Place among the branches: numbers joined by dots, one for every fork above it. A
            chain that never forks keeps path `0` from end to end.
        depth: Prompts before this one on its way from the root.
        lane: How it is sent; see `lanes`.
        kind: `generate` or `embed`; or what sends nothing: `join` (waits for its branches), `wait` (for a
            person), `chain` (for another chain's end). The latter have ids of their own kind and are never
            queued.
        size: Length of the request in bytes.
        callback: `module:qualname` of the function that takes the response; None to end here.
        params: JSON text of the callback's keyword arguments.
        on_error: `module:qualname` of the function that takes the failure.
        retry_if: `module:qualname` of a predicate on the response that asks for another attempt.
        closure: Signed continuations by value, where names cannot do.
        rules: JSON text of its back-off, and of what its chain says for all of its prompts: see `rules.py`.
        schema: JSON text of the schema that the answer must fit.
        accept: Failures that the callback takes as answers: of `blocked`, `truncated`, `empty`.
        priority: Higher goes first, -9 to 9.
        forked: Some prompt above it, or its start, had several children: the chain's end has to be looked up.
        durable: An async chain awaits it: its outcome goes into the replay, and `callback` names the chain.
            Its `path` is then its place in the program.
        join_id: The join that waits for this branch; None outside of any.
        branch: Place of the branch in its join.
        request_hash: Canonical hash of the request, where one was needed.
        owner: Whose work it is; see `Chain.owner`.
        version: The store's mark of this state of the record, for compare-and-set.
        damage: What of the stored record makes no sense, in words; None for one that gemchain wrote. Such
            a prompt is parked with these words, and nothing of it is run or sent.
    """

    id: str
    chain_id: str
    provider: str
    model: str
    size: int
    created_at: datetime
    parent_id: str | None = None
    path: str = "0"
    depth: int = 0
    lane: str = "batch"
    kind: str = "generate"
    callback: str | None = None
    params: str = "{}"
    on_error: str | None = None
    retry_if: str | None = None
    closure: str | None = None
    rules: str | None = None
    schema: str | None = None
    accept: tuple[str, ...] = ()
    max_attempts: int = 3
    priority: int = 0
    deadline_at: datetime | None = None
    labels: str | None = None
    key: str | None = None
    forked: bool = False
    durable: bool = False
    join_id: str | None = None
    branch: int | None = None
    request_hash: str | None = None
    owner: str = ""
    progress: Progress = QUEUED
    version: int = 0
    damage: str | None = None

    @property
    def is_sent(self) -> bool:
        """Whether it is sent to a provider: a join, a wait and a value are not."""
        return self.kind in _SENT

    @property
    def queue(self) -> str:
        """The queue it waits in while QUEUED."""
        return queue_name(self.lane, self.provider, self.model, self.owner)

    def standing(self, progress: Progress) -> "Prompt":
        """The same prompt, standing elsewhere; `replace` takes six times as long."""
        fields = *_asked(self), progress, self.version, self.damage
        return Prompt(*fields)


_asked = attrgetter(
    *(each.name for each in fields(Prompt) if each.name not in {"progress", "version", "damage"})
)


class Draft(NamedTuple):
    """A prompt about to be recorded, together with the request it will send (JSON text)."""

    prompt: Prompt
    request: str


class InputRow(NamedTuple):
    """What an input file needs of a prompt."""

    prompt_id: str
    request: str
    request_hash: str | None = None


class Move(NamedTuple):
    """A prompt as it was read, and where it shall stand. Applies only if it has not moved since."""

    prompt: Prompt
    after: Progress
