"""The chain as users hold it: its status, its result, cancelling and retrying it.

Crash story of `cancel`. A chain that never forked has exactly one prompt in progress: one commit
cancels both, so it wins or loses against the callback as a whole. In a forked chain the first
commit cancels the chain together with one of its prompts and marks that prompt `unsettled`; the
others follow one by one until a query after the last commit finds nothing open. Whoever dies in
between leaves the mark, by which the sweep carries on. A callback that commits meanwhile loses
its parent to the cancel, or adds children that the next query finds.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gemchain import jsontext, values
from gemchain.durable import Awaited, check_awaitable
from gemchain.errors import (
    ChainCancelledError,
    ChainFailedError,
    ChainNotFoundError,
    ChainParkedError,
    ChainTimeoutError,
    InvalidInputError,
)
from gemchain.forks import fork_chain
from gemchain.identity import random_id
from gemchain.ports import Store
from gemchain.records import NO_USAGE, ChainMove, Failure, Move, Prompt, Unit, Usage, Verdict
from gemchain.records import Chain as ChainRecord
from gemchain.runtime import Runtime, active
from gemchain.states import OPEN_PROMPT, UNFINISHED_PROMPT, ChainState, PromptState

__all__ = ["Chain", "ChainAwait", "ChainStatus", "PromptHandle", "cancel_chain", "resume", "retry_prompts"]

GROUP = 500
POLL = 1.0
"""Seconds between two looks at a chain that somebody else drives."""

_HOLDING = frozenset({PromptState.WAITING, PromptState.FAILED, PromptState.PARKED})
"""States in which a join has handed nothing over yet, or can take it back."""

CALLBACK_ONLY = frozenset({"callback", "raised", "unresolved", "diverged", "aborted"})
"""Failures after which the answer is still good: a retry runs the callback again and pays nothing."""


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where a chain stands.

    Attributes:
        prompts: How many of its prompts are in which state.
        failure: Why it failed, or why it is parked; None otherwise.
        usage: Tokens and money of all its prompts, as batch and as they would have cost interactively.
    """

    id: str
    state: ChainState
    prompts: dict[PromptState, int]
    created_at: datetime
    ended_at: datetime | None
    failure: Failure | None
    usage: Usage = NO_USAGE

    @property
    def parked(self) -> bool:
        """Whether it waits for a person, and for nothing else."""
        counts = self.prompts
        return bool(counts.get(PromptState.PARKED)) and not any(counts.get(state) for state in OPEN_PROMPT)


@dataclass(frozen=True, slots=True)
class ChainAwait(Awaited):
    """An async chain's wait for another chain's result."""

    chain_id: str

    @property
    def digest(self) -> str:
        """What a replay compares."""
        return f"chain {self.chain_id}"


@dataclass(frozen=True, slots=True)
class Chain:
    """A handle on a chain. Cheap: it holds the id, and every call asks the store."""

    id: str

    def _record(self) -> ChainRecord:
        found = active().store.chains([self.id]).get(self.id)
        if found is None:
            raise ChainNotFoundError(f"there is no chain {self.id!r} in this state")
        return found

    def __await__(self) -> Generator[Any, Any, Any]:
        """The chain's result, inside an async chain."""
        check_awaitable(self)
        return (yield ChainAwait(self.id))

    def status(self) -> ChainStatus:
        """Where it stands now.

        Raises:
            ChainNotFoundError: There is no such chain.
        """
        record = self._record()
        counts: Counter[PromptState] = Counter()
        parked, usage = None, NO_USAGE
        for prompt in active().store.chain_prompts(self.id):
            counts[prompt.progress.state] += 1
            usage = usage.plus(prompt.progress.usage)
            if prompt.progress.state is PromptState.PARKED:
                parked = prompt.progress.failure
        failure = record.failure or parked
        return ChainStatus(
            record.id, record.state, dict(counts), record.created_at, record.ended_at, failure, usage
        )

    def result(self, timeout: float | None = None) -> Any:
        """The value that the chain's last function returned.

        Waits until the chain has ended. With the embedded engine this process drives it meanwhile.

        Args:
            timeout: Seconds to wait; None for as long as it takes.

        Returns:
            The value; for a forked chain without a join, the list of its branches' values by path.

        Raises:
            ChainFailedError: It failed; the message and `traceback` say why.
            ChainCancelledError: It was cancelled.
            ChainParkedError: It waits for a person, so waiting longer is of no use.
            ChainTimeoutError: It is still running after `timeout` seconds.
            ChainNotFoundError: There is no such chain.
        """
        runtime = active()
        if self._record().state is ChainState.RUNNING:
            self._wait(runtime, timeout)
        record = self._record()
        match record.state:
            case ChainState.DONE:
                return jsontext.load(record.result or "null")
            case ChainState.FAILED:
                raise _failed(record)
            case ChainState.CANCELLED:
                raise ChainCancelledError(f"chain {self.id} was cancelled")
            case ChainState.RUNNING:
                raise self._unfinished(timeout)

    def _wait(self, runtime: Runtime, timeout: float | None) -> None:
        if runtime.drive is not None:
            runtime.drive(runtime, until=self._ended, timeout=timeout)
            return
        clock = runtime.clock
        end = None if timeout is None else clock.now() + timedelta(seconds=timeout)
        while not self._ended() and (end is None or clock.now() < end) and not self.status().parked:
            clock.sleep(POLL)

    def _ended(self) -> bool:
        return self._record().state is not ChainState.RUNNING

    def _unfinished(self, timeout: float | None) -> ChainParkedError | ChainTimeoutError:
        status = self.status()
        if status.parked:
            why = status.failure.message if status.failure else "no reason was kept"
            return ChainParkedError(
                f"chain {self.id} is parked: {why}. Mend it, then: gemchain retry {self.id}"
            )
        return ChainTimeoutError(f"chain {self.id} is still running after {timeout} s")

    def cancel(self) -> bool:
        """Stop the chain: nothing of it is sent any more, and answers still on their way are dropped.

        Returns:
            Whether this call cancelled it; False when it had ended before.
        """
        self._record()
        return cancel_chain(active().store, self.id)

    def fork(self, from_prompt: str) -> "Chain":
        """A new chain that keeps this one's answers and sends `from_prompt`, and what follows it, anew.

        Raises:
            ChainNotFoundError: The chain has no such prompt.
            InvalidInputError: Some of its prompts are still under way, or the prompt sends nothing.
        """
        self._record()
        return Chain(fork_chain(active(), self.id, from_prompt))

    def retry(self) -> int:
        """Send the chain's FAILED and PARKED prompts back to work.

        Returns:
            How many prompts go on.
        """
        self._record()
        stuck = (PromptState.FAILED, PromptState.PARKED)
        prompts = [each for each in active().store.chain_prompts(self.id) if each.progress.state in stuck]
        return retry_prompts(active(), prompts)


@dataclass(frozen=True, slots=True)
class PromptHandle:
    """A handle on a submitted prompt."""

    id: str
    chain_id: str

    @property
    def chain(self) -> Chain:
        """The chain it belongs to."""
        return Chain(self.chain_id)


def _failed(record: ChainRecord) -> ChainFailedError:
    failure = record.failure or Failure("failed", "no reason was kept")
    return ChainFailedError(
        f"chain {record.id} failed ({failure.reason}): {failure.message}",
        reason=failure.reason,
        traceback=failure.traceback,
    )


def resume(chain: "Chain | str", value: Any = None, *, name: str | None = None) -> None:
    """Give a chain the value that it waits for.

    May be called from anywhere that reaches the state: the engine goes on with the chain by itself.

    Args:
        chain: The chain, or its id.
        value: What `await gemchain.wait(...)` gives, or what the wait's callback receives; plain JSON.
        name: Which of its waits, where there are several.

    Raises:
        ChainNotFoundError: No such chain, or none of its waits has this name and still waits.
        InvalidInputError: It waits for several things and no name was given, or the value is not JSON.
    """
    runtime = active()
    chain_id = chain if isinstance(chain, str) else chain.id
    found = Chain(chain_id)
    found.status()
    waiting = _waits(runtime.store, chain_id, name)
    if not waiting:
        which = "for nothing that resume() could bring" if name is None else f"for nothing called {name!r}"
        raise ChainNotFoundError(f"chain {chain_id} waits {which}; it may have been resumed already")
    if len(waiting) > 1:
        names = ", ".join(sorted(repr(each.key) for each in waiting))
        raise InvalidInputError(f"chain {chain_id} waits for several things: {names}; say which by name=")
    (prompt,) = waiting
    after = replace(prompt.progress, state=PromptState.ANSWERED, result=_packed(value))
    if runtime.store.commit([Unit(token=random_id("u"), moves=(Move(prompt, after),))]) != [Verdict.APPLIED]:
        raise ChainNotFoundError(f"chain {chain_id} was resumed, or cancelled, by somebody else just now")
    runtime.waker.hurry()


def _waits(store: Store, chain_id: str, name: str | None) -> list[Prompt]:
    return [
        each
        for each in store.chain_prompts(chain_id)
        if each.kind == "wait"
        and each.progress.state is PromptState.WAITING
        and (name is None or each.key == name)
    ]


def _packed(value: Any) -> str:
    try:
        return values.pack(value)
    except TypeError as error:
        raise InvalidInputError(f"the value must be JSON: {error}") from error


def cancel_chain(store: Store, chain_id: str) -> bool:
    """Cancel a chain and everything open in it; see the crash story above. Safe to run again."""
    cancelled = False
    while True:
        prompts = [each for each in store.chain_prompts(chain_id) if each.progress.state in UNFINISHED_PROMPT]
        chain = store.chains([chain_id])[chain_id]
        if chain.state is ChainState.RUNNING:
            unit = _first_cancel(store, chain_id, prompts)
            cancelled = store.commit([unit]) == [Verdict.APPLIED]
            continue
        if chain.state is not ChainState.CANCELLED or not prompts:
            return cancelled
        now = store.now()
        for group in _pages(prompts):
            store.commit([Unit(token=random_id("u"), moves=(_cancelled(each, now),)) for each in group])


def _first_cancel(store: Store, chain_id: str, prompts: Sequence[Prompt]) -> Unit:
    now = store.now()
    ending = ChainMove(chain_id, ChainState.RUNNING, ChainState.CANCELLED, ended_at=now)
    moves = tuple(_cancelled(each, now, unsettled=len(prompts) > 1) for each in prompts[:1])
    return Unit(token=random_id("u"), moves=moves, ending=ending)


def _cancelled(prompt: Prompt, now: datetime, *, unsettled: bool = False) -> Move:
    after = replace(prompt.progress, state=PromptState.CANCELLED, ended_at=now, unsettled=unsettled)
    return Move(prompt, after)


def _pages(prompts: Sequence[Prompt]) -> Iterator[Sequence[Prompt]]:
    for begin in range(0, len(prompts), GROUP):
        yield prompts[begin : begin + GROUP]


def retry_prompts(runtime: Runtime, prompts: Sequence[Prompt]) -> int:
    """Send FAILED and PARKED prompts back to work.

    A prompt whose answer is safe only runs its callback again and pays nothing; any other is sent
    again, with all its attempts. Its chain, and the joins around it, if they had failed, run again. A
    prompt inside a join that has gone on without it stays as it is: nobody waits for it any more.

    Returns:
        How many prompts went back; those that somebody else moved first are not counted.
    """
    store, done = runtime.store, 0
    for prompt in sorted(prompts, key=lambda each: each.path.count("."), reverse=True):
        chain = store.chains([prompt.chain_id])[prompt.chain_id]
        joins = _joins_around(store, prompt)
        if joins is not None and chain.state in (ChainState.RUNNING, ChainState.FAILED):
            unit = _retry_unit(prompt, joins, chain)
            if store.commit([unit]) == [Verdict.APPLIED]:
                done += sum(move.after.state is not move.prompt.progress.state for move in unit.moves)
            _revive(store, prompt.chain_id)
    runtime.waker.hurry()
    return done


def _joins_around(store: Store, prompt: Prompt) -> list[Prompt] | None:
    """The joins that a prompt lies in, innermost first; None when one of them has gone on."""
    joins: list[Prompt] = []
    inner = prompt
    while inner.join_id is not None:
        inner = store.prompts([inner.join_id])[inner.join_id]
        if inner.progress.state not in _HOLDING:
            return None
        joins.append(inner)
    return joins


def _retry_unit(prompt: Prompt, joins: Sequence[Prompt], chain: ChainRecord) -> Unit:
    """The prompt's move, and in the same commit those of its joins.

    A join that still waits is moved as well, to where it stands: whoever is just adding up its branches
    then finds it changed, and does not go on without this one.
    """
    revive = ChainMove(chain.id, ChainState.FAILED, ChainState.RUNNING)
    around = [
        Move(each, each.progress if each.progress.state is PromptState.WAITING else _retried(each))
        for each in joins
    ]
    return Unit(
        token=random_id("u"),
        moves=(Move(prompt, _retried(prompt)), *around),
        ending=revive if chain.state is ChainState.FAILED else None,
    )


def _retried(prompt: Prompt) -> Any:
    progress = prompt.progress
    reason = progress.failure.reason if progress.failure else ""
    fresh = replace(progress, callback_attempts=0, not_before_at=None, ended_at=None, unsettled=False)
    if prompt.kind == "wait" and progress.result is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)  # nobody is asked a second time
    if prompt.kind != "generate":
        return replace(fresh, state=PromptState.WAITING, failure=None, unsettled=True)
    if progress.answer is not None and reason in CALLBACK_ONLY:
        return replace(fresh, state=PromptState.ANSWERED, failure=None)
    return replace(fresh, state=PromptState.QUEUED, attempt=1, batch_id=None, answer=None, failure=None)


def _revive(store: Store, chain_id: str) -> None:
    """A forked chain may have been ended as FAILED while its prompt went back to work: undo that."""
    chain = store.chains([chain_id])[chain_id]
    if chain.state is ChainState.FAILED and store.has_open(chain_id):
        store.commit(
            [Unit(token=random_id("u"), ending=ChainMove(chain_id, ChainState.FAILED, ChainState.RUNNING))]
        )
