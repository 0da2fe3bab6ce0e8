"""What gemchain remembers: frozen records, shared by every store.

A `Prompt` says what was asked and never changes; its `Progress` says where it stands and is
replaced as a whole by each `Move`. A `Unit` is the smallest thing a store commits: all of its
moves, new prompts and chain changes happen, or none does.

JSON travels as text (`request`, `params`, `result`), so that a record is cheap to copy and a
number never changes its spelling on the way. Times are UTC-aware.
"""

from dataclasses import field, fields
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import NamedTuple

from gemchain.frozen import frozen
from gemchain.states import BatchState, ChainState, PartState, PromptState

__all__ = [
    "AnswerRef",
    "Batch",
    "Chain",
    "ChainMove",
    "Draft",
    "Failure",
    "Forgotten",
    "InputRow",
    "Move",
    "OutputFile",
    "Part",
    "Progress",
    "Prompt",
    "QueueStatus",
    "RowCounts",
    "Space",
    "Tally",
    "Unit",
    "Usage",
    "Verdict",
    "queue_name",
    "queue_names",
]


def queue_name(lane: str, provider: str, model: str) -> str:
    """The queue of one provider and model in one lane, as `lane/provider:model`."""
    return f"{lane}/{provider}:{model}"


def queue_names(queue: str) -> tuple[str, str, str]:
    """Lane, provider and model of a queue."""
    lane, _, rest = queue.partition("/")
    provider, _, model = rest.partition(":")
    return lane, provider, model


class AnswerRef(NamedTuple):
    """Where an answer lies: one line of an output file. The answer itself stays there."""

    uri: str
    generation: int
    offset: int
    length: int


class Usage(NamedTuple):
    """Tokens and money, added up over all attempts.

    `cost` is what the batch price makes of the tokens, `full_cost` what the interactive price
    would have made, both in US dollars; both stay 0 for a model without a known price.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0
    full_cost: float = 0.0

    def plus(self, other: "Usage") -> "Usage":
        """The sum of both."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.cost + other.cost,
            self.full_cost + other.full_cost,
        )

    def minus(self, other: "Usage") -> "Usage":
        """What came on top of `other`."""
        return Usage(
            self.prompt_tokens - other.prompt_tokens,
            self.answer_tokens - other.answer_tokens,
            self.cost - other.cost,
            self.full_cost - other.full_cost,
        )


NO_USAGE = Usage()


@frozen()
class Failure:
    """Why a prompt has no usable answer, in words for a person.

    Attributes:
        reason: One word: `blocked`, `truncated`, `empty`, `invalid` (does not fit the schema), `error`
            (the row carries an error), `missing` (no row came back), `job` (the whole job failed),
            `rejected` (the provider refused the job), `callback` (the next function raised),
            `unresolved` (the next function cannot be found), `damaged` (its record makes no sense),
            `deadline`.
        message: What happened, in the provider's or the function's own words.
        retryable: Whether sending the prompt again may help.
        traceback: Where the callback raised, as text.
        error: JSON text of the exception itself, where it can be raised again: see `raised.py`.
    """

    reason: str
    message: str
    retryable: bool = False
    traceback: str | None = None
    error: str | None = None


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
        unsettled: The prompt ended outside a part's dispatch, and nobody has yet looked whether its
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
        lane: `batch`, or later `direct`.
        kind: `generate`; or what sends nothing: `join` (waits for its branches), `wait` (for a person),
            `chain` (for another chain's end). The latter have ids of their own kind and are never queued.
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
        request_hash: Canonical hash of the request, where somebody needed one.
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
    progress: Progress = QUEUED
    version: int = 0
    damage: str | None = None

    @property
    def queue(self) -> str:
        """The queue it waits in while QUEUED."""
        return queue_name(self.lane, self.provider, self.model)

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


@frozen(kw_only=True)
class Chain:
    """All prompts that descend from one start.

    Attributes:
        key: The user's key, or the chain's own id where a function that may run again started it; None for
            a chain that nobody can start twice.
        function: `module:qualname` of the function that started it.
        args: JSON text of the function's arguments, for people and for replay.
        code_version: The version of an async chain that it runs on to its end.
        budget: US dollars it may spend; None for no limit.
        result: JSON text of the chain's value, once DONE.
        token: Mark of the commit that created it.
    """

    id: str
    key: str | None = None
    function: str
    args: str = "{}"
    code_version: int | None = None
    labels: str | None = None
    budget: float | None = None
    deadline_at: datetime | None = None
    created_at: datetime
    state: ChainState = ChainState.RUNNING
    result: str | None = None
    failure: Failure | None = None
    ended_at: datetime | None = None
    token: str = ""
    version: int = 0


class OutputFile(NamedTuple):
    """One file of a job's output, pinned to a generation."""

    uri: str
    generation: int
    size: int


class RowCounts(NamedTuple):
    """What became of the rows of an output.

    Attributes:
        done: Rows that carried a prompt on, failures handed to `on_error` included.
        retried: Rows with a failure, whose prompt was queued again.
        failed: Rows that ended their prompt as FAILED.
        waiting: Rows whose callback raised or was not found.
        duplicate: Rows of prompts that this batch had handled already.
        late: Rows of prompts that were cancelled, or that another batch holds by now.
        unknown: Rows that belong to no prompt.
        malformed: Lines that are no row.
        missing: Prompts for which no row came.
    """

    done: int = 0
    retried: int = 0
    failed: int = 0
    waiting: int = 0
    duplicate: int = 0
    late: int = 0
    unknown: int = 0
    malformed: int = 0
    missing: int = 0

    def plus(self, other: "RowCounts") -> "RowCounts":
        """The sum of both."""
        return RowCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NO_ROWS = RowCounts()


@frozen(kw_only=True)
class Batch:
    """Prompts of one queue that are sent together, and the provider job that carries them.

    Attributes:
        fence: How many leases were taken on it. A writer acts only under the fence it leased.
        leased_until_at: Somebody works on it until then, by the store's clock.
        requests: Prompts in the input file, once WRITTEN.
        size: Bytes of the input file.
        job: The provider's name of the job, once SENT.
        create_at: When a job was first asked for; None before. While set and not SENT, a job may exist.
        poll_at: When to ask the provider again.
        output: The files that the job delivered, once ARRIVED.
        usage: Tokens and money of its answers, once CLOSED.
    """

    id: str
    lane: str = "batch"
    provider: str
    model: str
    state: BatchState = BatchState.PLANNED
    created_at: datetime
    fence: int = 1
    leased_until_at: datetime | None = None
    requests: int = 0
    size: int = 0
    input_uri: str | None = None
    job: str | None = None
    create_at: datetime | None = None
    sent_at: datetime | None = None
    poll_at: datetime | None = None
    arrived_at: datetime | None = None
    closed_at: datetime | None = None
    output: tuple[OutputFile, ...] = ()
    parts: int = 0
    counts: RowCounts = NO_ROWS
    usage: Usage = NO_USAGE
    failure: Failure | None = None
    version: int = 0

    @property
    def queue(self) -> str:
        """The queue its prompts came from."""
        return queue_name(self.lane, self.provider, self.model)


@frozen(kw_only=True)
class Part:
    """A byte range of a batch's output: the lines that start inside it. One unit of dispatch."""

    id: str
    batch_id: str
    index: int
    file: OutputFile
    start: int
    end: int
    state: PartState = PartState.WAITING
    fence: int = 0
    leased_until_at: datetime | None = None
    counts: RowCounts = NO_ROWS
    usage: Usage = NO_USAGE
    version: int = 0


class Move(NamedTuple):
    """A prompt as it was read, and where it shall stand. Applies only if nobody moved it since."""

    prompt: Prompt
    after: Progress


class ChainMove(NamedTuple):
    """A change of a chain. Applies only while the chain is in state `before`.

    Attributes:
        version: The version that the chain was read with, in state `before`, where the change rests on more
            than that: it applies only while nobody has moved the chain since. None where the state is enough.
    """

    chain_id: str
    before: ChainState
    after: ChainState
    result: str | None = None
    failure: Failure | None = None
    ended_at: datetime | None = None
    version: int | None = None


@frozen()
class Unit:
    """The smallest thing a store commits: all of it happens, or none of it.

    Attributes:
        token: Tells this commit from every other. A unit that is committed again under the same
            token changes nothing and counts as applied.
        chain: A chain to create; the unit conflicts when the id exists under another token.
        drafts: Prompts to create.
        moves: Prompts to move.
        ending: A chain to move.
    """

    token: str
    chain: Chain | None = None
    drafts: tuple[Draft, ...] = ()
    moves: tuple[Move, ...] = ()
    ending: ChainMove | None = None


class Verdict(Enum):
    """What became of a unit."""

    APPLIED = "applied"
    CONFLICT = "conflict"


class QueueStatus(NamedTuple):
    """What waits in one queue.

    Attributes:
        ready: Prompts that could be sent now.
        resting: Prompts that wait for their `not_before_at`.
        size: Bytes of all their requests.
        oldest_at: Since when the longest-waiting of them waits, or a little later.
        newest_at: When a prompt was last added from outside, and not by a callback.
        due_at: When the first resting prompt becomes ready.
    """

    queue: str
    ready: int
    resting: int = 0
    size: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    due_at: datetime | None = None


@frozen()
class Tally:
    """How many records stand where. States that no record is in may be left out."""

    prompts: dict[PromptState, int] = field(default_factory=dict)
    chains: dict[ChainState, int] = field(default_factory=dict)
    batches: dict[BatchState, int] = field(default_factory=dict)
    usage: Usage = NO_USAGE


class Forgotten(NamedTuple):
    """What retention removed, or would remove.

    Attributes:
        chains: Chains of which nothing is left.
        kept_keys: Chains that keep their record, with key and result, and lost the rest.
        prompts: Prompts of both.
    """

    chains: int = 0
    kept_keys: int = 0
    prompts: int = 0


class Space(NamedTuple):
    """Bytes of a store: all that it takes, and how much of it waits to be used again."""

    size: int
    free: int
