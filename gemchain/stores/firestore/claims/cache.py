"""What this process has claimed and need not read again, which halves the reads where it also dispatches.

A claim reads every prompt whole and learns from the service under which version each is stored then; of
prompts that it created as a batch's own, a process knows as much. So the documents are known as they stand,
until a process moves them. Whether one did is asked for a whole batch at once: the moves that a CLAIMED
prompt can make lead out of its batch's CLAIMED members for good, so while the service counts as many of those
as this process left there, all of them are as it left them. A count costs one read for a thousand. Where the
numbers differ, everything is read as usual.

Nothing rests on it but the price: every move carries the precondition that the prompt is as it was read, so
one that slipped by conflicts like any that was moved after it was read. Memory is bounded, and what does not
fit is read again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from gemchain.records import Move
from gemchain.records.states import PromptState
from gemchain.stores.firestore.client.connection import record_id
from gemchain.stores.firestore.client.messages import Message

__all__ = ["ClaimCache", "without_request"]

HELD_BYTES = 32 << 20
"""Documents kept, in bytes as they travel."""

COUNTED = 1_000
"""Index entries that one read counts: https://docs.cloud.google.com/firestore/docs/query-data/aggregation-queries"""


@dataclass(slots=True)
class _Batch:
    """What this process claimed for one batch, or created as its own.

    Attributes:
        left: Prompts that it has not moved since, kept or not.
    """

    left: int = 0
    size: int = 0
    kept: dict[str, Message] = field(default_factory=dict)


class ClaimCache:
    """The documents, batch by batch.

    Args:
        count: How many prompts a batch holds as CLAIMED, by the service.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._batches: OrderedDict[str, _Batch] = OrderedDict()
        self._batch_of: dict[str, str] = {}
        self._size = 0

    def add(self, batch_id: str, number: int, documents: Iterable[Message]) -> None:
        """Remember how many prompts were claimed, and their documents as they are stored now."""
        with self._lock:
            batch = self._batches.setdefault(batch_id, _Batch())
            batch.left += number
            for document in documents:
                self._keep(batch_id, batch, document)
            while self._size > HELD_BYTES:
                self._drop(next(iter(self._batches)))

    def note_new_members(self, writes: Sequence[Message], results: Sequence[Message]) -> None:
        """Remember the prompts that a commit created as members of a batch.

        Args:
            writes: What was committed.
            results: What the service said of each of them.
        """
        created: dict[str, list[Message]] = {}
        for write, result in zip(writes, results, strict=False):
            document = write.update
            if _is_new_member(write):
                document.create_time.CopyFrom(result.update_time)
                batch_id = document.fields["batch_id"].string_value
                created.setdefault(batch_id, []).append(without_request(document, result.update_time))
        for batch_id, documents in created.items():
            self.add(batch_id, len(documents), documents)

    def _keep(self, batch_id: str, batch: _Batch, document: Message) -> None:
        name = record_id(document)
        batch.kept[name] = document
        batch.size += document.ByteSize()
        self._size += document.ByteSize()
        self._batch_of[name] = batch_id

    def _drop(self, batch_id: str) -> None:
        batch = self._batches.pop(batch_id, None)
        if batch is not None:
            self._size -= batch.size
            for name in batch.kept:
                self._unlink(name, batch_id)

    def _unlink(self, name: str, batch_id: str) -> None:
        """Forget where a prompt is kept; one that another batch holds by now stays linked to that."""
        if self._batch_of.get(name) == batch_id:
            del self._batch_of[name]

    def known(self, ids: Collection[str]) -> list[Message]:
        """The documents of prompts that are certain to stand as they were left; others must be read."""
        with self._lock:
            wanted: dict[str, list[str]] = {}
            for each in ids:
                if each in self._batch_of:
                    wanted.setdefault(self._batch_of[each], []).append(each)
            left = {each: self._batches[each].left for each in wanted}
        found: list[Message] = []
        for batch_id, names in wanted.items():
            # A count reads something as well; and while it is under way, another thread may move some.
            if len(names) > -(-left[batch_id] // COUNTED):
                found += self._confirmed(batch_id, names, self._count(batch_id))
        return found

    def _confirmed(self, batch_id: str, names: Collection[str], counted: int) -> list[Message]:
        with self._lock:
            batch = self._batches.get(batch_id)
            if batch is None:
                return []
            if batch.left != counted:
                self._drop(batch_id)
                return []
            return [batch.kept[each] for each in names if each in batch.kept]

    def moving(self, moves: Iterable[Move]) -> None:
        """Forget prompts that this process is about to move."""
        with self._lock:
            for prompt, _ in moves:
                if prompt.progress.state is PromptState.CLAIMED and prompt.progress.batch_id is not None:
                    self._forget(prompt.progress.batch_id, prompt.id)

    def staying(self, moves: Iterable[Move]) -> None:
        """Count again prompts that were not moved after all; a process that needs them reads them."""
        for prompt, _ in moves:
            if prompt.progress.state is PromptState.CLAIMED and prompt.progress.batch_id is not None:
                self.add(prompt.progress.batch_id, 1, ())

    def _forget(self, batch_id: str, prompt_id: str) -> None:
        batch = self._batches.get(batch_id)
        if batch is None:
            return
        batch.left -= 1
        document = batch.kept.pop(prompt_id, None)
        if document is not None:
            self._unlink(prompt_id, batch_id)
            batch.size -= document.ByteSize()
            self._size -= document.ByteSize()
        if batch.left <= 0:
            self._drop(batch_id)


def without_request(document: Message, at: Message) -> Message:
    """A document as it stands since `at`; the message itself is changed, and its request left out."""
    document.fields.pop("request", None)
    if document.fields["spilled"].HasField("map_value"):
        document.fields["spilled"].map_value.fields.pop("request", None)
    else:
        document.fields.pop("spilled")
    document.update_time.CopyFrom(at)
    return document


def _is_new_member(write: Message) -> bool:
    """Whether a write creates a prompt that a batch holds."""
    created = write.current_document.WhichOneof("condition_type") == "exists"
    fields = write.update.fields
    return created and "member" in fields and fields["state"].string_value == PromptState.CLAIMED
