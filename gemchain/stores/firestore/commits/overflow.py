"""Overflow writes: a unit larger than one call is decided by one call and completed by others.

The creations that do not fit are written to blobs first, group by group, as the very calls that will make
them. One call then commits the unit: its moves, its chain, its first prompts (joins before all others, so
that no branch is without its join), and an *overflow* document that names the blobs. From here on the unit is
applied. Then every group is created by a call of its own, on condition that the overflow document still
exists; the last call deletes it. While it exists, the chain and the joins that it names count as open.
Prompts to be sent come last, so one of them ends after the overflow, and its end brings the next look at the
chain.

Crash story. A process that dies before the commit leaves blobs without a reference, and nothing else. A
process that dies after it leaves an overflow document, and a process that looks at the queues completes those
older than half a minute. A group that exists already, because its creator died or its reply was lost, is
passed over. Two processes that complete one overflow create each group once; one that was suspended finds no
document and creates nothing. If the chain was cancelled meanwhile, one of the new prompts is marked
`unsettled`, so that the sweep cancels them as well. The stored collection is called `births`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta

from gemchain.errors import DamagedError, StoreUnavailableError
from gemchain.records.codec import from_micros
from gemchain.records.damage import note_damage
from gemchain.records.states import ChainState, PromptState
from gemchain.stores.firestore.client.connection import Connection, record_id
from gemchain.stores.firestore.client.messages import CommitRequest, DecodeError, Message, Write
from gemchain.stores.firestore.client.query import NAME, Query
from gemchain.stores.firestore.client.values import fields_of, fill, version_of
from gemchain.stores.firestore.documents.spill import Spill

__all__ = ["OverflowWrites"]

KIND = "births"
GROUP = 1_000
"""Prompts that one call creates."""

GROUP_BYTES = 4 << 20
"""Bytes that one call creates: half of what it may, since entries of indexes count as well."""

PATIENCE = timedelta(seconds=30)
"""Age from which other processes complete an overflow."""


TRIES = 10
"""Times in a row that other processes may change what a call wants unchanged."""


class _GoneError(Exception):
    """Another process completed the overflow."""


class OverflowWrites:
    """Creates what does not fit into the call of its unit."""

    def __init__(self, connection: Connection, spill: Spill) -> None:
        self._connection = connection
        self._spill = spill

    def plan(self, token: str, creations: Sequence[Message], pending: dict[str, bytes]) -> list[Message]:
        """The creations in the unit's own call: the first ones, and the overflow document.

        Args:
            token: The unit's token.
            creations: The writes that create its prompts.
            pending: Takes the other groups, to be uploaded before.
        """
        overflow_id = _birth_id(token)
        first, *later = _groups(sorted(creations, key=_order))
        if not later:
            return first
        for write in (write for group in later for write in group):
            # Only what is created together with its chain knows the chain's version by its own time.
            write.update.fields.pop("first", None)
        scopes = {scope: None for group in later for write in group for scope in _scopes(write)}
        groups = [
            self._spill.put_whole(f"{overflow_id}-{number:05d}", _call(group), pending)
            for number, group in enumerate(later)
        ]
        overflow = Write()
        overflow.update.name = self._connection.name(KIND, overflow_id)
        overflow.current_document.exists = False
        fill(overflow.update.fields, {"scopes": list(scopes), "groups": groups})
        return [*first, overflow]

    def holds(self, scope: str) -> bool:
        """Whether prompts of a chain or join have still to be created; ask before looking at the others."""
        return scope in self.scopes()

    def scopes(self) -> set[str]:
        """The chains and joins of which prompts have still to be created."""
        found = self._connection.find(KIND, Query(fields=["scopes"]))
        return {scope for each in found for scope in _texts(each, "scopes")}

    def finish_left(self) -> None:
        """Finish what others should have finished by now.

        Raises:
            StoreError: The service failed; try again.
        """
        for document in self._connection.find(KIND, Query(fields=[NAME])):
            begun_at = from_micros(version_of(document.create_time))
            if begun_at is not None and self._connection.now() - begun_at >= PATIENCE:
                try:
                    self._finish(document.name)
                except DamagedError as error:
                    note_damage("birth", record_id(document), error)

    def finish(self, token: str) -> None:
        """Create what is left of a unit that was applied; nothing is when nothing is left.

        Raises:
            StoreError: The service failed; what is left will be created all the same.
        """
        self._finish(self._connection.name(KIND, _birth_id(token)))

    def _finish(self, name: str) -> None:
        document = next(iter(self._connection.get_named([name])), None)
        if document is None:
            return
        groups = _texts(document, "groups")
        try:
            for at in groups[:-1]:
                self._create(name, self._read(at))
            self._complete(name, self._read(groups[-1]) if groups else [])
        except _GoneError:
            return
        self._spill.remove(groups)

    def _read(self, at: str) -> list[Message]:
        """The calls in a blob, which create prompts and do nothing else.

        Raises:
            DamagedError: They do not.
        """
        call = CommitRequest()
        try:
            call.ParseFromString(self._spill.whole(at))
        except DecodeError as error:
            raise DamagedError(f"{at!r} holds no calls: {error}") from error
        prompts = self._connection.name("prompts", "")
        if not all(_creates(each, prompts) for each in call.writes):
            raise DamagedError(f"{at!r} holds calls that do not create prompts")
        return list(call.writes)

    def _create(self, name: str, writes: Sequence[Message]) -> None:
        """Create a group, or what is missing of it.

        Raises:
            _GoneError: The overflow is completed.
        """
        for _ in range(TRIES):
            if not writes or self._call([_still(name), *writes]):
                return
            writes = self._missing(name, writes)
        raise self._stuck()

    def _complete(self, name: str, writes: Sequence[Message]) -> None:
        """Create the last group, and delete the overflow document with it.

        In one call, so that a process that sees the last prompt of a branch end finds no overflow any more;
        and on condition that the chains are as they were when it was decided whether a mark is needed.

        Raises:
            _GoneError: The overflow is completed.
        """
        over = Write(delete=name)
        over.current_document.exists = True
        for _ in range(TRIES):
            if self._call([*self._as_chains_stand(writes), over]):
                return
            writes = self._missing(name, writes)
        raise self._stuck()

    def _missing(self, name: str, writes: Sequence[Message]) -> list[Message]:
        """Of the prompts to be created, those that are not there."""
        names = [each.update.name for each in writes]
        there = {each.name for each in self._connection.get_named([name, *names], [NAME])}
        if name not in there:
            raise _GoneError
        return [each for each in writes if each.update.name not in there]

    def _stuck(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self._connection.place} created no prompts in {TRIES} calls; others will try again"
        )

    def _as_chains_stand(self, writes: Sequence[Message]) -> list[Message]:
        """The creations, with a mark where nothing else would look at their chain again, and its condition.

        That is where the chain has ended, so that what is created now must end as well, and where all that is
        created has ended already.
        """
        last = {each.update.fields["chain_id"].string_value: each for each in writes}
        found = dict(self._connection.get("chains", last, ["state"]))
        for chain_id, write in last.items():
            goes_on = chain_id in found and _state(found[chain_id]) == ChainState.RUNNING
            if goes_on and "open_chain" in write.update.fields:
                write.update.fields.pop("unsettled", None)
            elif goes_on or "open_chain" in write.update.fields:
                write.update.fields["unsettled"].string_value = chain_id
        return [*map(_unchanged, found.values()), *writes]

    def _call(self, writes: Sequence[Message]) -> bool:
        """Send a call until it is certain what became of it; False when it does not apply."""
        return self._connection.commit_surely(writes, "creating prompts") is not None


def _creates(write: Message, beginning: str) -> bool:
    only = write.WhichOneof("operation") == "update" and not write.HasField("update_mask")
    new = (
        write.current_document.WhichOneof("condition_type") == "exists" and not write.current_document.exists
    )
    return only and new and str(write.update.name).startswith(beginning)


def _birth_id(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


def _groups(writes: Sequence[Message]) -> Iterator[list[Message]]:
    group: list[Message] = []
    size = 0
    for write in writes:
        size += write.ByteSize()
        if group and (len(group) >= GROUP or size > GROUP_BYTES):
            yield group
            group, size = [], write.ByteSize()
        group.append(write)
    yield group


def _order(write: Message) -> int:
    """Joins first, prompts to be sent last."""
    if _state(write.update) == PromptState.WAITING:
        return 0
    return 2 if "open_chain" in write.update.fields else 1


def _scopes(write: Message) -> Iterator[str]:
    """What is open as long as this prompt is not there."""
    for name in ("chain_id", "join_id"):
        if name in write.update.fields:
            yield write.update.fields[name].string_value


def _call(writes: Sequence[Message]) -> bytes:
    data: bytes = CommitRequest(writes=writes).SerializeToString(deterministic=True)
    return data


def _still(name: str) -> Message:
    """A write that changes nothing, and fails unless the document is there."""
    write = Write()
    write.update.name = name
    write.update_mask.field_paths.append("over")
    write.current_document.exists = True
    return write


def _texts(document: Message, name: str) -> list[str]:
    """A list of texts, without what gemchain cannot have put there."""
    found = fields_of(document).get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _unchanged(document: Message) -> Message:
    """A write that changes nothing, and fails unless a document is as it was read."""
    write = _still(document.name)
    write.current_document.update_time.CopyFrom(document.update_time)
    return write


def _state(document: Message) -> str:
    return str(document.fields["state"].string_value)
