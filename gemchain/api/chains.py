"""The chain as users hold it: its status, its result, cancelling, retrying and resuming it."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, cast

from gemchain.api.forks import fork_chain
from gemchain.api.operations import cancel_chain, resume_chain, retry_prompts
from gemchain.api.specs import ChainAwait
from gemchain.base import jsontext
from gemchain.base.type_variables import Value_co
from gemchain.durable.frames import check_awaitable
from gemchain.errors import (
    ChainCancelledError,
    ChainFailedError,
    ChainNotFoundError,
    ChainParkedError,
    ChainTimeoutError,
)
from gemchain.records import NO_USAGE, Failure, Usage
from gemchain.records import Chain as ChainRecord
from gemchain.records.frozen import frozen
from gemchain.records.states import OPEN_PROMPT, ChainState, PromptState
from gemchain.runtime import Runtime, active

__all__ = ["Chain", "ChainStatus", "PromptHandle", "resume"]

POLL = 1.0
"""Seconds between two looks at a chain that other processes drive."""


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where a chain stands.

    Attributes:
        prompts: How many of its prompts are in which state.
        failure: Why it failed, or why it is parked; None otherwise.
        usage: Tokens and money of all its prompts, at the price of their lanes and at the interactive one.
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


@frozen()
class Chain(Generic[Value_co]):
    """A handle on a chain. Cheap: it holds the id, and every call asks the store.

    `Chain[str]` is, for type checkers, one whose result is a text; see `docs/types.md`.
    """

    id: str

    def _record(self) -> ChainRecord:
        found = active().store.chains([self.id]).get(self.id)
        if found is None:
            raise ChainNotFoundError(f"there is no chain {self.id!r} in this state")
        return found

    def __await__(self) -> Generator[Any, Any, Value_co]:
        """The chain's result, inside an async chain."""
        check_awaitable(self)
        return (yield ChainAwait(self.id))  # type: ignore[no-any-return]

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

    def result(self, timeout: float | None = None) -> Value_co:
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
                return cast("Value_co", jsontext.load(record.result or "null"))
            case ChainState.FAILED:
                raise _failed(record)
            case ChainState.CANCELLED:
                raise ChainCancelledError(f"chain {self.id} was cancelled")
            case ChainState.RUNNING:
                raise self._unfinished(timeout)

    def _wait(self, runtime: Runtime, timeout: float | None) -> None:
        if runtime.drive is not None:
            owners = runtime.owners | {self._record().owner}
            runtime.drive(runtime, owners=owners, until=self._ended, timeout=timeout)
            return
        clock = runtime.clock
        end = None if timeout is None else clock.now() + timedelta(seconds=timeout)
        while not self._ended() and (end is None or clock.now() < end) and not self._is_parked(runtime):
            clock.sleep(POLL)

    def _is_parked(self, runtime: Runtime) -> bool:
        """Its prompts, of which there may be thousands, are read only while any chain's are parked."""
        return bool(runtime.store.list_prompts(state=PromptState.PARKED, limit=1)) and self.status().parked

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

    def fork(self, from_prompt: str) -> "Chain[Value_co]":
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


@frozen()
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
    resume_chain(active(), chain if isinstance(chain, str) else chain.id, value, name)
