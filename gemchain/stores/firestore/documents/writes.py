"""The writes that a unit is made of.

A chain's document changes only when the chain moves. So its time of update is that of the commit which
created it, and every prompt carries that time along (in its `version`): the end of a chain that comes with
the move of a prompt is written under that precondition, without being read.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from gemchain.errors import StoreFullError
from gemchain.records import Batch, Chain, ChainMove, Prompt, Unit
from gemchain.records.codec import failure_to_text, from_micros
from gemchain.records.states import ChainState
from gemchain.stores.firestore.client.connection import Connection
from gemchain.stores.firestore.client.messages import Message, Write
from gemchain.stores.firestore.client.values import chain_version, fill, put, timestamp_of, version_of
from gemchain.stores.firestore.documents.documents import (
    SPILLABLE,
    chain_fields,
    progress_fields,
    prompt_fields,
)
from gemchain.stores.firestore.documents.spill import Spill

__all__ = ["UnitWriter", "check_size", "created", "fence", "moves_chain", "told_version"]

DOCUMENT_BYTES = (1 << 20) - 2_048
"""Room for the name and for the tokens of later commits is left."""


def check_size(write: Message) -> None:
    """Refuse a document that the service would refuse.

    Raises:
        StoreFullError: It is too large.
    """
    size = write.update.ByteSize()
    if size > DOCUMENT_BYTES:
        raise StoreFullError(
            f"{write.update.name.rpartition('/')[2]!r} takes {size:,} bytes without its long texts, and a "
            f"Firestore document holds {DOCUMENT_BYTES:,}: shorten its key, or the names of its functions"
        )


def created(name: str, content: Mapping[str, Any]) -> Message:
    """The write of a document that must not be there yet."""
    write = Write()
    write.update.name = name
    fill(write.update.fields, content)
    write.current_document.exists = False
    return write


def fence(name: str, batch: Batch, version: int) -> Message:
    """A write that changes nothing, and fails unless a batch is as its holder knows it."""
    write = Write()
    write.update.name = name
    fill(write.update.fields, {"fence": batch.fence})
    write.update_mask.field_paths.append("fence")
    write.current_document.update_time.CopyFrom(timestamp_of(version))
    return write


def _changed(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], token: str, *, proves: bool
) -> Message:
    """The write of what differs, and of a token.

    The document that proves the commit keeps its token for good. Any other keeps the last one only: without
    it a document that stays as it is would keep its version, too.
    """
    after = after if proves else {**after, "touched": token}
    write = Write()
    write.update.name = name
    spilled = after.get("spilled", {})
    names = (before.keys() | after.keys()) - {"spilled"}
    paths = [path for path in names if path in spilled or before.get(path) != after.get(path)]
    fill(write.update.fields, {path: after.get(path) for path in paths} | {"spilled": spilled or None})
    write.update_mask.field_paths.extend(paths)
    write.update_mask.field_paths.extend(f"spilled.{path}" for path in paths if path in SPILLABLE)
    if proves:
        mark = write.update_transforms.add(field_path="tokens")
        put(mark.append_missing_elements.values.add(), token)
    return write


class UnitWriter:
    """Makes writes.

    Args:
        keep: How long ended records stay, where they are to be removed.
    """

    def __init__(self, connection: Connection, spill: Spill, keep: timedelta | None = None) -> None:
        self._connection = connection
        self._spill = spill
        self._keep = keep

    def creations(self, unit: Unit, pending: dict[str, bytes]) -> list[Message]:
        """The writes that create the prompts of a unit.

        Args:
            unit: What to do.
            pending: Takes the texts that must be uploaded before.

        Raises:
            StoreFullError: A document is too large.
        """
        name, out = self._connection.name, partial(self._spill.out, pending=pending)
        writes = []
        for prompt, request in unit.drafts:
            content = prompt_fields(prompt, request, self._keep) | _descent(prompt, unit)
            writes.append(created(name("prompts", prompt.id), out(prompt.id, content)))
            check_size(writes[-1])
        return writes

    def changes(self, unit: Unit, chain_at: int | None, pending: dict[str, bytes]) -> list[Message]:
        """All other writes of a unit, each with its precondition.

        Args:
            unit: What to do.
            chain_at: The version of the chain that it moves, if it moves one.
            pending: Takes the texts that must be uploaded before.

        Raises:
            StoreFullError: A document is too large.
        """
        name, out = self._connection.name, partial(self._spill.out, pending=pending)
        writes = []
        if unit.chain is not None:
            content = chain_fields(_born(unit.chain, unit), self._keep)
            writes.append(created(name("chains", unit.chain.id), out(unit.chain.id, content)))
        for number, (prompt, progress) in enumerate(unit.moves):
            before = progress_fields(prompt, prompt.progress, self._keep)
            after = out(prompt.id, progress_fields(prompt, progress, self._keep))
            proves = number == 0 and unit.chain is None
            write = _changed(name("prompts", prompt.id), before, after, unit.token, proves=proves)
            write.current_document.update_time.CopyFrom(timestamp_of(prompt.version))
            writes.append(write)
        if unit.ending is not None and chain_at is not None:
            write = self._ending(unit, unit.ending, pending)
            write.current_document.update_time.CopyFrom(timestamp_of(chain_at))
            writes.append(write)
        for write in writes:
            check_size(write)
        return writes

    def _ending(self, unit: Unit, move: ChainMove, pending: dict[str, bytes]) -> Message:
        content = {
            "state": str(move.after),
            "result": move.result,
            "failure": failure_to_text(move.failure),
            "ended_at": move.ended_at,
            "expire_at": None,
        }
        over = move.after is not ChainState.RUNNING and _expires(unit, move.chain_id)
        if self._keep is not None and move.ended_at is not None and over:
            content["expire_at"] = move.ended_at + self._keep
        name = self._connection.name("chains", move.chain_id)
        # What stood there was not read, so every field is written.
        unlike = dict.fromkeys(content, _ANYTHING)
        after = self._spill.out(move.chain_id, content, pending=pending)
        return _changed(name, unlike, after, unit.token, proves=not (unit.moves or unit.drafts))


def _expires(unit: Unit, chain_id: str) -> bool:
    """Whether TTL may remove the chain: it would leave a forked or async one's prompts behind, unfindable."""
    last = [move.prompt for move in unit.moves if move.prompt.chain_id == chain_id]
    return bool(last) and not any(each.forked or each.durable for each in last)


_ANYTHING = object()
"""Unlike any value."""


def moves_chain(unit: Unit) -> bool:
    """Whether the unit moves a chain that another one created."""
    return unit.ending is not None and (unit.chain is None or unit.chain.id != unit.ending.chain_id)


def stands_as_asked(chain: Message, move: ChainMove) -> bool:
    """Whether the move applies to a chain's document."""
    version = version_of(chain.update_time)
    return chain.fields["state"].string_value == move.before and move.version in (None, version)


def told_version(unit: Unit) -> int:
    """The version of the chain's document as the unit or its prompts tell it; 0 when they do not."""
    assert unit.ending is not None
    if unit.ending.version is not None:
        return unit.ending.version
    if unit.ending.before is not ChainState.RUNNING:
        return 0
    told = (chain_version(p.version) for p, _ in unit.moves if p.chain_id == unit.ending.chain_id)
    return next(told, 0)


def _born(chain: Chain, unit: Unit) -> Chain:
    """A new chain as it is after the whole unit."""
    chain = replace(chain, token=unit.token)
    end = unit.ending
    if end is None or end.chain_id != chain.id:
        return chain
    return replace(chain, state=end.after, result=end.result, failure=end.failure, ended_at=end.ended_at)


def _descent(prompt: Prompt, unit: Unit) -> dict[str, Any]:
    """How a new prompt tells the version of its chain's document, and who committed it."""
    told: dict[str, Any] = {}
    if unit.chain is not None and unit.chain.id == prompt.chain_id:
        told["first"] = True  # created by one commit, at one time
    known = (chain_version(p.version) for p, _ in unit.moves if p.chain_id == prompt.chain_id)
    if at := next(known, 0):
        told["chain_at"] = from_micros(at)
    if not unit.moves and unit.chain is None:
        told["tokens"] = (unit.token,)
    return told
