"""How many records are in each state: numbers kept by the same commits that move the records.

Each commit of prompts adds what it changes to one small document, as increments: no reading, and
exact, since the increments happen when the moves do. To count on an index instead would cost a read for
every thousand records that ever ended, at every look. There are a few such documents, so that
several processes do not wait for each other; their sum is the number. What retention removes stays counted.

The numbers are kept for each owner, in documents of its own: `RUN-02` has those of a run, `02` those of work
that has no owner.
"""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from math import isfinite
from typing import Any

from gemchain.records import NO_USAGE, Counters, Prompt, StepCount, Unit, Usage, queue_owner, step_name
from gemchain.records.states import ENDED_PROMPT, OPEN_BATCH, BatchState, ChainState, PromptState
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.messages import FieldTransform, Message, Write
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.client.values import fields_of, put, quoted

__all__ = ["CounterShards", "Deltas"]

KIND = "tallies"
SHARDS = 4
QUEUED = PromptState.QUEUED


class Deltas:
    """What one commit changes.

    Attributes:
        counts: Numbers by owner, group and name.
        usage: What was spent, by owner.
        newest: When a queue was last added to from outside.
        joined: Queues that prompts came into.
        left: Queues that prompts went out of.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.usage: defaultdict[str, Usage] = defaultdict(lambda: NO_USAGE)
        self.newest: dict[str, int] = {}
        self.joined: set[str] = set()
        self.left: set[str] = set()

    def add(self, unit: Unit, now: int) -> None:
        """Count a unit that is committed at `now`, in microseconds."""
        if unit.chain is not None:
            self.counts[unit.chain.owner, "chains", unit.chain.state] += 1
        for draft in unit.drafts:
            prompt = draft.prompt
            self._enter(prompt.queue, prompt.progress.state, prompt.size)
            self._note(prompt, prompt.progress.state, now)
            self._spend(prompt.owner, NO_USAGE, prompt.progress.usage)
            self._step(prompt, "created", 1)
            self._step(prompt, "ended", prompt.progress.state in ENDED_PROMPT)
        for prompt, after in unit.moves:
            self._leave(prompt.queue, prompt.progress.state, prompt.size)
            self._enter(prompt.queue, after.state, prompt.size)
            self._note(prompt, after.state, now)
            self._spend(prompt.owner, prompt.progress.usage, after.usage)
            ended = (after.state in ENDED_PROMPT) - (prompt.progress.state in ENDED_PROMPT)
            self._step(prompt, "ended", ended)
        if unit.ending is not None:
            self.counts[unit.ending.owner, "chains", unit.ending.before] -= 1
            self.counts[unit.ending.owner, "chains", unit.ending.after] += 1

    def claim(self, queue: str, sizes: Iterable[int]) -> None:
        """Count prompts that move from QUEUED to CLAIMED."""
        for size in sizes:
            self._leave(queue, QUEUED, size)
            self._enter(queue, PromptState.CLAIMED, size)

    def end_batch(self, owner: str, before: BatchState, after: BatchState) -> None:
        """Count a batch that ends; open ones are few, and counted where they stand."""
        if before in OPEN_BATCH and after not in OPEN_BATCH:
            self.counts[owner, "batches", after] += 1

    def _note(self, prompt: Prompt, state: PromptState, now: int) -> None:
        """Only a submit from outside asks for a grace: what callbacks add is known from what is in flight."""
        if state is QUEUED and prompt.parent_id is None:
            self.newest[prompt.queue] = now

    def _enter(self, queue: str, state: PromptState, size: int) -> None:
        owner = queue_owner(queue)
        self.counts[owner, "prompts", state] += 1
        if state is QUEUED:
            self.counts[owner, "bytes", queue] += size
            self.joined.add(queue)

    def _leave(self, queue: str, state: PromptState, size: int) -> None:
        owner = queue_owner(queue)
        self.counts[owner, "prompts", state] -= 1
        if state is QUEUED:
            self.counts[owner, "bytes", queue] -= size
            self.left.add(queue)

    def _step(self, prompt: Prompt, what: str, number: int) -> None:
        if number and (step := step_name(prompt)):
            self.counts[prompt.owner, what, step] += number

    def _spend(self, owner: str, before: Usage, after: Usage) -> None:
        if before != after:
            self.usage[owner] = self.usage[owner].plus(after).minus(before)

    def transforms(self) -> dict[str, list[Message]]:
        """The increments, by owner; none when nothing changes."""
        changes: defaultdict[str, list[Message]] = defaultdict(list)
        for (owner, group, name), number in self.counts.items():
            if number:
                changes[owner].append(_increment(group, name, number))
        for owner, usage in self.usage.items():
            changes[owner] += [
                _increment("usage", name, value) for name, value in usage._asdict().items() if value
            ]
        for queue, at in self.newest.items():
            newest = FieldTransform(field_path=f"newest.{quoted(queue)}")
            put(newest.maximum, at)
            changes[queue_owner(queue)].append(newest)
        return {owner: each for owner, each in changes.items() if each}


def _increment(group: str, name: str, number: float) -> Message:
    change = FieldTransform(field_path=f"{group}.{quoted(name)}")
    put(change.increment, number)
    return change


class CounterShards:
    """The documents that hold the numbers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.elsewhere()

    def elsewhere(self) -> None:
        """Write into another document from now on, since another process writes into this one."""
        with self._lock:
            self._shard = f"{random.randrange(SHARDS):02d}"

    def writes(self, deltas: Deltas) -> list[Message]:
        """What a commit must add to keep the counters right."""
        writes = []
        for owner, changes in deltas.transforms().items():
            write = Write(update_transforms=changes)
            write.update.name = self._connection.name(KIND, _document_id(owner, self._shard))
            write.update_mask.SetInParent()
            writes.append(write)
        return writes

    def _documents(self, owners: Collection[str] | None) -> Iterable[Message]:
        if owners is None:
            return self._connection.find(KIND, Query())
        ids = [_document_id(owner, f"{shard:02d}") for owner in owners for shard in range(SHARDS)]
        return [document for _, document in self._connection.get(KIND, ids)]

    def owners(self) -> set[str]:
        """Everyone whose work was ever counted."""
        found = self._connection.find(KIND, Query(fields=[NAME]))
        return {record_id(each).rpartition("-")[0] for each in found}

    def read(self, owners: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """The numbers of these owners, or of all, by group and name."""
        total: dict[str, Counter[str]] = {}
        newest: dict[str, int] = {}
        for document in self._documents(owners):
            for group, found in fields_of(document).items():
                numbers = _numbers(found)
                if group == "newest":
                    newest = {q: max(at, newest.get(q, 0)) for q, at in numbers.items()} | {
                        q: at for q, at in newest.items() if q not in numbers
                    }
                else:
                    total.setdefault(group, Counter()).update(numbers)
        return {**total, "newest": newest}

    def counters(self, owners: Collection[str] | None = None) -> Counters:
        """The sum of the documents of these owners, or of all, and their open batches."""
        query = Query([("open", "==", True)], fields=["state", "owner"])
        batches_now = map(fields_of, self._connection.find("batches", query))
        open_batches = Counter(
            each.get("state") for each in batches_now if owners is None or each.get("owner", "") in owners
        )
        found = self.read(owners)
        prompts, chains, batches = (found.get(each, {}) for each in ("prompts", "chains", "batches"))
        return Counters(
            prompts={state: prompts[state] for state in PromptState if prompts.get(state)},
            chains={state: chains[state] for state in ChainState if chains.get(state)},
            batches={
                state: number
                for state in BatchState
                if (number := open_batches[state] if state in OPEN_BATCH else batches.get(state))
            },
            usage=Usage(**{name: found["usage"][name] for name in Usage._fields if name in found["usage"]})
            if "usage" in found
            else NO_USAGE,
            steps={
                name: StepCount(number, found.get("ended", {}).get(name, 0))
                for name, number in found.get("created", {}).items()
            },
        )


def _document_id(owner: str, shard: str) -> str:
    return f"{owner}-{shard}" if owner else shard


def _numbers(found: Any) -> dict[str, Any]:
    """The numbers of a group, without what gemchain cannot have counted."""
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: each for name, each in pairs if type(each) in (int, float) and isfinite(each)}
