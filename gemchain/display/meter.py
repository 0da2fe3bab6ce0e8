"""Snapshots of a run for the progress display: the store's counters, less what they were before the run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gemchain.display.formatting import Models
from gemchain.display.waiting import waits_for
from gemchain.ports import Store
from gemchain.records import NO_USAGE, Counters, StepCount, Usage, queue_names
from gemchain.records.states import OPEN_BATCH, BatchState, ChainState, PromptState

__all__ = ["Meter", "Snapshot"]

NEWEST = 20
"""Batches that are read for the models in use."""

State = TypeVar("State", PromptState, BatchState)


class Snapshot(NamedTuple):
    """The state of a run. Chains are those of its rows; ended prompts and tokens are those since it began.

    Attributes:
        steps: Prompts by the function that gets their answer, in the order in which the steps were first met.
        waits: What is waited for, in words.
    """

    chains: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    parked: int = 0
    queued: int = 0
    in_batches: int = 0
    answered: int = 0
    prompts_done: int = 0
    prompts_failed: int = 0
    running: int = 0
    closed: int = 0
    usage: Usage = NO_USAGE
    models: Models = Models()
    steps: tuple[tuple[str, StepCount], ...] = ()
    waits: tuple[str, ...] = ()


@dataclass(slots=True)
class Meter:
    """Reads snapshots from a store.

    Attributes:
        before: The counters when the run began.
        others: Chains in `before` that do not belong to this run, by state.
    """

    store: Store
    before: Counters = field(init=False)
    others: dict[ChainState, int] = field(init=False)
    chains: int = 0
    models: Models = field(default_factory=Models)
    order: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = self.store.counters()
        self.others = dict(self.before.chains)

    def set_chains(self, known: dict[ChainState, int], chains: int) -> None:
        """Set which earlier chains belong to the run, and how many chains it has in all.

        Args:
            known: Chains of the run that existed before it began, by state.
            chains: All chains of the run.
        """
        self.others = {state: n - known.get(state, 0) for state, n in self.before.chains.items()}
        self.chains = chains

    def serve(self, store: Store, known: Counters) -> None:
        """Read from a view of more owners from now on.

        Args:
            store: The view.
            known: The counters of the owners that it shows beside the ones before.
        """
        self.store = store
        self.before = self.before.plus(known)

    def read(self, batches: int = NEWEST) -> Snapshot:
        """Read a snapshot from the store, with a few small queries.

        Args:
            batches: How many batches to read for the models in use, the newest first.
        """
        counters = self.store.counters()
        self.models = self.models.plus(self._models_in_use(batches))
        return Snapshot(
            chains=self.chains,
            done=self._own_chains(counters, ChainState.DONE),
            failed=self._own_chains(counters, ChainState.FAILED),
            cancelled=self._own_chains(counters, ChainState.CANCELLED),
            parked=counters.prompts.get(PromptState.PARKED, 0),
            queued=counters.prompts.get(PromptState.QUEUED, 0),
            in_batches=counters.prompts.get(PromptState.CLAIMED, 0),
            answered=counters.prompts.get(PromptState.ANSWERED, 0),
            prompts_done=_increase(counters.prompts, self.before.prompts, PromptState.DONE),
            prompts_failed=_increase(counters.prompts, self.before.prompts, PromptState.FAILED),
            running=sum(counters.batches.get(state, 0) for state in OPEN_BATCH),
            closed=_increase(counters.batches, self.before.batches, BatchState.CLOSED),
            usage=counters.usage.minus(self.before.usage),
            models=self.models,
            steps=self._steps(counters),
            waits=tuple(waits_for(self.store)),
        )

    def _steps(self, counters: Counters) -> tuple[tuple[str, StepCount], ...]:
        """The steps in which something is open, or has happened since the beginning."""
        before = self.before.steps
        moved = {
            name: step
            for name, step in counters.steps.items()
            if step != before.get(name) or step.ended < step.created
        }
        self.order |= dict.fromkeys(sorted(moved.keys() - self.order.keys()))
        return tuple((name, moved[name]) for name in self.order if name in moved)

    def _own_chains(self, counters: Counters, state: ChainState) -> int:
        return max(0, counters.chains.get(state, 0) - self.others.get(state, 0))

    def _models_in_use(self, batches: int) -> Iterator[tuple[str, str]]:
        for queue in self.store.queues():
            _, provider, model = queue_names(queue.queue)
            yield provider, model
        for batch in self.store.list_batches(limit=batches):
            yield batch.provider, batch.model


def _increase(now: Mapping[State, int], before: Mapping[State, int], key: State) -> int:
    return max(0, now.get(key, 0) - before.get(key, 0))
