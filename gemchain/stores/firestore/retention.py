"""Retention: documents of chains and batches that ended long ago are deleted, and their long texts with them.

The service's own TTL removes one document at a time and knows nothing of what belongs together; see `keep`
of `FirestoreStore` for what is left to it. Here a chain is read with its prompts, and deleted on condition
that its document is as it was read: a retry that comes in between changes that document, and the
chain stays.

Crash story. A chain's prompts are deleted in groups, its document with the last of them, so whoever dies
in between left a chain that the next run finds by its state. The names of the long texts that a group had
are kept in the chain's document (`leftover`) by the commit that deletes the group, until they are deleted
too. Two at once: one deletes, the other's condition fails, and it goes on to the next chain.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from gemchain.records import Batch, Forgotten
from gemchain.states import OPEN_BATCH, UNFINISHED_PROMPT, BatchState, ChainState
from gemchain.stores.firestore.connection import PAUSES, Connection, record_id
from gemchain.stores.firestore.documents import batch_record
from gemchain.stores.firestore.errors import FAILURES, PRECONDITIONS, TRANSIENT, translated
from gemchain.stores.firestore.messages import Message, Write
from gemchain.stores.firestore.query import NAME, Query
from gemchain.stores.firestore.reading import Reader
from gemchain.stores.firestore.spill import Spill
from gemchain.stores.firestore.values import fields_of, fill

__all__ = ["Retention"]

GROUP = 1_000
"""Prompts that one commit deletes."""

PAGE = 200

_CHAIN = ("state", "ended_at", "key", "args", "spilled", "leftover", "pruned")
_PROMPT = ("state", "batch_id", "unsettled", "spilled")
_STATES = (ChainState.DONE, ChainState.FAILED, ChainState.CANCELLED)


class Retention:
    """What `FirestoreStore` does for `gemchain gc`."""

    _connection: Connection
    _reader: Reader
    _spill: Spill

    def forget_chains(
        self, before: datetime, *, keys: bool = False, dry_run: bool = False
    ) -> Iterator[Forgotten]:
        """Remove chains that ended before a time; see `Store.forget_chains`."""
        for state in _STATES:
            query = Query([("state", "==", str(state))], fields=_CHAIN)
            for page in self._connection.pages("chains", query, PAGE):
                for chain in (_Ended(document, keys=keys) for document in page):
                    if chain.ended_before(before) and self._may_go(chain):
                        yield chain.told() if dry_run else self._forget(chain)

    def _may_go(self, chain: "_Ended") -> bool:
        """Whether nothing in the chain is open, and nobody waits for it; its prompts are read."""
        awaiting = Query([("awaits", "==", chain.id)], fields=[NAME], limit=1)
        if self._connection.find("prompts", awaiting):
            return False
        query = Query([("chain_id", "==", chain.id)], fields=_PROMPT)
        chain.prompts = [each for page in self._connection.pages("prompts", query, GROUP) for each in page]
        contents = [fields_of(each) for each in chain.prompts]
        if any(each["state"] in UNFINISHED_PROMPT or "unsettled" in each for each in contents):
            return False
        holders = self._reader.by_id(
            "batches", {each["batch_id"] for each in contents if "batch_id" in each}, batch_record
        )
        return not any(each.state in OPEN_BATCH for each in holders.values())

    def _forget(self, chain: "_Ended") -> Forgotten:
        """Delete a chain group by group; nothing more of it once somebody else has touched it."""
        gone = 0
        while chain.prompts:
            group, chain.prompts = chain.prompts[:GROUP], chain.prompts[GROUP:]
            texts = chain.texts_of(group)
            at_once = not (chain.prompts or texts or chain.own_texts())
            if not self._sent(chain, [*map(_deleted, group), chain.end() if at_once else chain.note(texts)]):
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
        if texts and not self._sent(chain, [chain.note(texts)]):
            return Forgotten(prompts=gone)
        self._remove(texts)
        return chain.told(gone) if self._sent(chain, [chain.end()]) else Forgotten(prompts=gone)

    def _sent(self, chain: "_Ended", writes: Sequence[Message]) -> bool:
        """Commit, the chain's write last; whether nobody had touched the chain."""
        for pause in (*PAUSES, None):
            try:
                reply = self._connection.commit(writes)
            except PRECONDITIONS:
                return False
            except FAILURES as error:
                self._rest(error, pause)
            else:
                chain.changed_at.CopyFrom(reply.write_results[-1].update_time)
                return True
        raise AssertionError("the last pause is None, which raises")

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
        for start in range(0, len(parts), GROUP):
            self._delete(parts[start : start + GROUP])
        self._delete(found)
        self._remove([text for each in found for text in fields_of(each).get("spilled", {}).values()])

    def _delete(self, documents: Sequence[Message]) -> None:
        """Delete what somebody else may have deleted before."""
        for pause in (*PAUSES, None):
            try:
                self._connection.commit([_deleted(each) for each in documents])
            except FAILURES as error:
                self._rest(error, pause)
            else:
                return

    def _rest(self, error: Exception, pause: float | None) -> None:
        """Before the next try.

        Raises:
            StoreError: There is none.
        """
        if pause is None or not isinstance(error, TRANSIENT):
            raise translated(error, self._connection.place, "removing records") from error
        self._connection.sleep(pause)

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
        self.leftover: list[str] = self._content.get("leftover", [])
        self._keeps = "key" in self._content and not keys

    def ended_before(self, before: datetime) -> bool:
        """Whether its time has come, and something of it is left to remove."""
        ended_at = self._content.get("ended_at")
        over = self._keeps and "pruned" in self._content and not self.leftover
        return ended_at is not None and ended_at < before and not over

    def texts_of(self, group: Sequence[Message]) -> list[str]:
        """The long texts of prompts, and what an earlier run left."""
        contents = [fields_of(each) for each in group]
        return [*self.leftover, *(text for each in contents for text in each.get("spilled", {}).values())]

    def own_texts(self) -> list[str]:
        """The long texts of the chain's document that do not stay."""
        spilled: dict[str, str] = self._content.get("spilled", {})
        return [text for name, text in spilled.items() if name == "args" or not self._keeps]

    def note(self, texts: Sequence[str]) -> Message:
        """The write that keeps the names of texts whose prompts are gone."""
        return self._update({"leftover": texts or None}, ("leftover",))

    def end(self) -> Message:
        """The write that ends it: deleted, or left with key and result."""
        if self._keeps:
            content = {"pruned": True, "args": "{}"}
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

    def told(self, prompts: int | None = None) -> Forgotten:
        """What went, or would go."""
        count = len(self.prompts) if prompts is None else prompts
        return Forgotten(0 if self._keeps else 1, 1 if self._keeps else 0, count)


def _deleted(document: Message) -> Message:
    return Write(delete=document.name)
