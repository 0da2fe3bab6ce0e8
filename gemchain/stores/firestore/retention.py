"""Retention: documents of chains and batches that ended long ago are deleted, and their long texts with them.

The service's own TTL removes one document at a time and knows nothing of what belongs together; see `keep`
of `FirestoreStore` for what is left to it. Here a chain is read with its prompts, and deleted on condition
that its document is as it was read: a retry that comes in between changes that document, and the
chain stays.

Crash story. A chain's prompts are deleted in groups, its document with the last of them, so a process that
dies in between left a chain that the next run finds by its state. The names of the long texts that a group
had are kept in the chain's document (`leftover`) by the commit that deletes the group, until they are deleted
too. Two at once: one deletes, the other's condition fails, and it goes on to the next chain.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from gemchain.base.chunks import chunked
from gemchain.records import Batch, Forgotten
from gemchain.records.arguments import NOTHING, pruned
from gemchain.records.states import OPEN_BATCH, BatchState, ChainState, PromptState
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.client.values import fields_of, fill
from gemchain.stores.firestore.commits.overflow import OverflowWrites
from gemchain.stores.firestore.documents.documents import batch_record
from gemchain.stores.firestore.documents.spill import Spill
from gemchain.stores.firestore.reads.reading import Reader

__all__ = ["Retention"]

GROUP = 1_000
"""Prompts that one commit deletes."""

PAGE = 200

PARALLEL = 8
"""Chains that are looked at at once: each look takes the service some hundredths of a second."""

_CHAIN = ("state", "ended_at", "key", "args", "spilled", "leftover", "pruned")
_PROMPT = ("state", "batch_id", "unsettled", "spilled")
_OVER = {PromptState.DONE, PromptState.FAILED, PromptState.CANCELLED}
_STATES = (ChainState.DONE, ChainState.FAILED, ChainState.CANCELLED)


class Retention:
    """What `FirestoreStore` does for `gemchain gc`."""

    _overflow: OverflowWrites
    _connection: Connection
    _reader: Reader
    _spill: Spill

    def forget_chains(
        self, before: datetime, *, keys: bool = False, dry_run: bool = False
    ) -> Iterator[Forgotten]:
        """Remove chains that ended before a time; see `Store.forget_chains`."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            for page in self._pages():
                ended = (_Ended(document, keys=keys) for document in page)
                growing = self._overflow.scopes()
                over = [each for each in ended if each.ended_before(before) and each.id not in growing]
                ripe = [each for each, may in zip(over, pool.map(self._may_go, over), strict=True) if may]
                for group in _groups(ripe):
                    yield _sum(each.told() for each in group) if dry_run else self._forget_all(group)

    def _pages(self) -> Iterator[list[Message]]:
        for state in _STATES:
            query = Query([("state", "==", str(state))], fields=_CHAIN)
            yield from self._connection.pages("chains", query, PAGE)

    def _may_go(self, chain: "_Ended") -> bool:
        """Whether nothing in the chain is open, and no other chain waits for it; its prompts are read."""
        awaiting = Query([("awaits", "==", chain.id)], fields=[NAME], limit=1)
        if self._connection.find("prompts", awaiting):
            return False
        query = Query([("chain_id", "==", chain.id)], fields=_PROMPT)
        chain.prompts = [each for page in self._connection.pages("prompts", query, GROUP) for each in page]
        contents = [fields_of(each) for each in chain.prompts]
        if any(str(each.get("state")) not in _OVER or "unsettled" in each for each in contents):
            return False
        held = {each["batch_id"] for each in contents if isinstance(each.get("batch_id"), str)}
        holders = self._reader.by_id("batches", held, batch_record)
        return not any(each.state in OPEN_BATCH for each in holders.values())

    def _forget_all(self, chains: "Sequence[_Ended]") -> Forgotten:
        """Delete chains in one commit; each in commits of its own, if one was changed."""
        if len(chains) == 1:
            return self._forget(chains[0])
        prompts = [each for chain in chains for each in chain.prompts]
        if self._sent([*map(_deleted, prompts), *(chain.end() for chain in chains)]) is not None:
            return _sum(chain.told() for chain in chains)
        return _sum(map(self._forget, chains))

    def _forget(self, chain: "_Ended") -> Forgotten:
        """Delete a chain group by group; nothing more of it once another process has changed it."""
        gone = 0
        while chain.prompts:
            group, chain.prompts = chain.prompts[:GROUP], chain.prompts[GROUP:]
            texts = chain.texts_of(group)
            at_once = not (chain.prompts or texts or chain.own_texts())
            write = chain.end() if at_once else chain.note(texts)
            if not self._sent_of(chain, [*map(_deleted, group), write]):
                return Forgotten(prompts=gone)
            self._remove(texts)
            chain.leftover = []
            gone += len(group)
            if at_once:
                return chain.told(gone)
        return self._end(chain, gone)

    def _end(self, chain: "_Ended", gone: int) -> Forgotten:
        """The chain's own document, when the prompts are gone."""
        texts = [*chain.leftover, *chain.own_texts()]
        chain.read_arguments(self._spill)
        if texts and not self._sent_of(chain, [chain.note(texts)]):
            return Forgotten(prompts=gone)
        self._remove(texts)
        return chain.told(gone) if self._sent_of(chain, [chain.end()]) else Forgotten(prompts=gone)

    def _sent_of(self, chain: "_Ended", writes: Sequence[Message]) -> bool:
        """Commit, the chain's own write last; whether the chain was unchanged."""
        changed_at = self._sent(writes)
        if changed_at is None:
            return False
        chain.changed_at = changed_at
        return True

    def _sent(self, writes: Sequence[Message]) -> Message | None:
        """Commit; the time of the last write, or None if one of the chains was changed.

        What a call did whose reply was lost is not counted.

        Raises:
            StoreError: The service failed.
        """
        reply = self._connection.commit_surely(writes, "removing records")
        return None if reply is None else reply.write_results[-1].update_time

    def _remove(self, texts: Sequence[str]) -> None:
        if texts:
            self._spill.remove(texts)

    def unused_batches(self, before: datetime) -> Iterator[Batch]:
        """Batches that ended before a time and that no prompt names; see `Store.unused_batches`."""
        for state in (BatchState.CLOSED, BatchState.FAILED):
            where = [("shelf", ">", f"{state} "), ("shelf", "<", f"{state}!")]
            after: tuple[str, ...] = ()
            while page := self._connection.find(
                "batches", Query(where, "shelf", fields=("shelf",), limit=PAGE, after=after)
            ):
                after = (page[-1].fields["shelf"].string_value, page[-1].name)
                found = self._reader.by_id("batches", [record_id(each) for each in page], batch_record)
                for batch in found.values():
                    if batch.closed_at is not None and batch.closed_at < before and self._is_unused(batch):
                        yield batch

    def _is_unused(self, batch: Batch) -> bool:
        where = [("member", ">", f"{batch.id} "), ("member", "<", f"{batch.id}!")]
        return not self._connection.find("prompts", Query(where, "member", fields=("member",), limit=1))

    def forget_batch(self, batch: Batch) -> None:
        """Delete a batch with its parts, the batch last; see `Store.forget_batch`."""
        if batch.state in OPEN_BATCH or not self._is_unused(batch):
            return
        query = Query([("batch_id", "==", batch.id)], fields=[NAME])
        parts = [each for page in self._connection.pages("parts", query, GROUP) for each in page]
        found = [each for _, each in self._connection.get("batches", [batch.id], ["spilled"])]
        for group in chunked([*parts, *found], GROUP):
            self._sent([_deleted(each) for each in group])
        self._remove([text for each in found for text in _spilled(fields_of(each)).values()])

    def space(self) -> None:
        """Firestore does not tell its size."""

    def compact(self) -> None:
        """Nothing: the service keeps no free space."""


class _Ended:
    """A chain's document on its way out.

    Attributes:
        prompts: The documents of its prompts, those that are still there.
        leftover: Long texts of prompts that an earlier run deleted.
        changed_at: When the document last changed; whatever is written presupposes it.
    """

    def __init__(self, document: Message, *, keys: bool) -> None:
        self.id = record_id(document)
        self.name = document.name
        self.prompts: list[Message] = []
        self.changed_at = document.update_time
        self._content = fields_of(document)
        self.leftover = _names(self._content.get("leftover"))
        self._keeps = "key" in self._content and not keys
        self._arguments = self._content.get("args")

    def ended_before(self, before: datetime) -> bool:
        """Whether its time has come, and something of it is left to remove."""
        ended_at = self._content.get("ended_at")
        if not isinstance(ended_at, datetime):
            return False  # it runs, or makes no sense
        over = self._keeps and "pruned" in self._content and not self.leftover
        return ended_at < before and not over

    def texts_of(self, group: Sequence[Message]) -> list[str]:
        """The long texts of prompts, and what an earlier run left."""
        contents = [fields_of(each) for each in group]
        return [*self.leftover, *(text for each in contents for text in _spilled(each).values())]

    def own_texts(self) -> list[str]:
        """The long texts of the chain's document that do not stay."""
        return [text for name, text in _spilled(self._content).items() if name == "args" or not self._keeps]

    def read_arguments(self, spill: Spill) -> None:
        """Read the arguments of a chain that stays, if they are one of its long texts."""
        at = _spilled(self._content).get("args")
        if self._keeps and at is not None:
            content: dict[str, Any] = {"spilled": {"args": at}}
            spill.back([content])
            self._arguments = content["args"]

    def _kept_arguments(self) -> str:
        return pruned(self.id, self._arguments) if isinstance(self._arguments, str) else NOTHING

    def note(self, texts: Sequence[str]) -> Message:
        """The write that keeps the names of texts whose prompts are gone.

        Where the arguments are among the texts, their fingerprint is kept by the same write.
        """
        if self._keeps and any(each in texts for each in self.own_texts()):
            content: dict[str, object] = {"leftover": texts or None, "args": self._kept_arguments()}
            return self._update(content, ("leftover", "args", "spilled.args"))
        return self._update({"leftover": texts or None}, ("leftover",))

    def end(self) -> Message:
        """The write that ends it: deleted, or left with key and result."""
        if self._keeps:
            content = {"pruned": True, "args": self._kept_arguments()}
            return self._update(content, ("pruned", "args", "spilled.args", "leftover"))
        write = Write(delete=self.name)
        write.current_document.update_time.CopyFrom(self.changed_at)
        return write

    def _update(self, content: dict[str, object], mask: Sequence[str]) -> Message:
        write = Write()
        write.update.name = self.name
        fill(write.update.fields, content)
        write.update_mask.field_paths.extend(mask)
        write.current_document.update_time.CopyFrom(self.changed_at)
        return write

    def is_small(self) -> bool:
        """Whether one commit with others removes it, and nothing is left to do."""
        return len(self.prompts) < GROUP and not self.own_texts() and not self.texts_of(self.prompts)

    def told(self, prompts: int | None = None) -> Forgotten:
        """What went, or would go."""
        count = len(self.prompts) if prompts is None else prompts
        return Forgotten(0 if self._keeps else 1, 1 if self._keeps else 0, count)


def _spilled(content: dict[str, Any]) -> dict[str, str]:
    """The names of a document's long texts, which anybody may have written; `Spill` removes only its own."""
    found = content.get("spilled")
    return {name: at for name, at in found.items() if isinstance(at, str)} if isinstance(found, dict) else {}


def _names(found: Any) -> list[str]:
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _deleted(document: Message) -> Message:
    return Write(delete=document.name)


def _groups(chains: "Sequence[_Ended]") -> "Iterator[list[_Ended]]":
    """Chains that one commit removes together."""
    group: list[_Ended] = []
    size = 0
    for chain in chains:
        writes = len(chain.prompts) + 1
        if group and (size + writes > GROUP or not chain.is_small() or not group[-1].is_small()):
            yield group
            group, size = [], 0
        group.append(chain)
        size += writes
    if group:
        yield group


def _sum(removed: Iterable[Forgotten]) -> Forgotten:
    return Forgotten(*map(sum, zip(Forgotten(), *removed, strict=True)))
