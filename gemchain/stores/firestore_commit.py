"""The commit: units of moves, new prompts and chain changes, each whole or not at all.

Units are packed into groups, and a group is one Commit call: all of it happens, or none of it. Every
move carries the precondition that the prompt is as it was read, every creation that nothing is there.

Crash story. A call that fails proves nothing: its reply may have been lost after it was applied, and
then its repetition meets its own documents. So after any failure the documents of the group are read.
Each unit has a witness that bears the tokens of all commits that moved it: the chain it created, the first
prompt it moved, its first prompt, or the chain it moved. A unit whose token is there is applied; one
whose preconditions are visibly broken conflicts; the rest is sent again, in halves. A second run of
the whole call, after a crash, finds its way in the same manner.

A chain's document changes only when the chain moves. So its time of update is that of the commit which
created it, and every prompt carries that time along (in its `version`): the end of a chain that comes with
the move of a prompt is written under that precondition, without being read. Any other chain is read
first, and so is this one should the precondition fail.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gemchain.codec import failure_to_text, from_micros, to_micros
from gemchain.errors import StoreFullError
from gemchain.records import Chain, ChainMove, Prompt, Unit, Verdict
from gemchain.states import ChainState, check_move
from gemchain.stores.firestore_connection import PAUSES, Connection
from gemchain.stores.firestore_documents import SPILLABLE, chain_fields, progress_fields, prompt_fields
from gemchain.stores.firestore_errors import CONTENDED, FAILURES, PRECONDITIONS, TRANSIENT, translated
from gemchain.stores.firestore_messages import Message, Write
from gemchain.stores.firestore_queues import Queues
from gemchain.stores.firestore_spill import Spill
from gemchain.stores.firestore_tallies import Deltas, Tallies
from gemchain.stores.firestore_values import (
    chain_version,
    fields_of,
    fill,
    put,
    timestamp_of,
    version_of,
)

__all__ = ["Committer", "check_size", "created"]

GROUP_BYTES = 8 << 20
"""Bytes of writes in one call: https://docs.cloud.google.com/firestore/quotas allows 10 MiB."""

GROUP_WRITES = 2_000
"""Writes in one call. No limit of the service; it keeps a call, and what a failure repeats, short."""

DOCUMENT_BYTES = (1 << 20) - 2_048
"""Room for the name and for the tokens of later commits is left."""

PARALLEL = 4
"""Calls under way at once."""

APPLIED, CONFLICT = Verdict.APPLIED, Verdict.CONFLICT
_WITNESS = ("state", "token", "tokens")


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


def _changed(name: str, before: Mapping[str, Any], after: Mapping[str, Any], token: str) -> Message:
    """The write of what differs, and of a token."""
    write = Write()
    write.update.name = name
    spilled = after.get("spilled", {})
    names = (before.keys() | after.keys()) - {"spilled"}
    paths = [path for path in names if path in spilled or before.get(path) != after.get(path)]
    fill(write.update.fields, {path: after.get(path) for path in paths} | {"spilled": spilled or None})
    write.update_mask.field_paths.extend(paths)
    write.update_mask.field_paths.extend(f"spilled.{path}" for path in paths if path in SPILLABLE)
    mark = write.update_transforms.add(field_path="tokens")
    put(mark.append_missing_elements.values.add(), token)
    return write


@dataclass(slots=True)
class _Planned:
    """A unit and its writes."""

    place: int
    unit: Unit
    writes: list[Message]
    size: int


class Committer:
    """Commits units.

    Args:
        keep: How long ended records stay, where somebody wants them removed.
    """

    def __init__(
        self,
        connection: Connection,
        spill: Spill,
        tallies: Tallies,
        queues: Queues,
        keep: timedelta | None = None,
    ) -> None:
        self._connection = connection
        self._spill = spill
        self._tallies = tallies
        self._queues = queues
        self._keep = keep

    def commit(self, units: Sequence[Unit]) -> list[Verdict]:
        """Apply each unit whole or not at all; see `Store.commit`."""
        for unit in units:
            _check_moves(unit)
        verdicts: dict[int, Verdict] = {}
        groups = _packed(self._plan(list(enumerate(units)), verdicts))
        if len(groups) == 1:
            self._apply(groups[0], verdicts)
        elif groups:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda group: self._apply(group, verdicts), groups))
        return [verdicts[place] for place in range(len(units))]

    # Writes

    def _plan(
        self, units: Sequence[tuple[int, Unit]], verdicts: dict[int, Verdict], *, again: bool = False
    ) -> list[_Planned]:
        """The writes of every unit, checked and uploaded; a unit that is decided already gets its verdict."""
        versions = self._read_chains(units, verdicts, again=again)
        pending: dict[str, bytes] = {}
        planned = []
        for place, unit in units:
            if any(not move.prompt.version for move in unit.moves):
                verdicts[place] = CONFLICT  # never read, so never stored
            if place in verdicts:
                continue
            writes = self._writes(unit, versions.get(place), pending)
            for write in writes:
                check_size(write)
            planned.append(_Planned(place, unit, writes, sum(each.ByteSize() + 8 for each in writes)))
        self._spill.upload(pending)
        return planned

    def _read_chains(
        self, units: Sequence[tuple[int, Unit]], verdicts: dict[int, Verdict], *, again: bool
    ) -> dict[int, int]:
        """The versions of the chains that move, read where no prompt tells them."""
        versions = {place: 0 if again else _told_version(unit) for place, unit in units if _moves_chain(unit)}
        unknown = [(place, unit) for place, unit in units if versions.get(place) == 0]
        ids = {unit.ending.chain_id for _, unit in unknown if unit.ending is not None}
        found = dict(self._connection.get("chains", ids, _WITNESS))
        for place, unit in unknown:
            assert unit.ending is not None
            chain = found.get(unit.ending.chain_id)
            if chain is not None and _bears(chain, unit):
                verdicts[place] = APPLIED
            elif chain is not None and chain.fields["state"].string_value == unit.ending.before:
                versions[place] = version_of(chain.update_time)
            else:
                verdicts[place] = self._verdicts([unit])[0] or CONFLICT
        return versions

    def _writes(self, unit: Unit, chain_at: int | None, pending: dict[str, bytes]) -> list[Message]:
        name, out = self._connection.name, self._spill.out
        writes = []
        if unit.chain is not None:
            content = chain_fields(_born(unit.chain, unit), self._keep)
            writes.append(created(name("chains", unit.chain.id), out(unit.chain.id, content, pending)))
        for prompt, request in unit.drafts:
            content = prompt_fields(prompt, request, self._keep) | _descent(prompt, unit)
            writes.append(created(name("prompts", prompt.id), out(prompt.id, content, pending)))
        for prompt, progress in unit.moves:
            before = progress_fields(prompt, prompt.progress, self._keep)
            after = out(prompt.id, progress_fields(prompt, progress, self._keep), pending)
            write = _changed(name("prompts", prompt.id), before, after, unit.token)
            write.current_document.update_time.CopyFrom(timestamp_of(prompt.version))
            writes.append(write)
        if unit.ending is not None and chain_at is not None:
            write = self._ending(unit.ending, unit.token, pending)
            write.current_document.update_time.CopyFrom(timestamp_of(chain_at))
            writes.append(write)
        return writes

    def _ending(self, move: ChainMove, token: str, pending: dict[str, bytes]) -> Message:
        content = {
            "state": str(move.after),
            "result": move.result,
            "failure": failure_to_text(move.failure),
            "ended_at": move.ended_at,
            "expire_at": None,
        }
        if self._keep is not None and move.ended_at is not None and move.after is not ChainState.RUNNING:
            content["expire_at"] = move.ended_at + self._keep
        name = self._connection.name("chains", move.chain_id)
        # What stood there was not read, so every field is written.
        unlike = dict.fromkeys(content, _ANYTHING)
        return _changed(name, unlike, self._spill.out(move.chain_id, content, pending), token)

    # Calls

    def _apply(self, group: Sequence[_Planned], verdicts: dict[int, Verdict], tries: int = 0) -> None:
        try:
            self._send(group)
        except FAILURES as error:
            self._recover(group, error, verdicts, tries)
        else:
            verdicts.update((each.place, APPLIED) for each in group)

    def _send(self, group: Sequence[_Planned]) -> None:
        now = to_micros(self._connection.now()) or 0
        deltas = Deltas()
        for each in group:
            deltas.add(each.unit, now)
        writes = [write for each in group for write in each.writes]
        if writes:
            self._connection.commit(writes + self._tallies.writes(deltas) + self._queues.forget(deltas.left))
            self._queues.joined(deltas.joined)

    def _recover(
        self, group: Sequence[_Planned], error: Exception, verdicts: dict[int, Verdict], tries: int
    ) -> None:
        """Find out what a failed call did, and send again what it did not do."""
        if not isinstance(error, TRANSIENT + PRECONDITIONS):
            raise translated(error, self._connection.place, "committing") from error
        if isinstance(error, CONTENDED):
            self._tallies.elsewhere()
        if isinstance(error, TRANSIENT):
            self._connection.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        found = self._verdicts([each.unit for each in group])
        rest = [
            (each.place, each.unit) for each, verdict in zip(group, found, strict=True) if verdict is None
        ]
        verdicts.update((e.place, verdict) for e, verdict in zip(group, found, strict=True) if verdict)
        stuck = len(rest) == len(group)
        if stuck and tries >= len(PAUSES):
            self._give_up(rest, error, verdicts)
            if len(rest) == 1:
                return
        again = self._plan(rest, verdicts, again=True)
        for part in _halves(again) if stuck else [again]:
            if part:
                self._apply(part, verdicts, tries + 1)

    def _give_up(
        self, rest: Sequence[tuple[int, Unit]], error: Exception, verdicts: dict[int, Verdict]
    ) -> None:
        """Raise what stays so; and a single unit whose preconditions fail for no visible reason conflicts."""
        if isinstance(error, TRANSIENT):
            raise translated(error, self._connection.place, "committing") from error
        if len(rest) == 1:
            verdicts[rest[0][0]] = CONFLICT

    def _verdicts(self, units: Sequence[Unit]) -> list[Verdict | None]:
        """What became of each unit, by its documents; None when it was not applied and still could be."""
        names = {name for unit in units for name in self._names(unit)}
        found = {each.name: each for each in self._connection.get_named(names, _WITNESS)}
        return [self._verdict(unit, found) for unit in units]

    def _names(self, unit: Unit) -> Iterable[str]:
        name = self._connection.name
        if unit.chain is not None:
            yield name("chains", unit.chain.id)
        for draft in unit.drafts:
            yield name("prompts", draft.prompt.id)
        for move in unit.moves:
            yield name("prompts", move.prompt.id)
        if unit.ending is not None:
            yield name("chains", unit.ending.chain_id)

    def _verdict(self, unit: Unit, found: Mapping[str, Message]) -> Verdict | None:
        witness = next(iter(self._witness(unit)), None)
        if witness is None or (witness in found and _bears(found[witness], unit)):
            return APPLIED
        name = self._connection.name
        blocked = unit.chain is not None and name("chains", unit.chain.id) in found
        blocked |= any(name("prompts", draft.prompt.id) in found for draft in unit.drafts)
        for move in unit.moves:
            stored = found.get(name("prompts", move.prompt.id))
            blocked |= stored is None or stored.update_time != timestamp_of(move.prompt.version)
        if unit.ending is not None and _moves_chain(unit):
            chain = found.get(name("chains", unit.ending.chain_id))
            blocked |= chain is None or chain.fields["state"].string_value != unit.ending.before
        return CONFLICT if blocked else None

    def _witness(self, unit: Unit) -> Iterable[str]:
        name = self._connection.name
        if unit.chain is not None:
            yield name("chains", unit.chain.id)
        elif unit.moves:
            yield name("prompts", unit.moves[0].prompt.id)
        elif unit.drafts:
            yield name("prompts", unit.drafts[0].prompt.id)
        elif unit.ending is not None:
            yield name("chains", unit.ending.chain_id)


_ANYTHING = object()
"""Unlike any value."""


def _moves_chain(unit: Unit) -> bool:
    """Whether the unit moves a chain that another one created."""
    return unit.ending is not None and (unit.chain is None or unit.chain.id != unit.ending.chain_id)


def _told_version(unit: Unit) -> int:
    """The version of the chain's document as the moved prompts tell it; 0 when they do not."""
    assert unit.ending is not None
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


def _check_moves(unit: Unit) -> None:
    """Refuse moves that are not in the table of `states.py`."""
    for prompt, after in unit.moves:
        check_move(prompt.progress.state, after.state)
    if unit.ending is not None:
        check_move(unit.ending.before, unit.ending.after)


def _bears(document: Message, unit: Unit) -> bool:
    content = fields_of(document)
    return unit.token in content.get("tokens", ()) or (
        unit.chain is not None and content.get("token") == unit.token
    )


def _halves(group: Sequence[_Planned]) -> list[Sequence[_Planned]]:
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def _packed(planned: Iterable[_Planned]) -> list[list[_Planned]]:
    """Groups that one call takes."""
    groups: list[list[_Planned]] = []
    size = writes = 0
    for each in planned:
        full = size + each.size > GROUP_BYTES or writes + len(each.writes) > GROUP_WRITES
        if not groups or full:
            groups.append([])
            size = writes = 0
        groups[-1].append(each)
        size += each.size
        writes += len(each.writes)
    return groups
