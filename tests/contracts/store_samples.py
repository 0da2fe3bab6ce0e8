"""Records for the store's contract suite, and the few moves that most of its tests start from."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from gemchain.ports import Store
from gemchain.records import (
    AnswerRef,
    Batch,
    Chain,
    ChainMove,
    Draft,
    InputRow,
    Move,
    OutputFile,
    Part,
    Progress,
    Prompt,
    Unit,
    Verdict,
)
from gemchain.records.states import BatchState, ChainState, PromptState
from gemchain.testing import VirtualClock

APPLIED, CONFLICT = Verdict.APPLIED, Verdict.CONFLICT
PROVIDER, MODEL = "simulated", "simulated/one"
QUEUE = f"batch/{PROVIDER}:{MODEL}"
OUTPUT = OutputFile("gs://bucket/out/predictions.jsonl", 1_720_000_000_000_001, 4_096)
ANSWER = AnswerRef(OUTPUT.uri, OUTPUT.generation, 128, 2_048)
SIZE = 100
ROOM = 1 << 30


def chain(name: str, at: datetime, **fields) -> Chain:
    return Chain(**{"id": name, "function": "articles:outline", "created_at": at} | fields)


def prompt(name: str, chain_id: str, at: datetime, **fields) -> Prompt:
    known = {"id": name, "chain_id": chain_id, "provider": PROVIDER, "model": MODEL, "size": SIZE}
    return Prompt(**known | {"created_at": at} | fields)


def request_of(name: str) -> str:
    return f'{{"contents":"{name}"}}'


def draft(of: Prompt) -> Draft:
    return Draft(of, request_of(of.id))


class Samples:
    """A store with a virtual clock, and short ways to fill it. Names become ids as they are."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self.store = store
        self.clock = clock

    def start_unit(self, chain_id: str, *names: str, chain_fields=None, **fields) -> Unit:
        """Creates a chain with these prompts."""
        at = self.clock.now()
        drafts = tuple(draft(prompt(each, chain_id, at, **fields)) for each in names)
        return Unit(f"start {chain_id}", chain(chain_id, at, **(chain_fields or {})), drafts)

    def start(self, chain_id: str, *names: str, **fields) -> list[Prompt]:
        """A committed chain; its prompts as they are stored."""
        assert self.store.commit([self.start_unit(chain_id, *names, **fields)]) == [APPLIED]
        return self.read(*names)

    def queue(self, *names: str, **fields) -> list[Prompt]:
        """One chain for each prompt, called `c-` and the prompt's name."""
        units = [self.start_unit(f"c-{each}", each, **fields) for each in names]
        assert self.store.commit(units) == [APPLIED] * len(units)
        return self.read(*names)

    def plan(self, name: str = "b1", **fields) -> Batch:
        known = {"id": name, "provider": PROVIDER, "model": MODEL, "created_at": self.clock.now()}
        return self.store.plan(Batch(**known | fields))

    def claim(self, batch: Batch, limit: int = 10_000, max_bytes: int = ROOM) -> list[str]:
        """The ids that one claim took, in its order."""
        return [row.prompt_id for row in self.store.claim(batch, limit=limit, max_bytes=max_bytes)]

    def claimed(self, *names: str, batch: str = "b1", **fields) -> list[Prompt]:
        """Prompts that a batch of their own holds."""
        self.queue(*names, **fields)
        assert sorted(self.claim(self.plan(batch))) == sorted(names)
        return self.read(*names)

    def read(self, *names: str) -> list[Prompt]:
        found = self.store.prompts(names)
        return [found[each] for each in names]

    def state(self, name: str) -> PromptState:
        return self.read(name)[0].progress.state

    def after(self, before: Prompt, state: PromptState, **fields) -> Progress:
        if state in {PromptState.DONE, PromptState.ANSWERED}:
            fields = {"answer": ANSWER, "answered_at": self.clock.now()} | fields
        return replace(before.progress, state=state, **fields)

    def unit(self, before: Prompt, state: PromptState, *children: str, token: str | None = None, **fields):
        """Moves one prompt, and creates children of it."""
        at = self.clock.now()
        drafts = tuple(draft(prompt(each, before.chain_id, at, parent_id=before.id)) for each in children)
        move = Move(before, self.after(before, state, **fields))
        return Unit(token or f"{before.id} to {state} {before.version}", drafts=drafts, moves=(move,))

    def move(self, before: Prompt, state: PromptState, *children: str, **fields) -> Prompt:
        """Moves one prompt; returns it as it is stored then."""
        assert self.store.commit([self.unit(before, state, *children, **fields)]) == [APPLIED]
        return self.read(before.id)[0]

    def end(self, chain_id: str, after: ChainState = ChainState.DONE, **fields) -> ChainMove:
        return ChainMove(chain_id, ChainState.RUNNING, after, ended_at=self.clock.now(), **fields)

    def save(self, batch: Batch, *states: BatchState, **fields) -> Batch:
        """The batch after it was saved in each of these states."""
        for state in states:
            batch = self.store.save_batch(replace(batch, state=state, **fields))
        return batch

    def arrived(self, batch: Batch, parts: int, **fields) -> Batch:
        """The batch as ARRIVED with WAITING parts."""
        batch = self.save(batch, BatchState.WRITTEN, BatchState.SENT)
        new = [part(batch.id, index) for index in range(parts)]
        return self.store.save_batch(replace(batch, state=BatchState.ARRIVED, **fields), parts=new)


def part(batch_id: str, index: int) -> Part:
    return Part(
        id=f"{batch_id}-{index:05d}",
        batch_id=batch_id,
        index=index,
        file=OUTPUT,
        start=index * 1000,
        end=index * 1000 + 1000,
    )


def ids(records: Iterable[Prompt | Chain | Batch | Part | InputRow]) -> list[str]:
    return [getattr(each, "id", None) or each.prompt_id for each in records]


OpenStore = Callable[[], Store]
"""Opens a further handle on the same state. It can be pickled, so another process can call it too."""
