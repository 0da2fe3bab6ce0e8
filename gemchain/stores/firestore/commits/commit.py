"""The commit: units of moves, new prompts and chain changes, each whole or not at all.

Units are packed into groups, and a group is one Commit call: all of it happens, or none of it. Every
move carries the precondition that the prompt is as it was read, every creation that nothing is there.

Crash story. A call that fails proves nothing: its reply may have been lost after it was applied, and
then its repetition meets its own documents. So after any failure the documents of the group are read.
Each unit has a witness that bears the tokens of all commits that moved it: the chain it created, the first
prompt it moved, its first prompt, or the chain it moved. A unit whose token is there is applied; one
whose preconditions are visibly broken conflicts; the rest is sent again, in halves. A second run of
the whole call, after a crash, finds its way in the same manner.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from gemchain.errors import StoreFullError
from gemchain.records import Batch, Unit, Verdict
from gemchain.records.codec import to_micros
from gemchain.records.states import check_move
from gemchain.stores.firestore.claims.database import Database
from gemchain.stores.firestore.client.connection import PAUSES
from gemchain.stores.firestore.client.errors import CONTENDED, FAILURES, PRECONDITIONS, TRANSIENT, translated
from gemchain.stores.firestore.client.messages import Message
from gemchain.stores.firestore.client.values import fields_of, timestamp_of, version_of
from gemchain.stores.firestore.commits.groups import Planned, halves, packed
from gemchain.stores.firestore.commits.overflow import OverflowWrites
from gemchain.stores.firestore.counters import Deltas
from gemchain.stores.firestore.documents.writes import (
    UnitWriter,
    fence,
    moves_chain,
    stands_as_asked,
    told_version,
)

__all__ = ["Committer"]

CALL_BYTES = 9 << 20
"""Bytes of writes that one unit may need at once."""

PARALLEL = 4
"""Calls under way at once."""

APPLIED, CONFLICT = Verdict.APPLIED, Verdict.CONFLICT
_WITNESS = ("state", "token", "tokens")


class Committer:
    """One commit of units.

    Args:
        keep: How long ended records stay, where they are to be removed.
        into: The batches that get new members.
    """

    def __init__(
        self,
        database: Database,
        overflow: OverflowWrites,
        *,
        keep: timedelta | None = None,
        into: Iterable[Batch] = (),
    ) -> None:
        self._connection, self._spill, self._counters, self._queues, self._claimed = database
        self._writer = UnitWriter(self._connection, self._spill, keep)
        self._overflow = overflow
        self._into = {batch.id: batch for batch in into}

    def commit(self, units: Sequence[Unit]) -> list[Verdict]:
        """Apply each unit whole or not at all; see `Store.commit`."""
        for unit in units:
            _check_moves(unit)
        verdicts: dict[int, Verdict] = {}
        groups = packed(self._plan(list(enumerate(units)), verdicts))
        if len(groups) == 1:
            self._apply(groups[0], verdicts)
        elif groups:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda group: self._apply(group, verdicts), groups))
        return [verdicts[place] for place in range(len(units))]

    # Writes

    def _plan(
        self, units: Sequence[tuple[int, Unit]], verdicts: dict[int, Verdict], *, again: bool = False
    ) -> list[Planned]:
        """The writes of every unit, checked and uploaded; a unit that is decided already gets its verdict."""
        versions = self._read_chains(units, verdicts, again=again)
        pending: dict[str, bytes] = {}
        planned = []
        for place, unit in units:
            if any(not move.prompt.version for move in unit.moves):
                verdicts[place] = CONFLICT  # never read, so never stored
            if place not in verdicts:
                one = self._plan_one(place, unit, versions.get(place), pending)
                if one.is_large and self._entered(unit):
                    verdicts[place] = CONFLICT  # over several calls, it could come too late for its batch
                else:
                    planned.append(one)
        self._spill.upload(pending)
        return planned

    def _plan_one(self, place: int, unit: Unit, chain_at: int | None, pending: dict[str, bytes]) -> Planned:
        changes = self._writer.changes(unit, chain_at, pending)
        creations = self._writer.creations(unit, pending)
        planned = Planned(place, unit, [*changes, *creations])
        if creations and planned.is_large and not self._entered(unit):
            rest = self._overflow.plan(unit.token, creations, pending)
            planned = Planned(place, unit, [*changes, *rest], split=True)
        if planned.size > CALL_BYTES and not self._entered(unit):
            raise StoreFullError(
                f"one commit of {len(unit.moves):,} moves takes {planned.size:,} bytes, and Firestore takes "
                f"{CALL_BYTES:,} at once: end fewer prompts in one function"
            )
        return planned

    def _read_chains(
        self, units: Sequence[tuple[int, Unit]], verdicts: dict[int, Verdict], *, again: bool
    ) -> dict[int, int]:
        """The versions of the chains that move, read where no prompt tells them."""
        versions = {place: 0 if again else told_version(unit) for place, unit in units if moves_chain(unit)}
        unknown = [(place, unit) for place, unit in units if versions.get(place) == 0]
        ids = {unit.ending.chain_id for _, unit in unknown if unit.ending is not None}
        found = dict(self._connection.get("chains", ids, _WITNESS))
        for place, unit in unknown:
            assert unit.ending is not None
            chain = found.get(unit.ending.chain_id)
            if chain is not None and _bears(chain, unit):
                verdicts[place] = APPLIED
            elif chain is not None and stands_as_asked(chain, unit.ending):
                versions[place] = version_of(chain.update_time)
            else:
                verdicts[place] = self._verdicts([unit])[0] or CONFLICT
        return versions

    # Calls

    def _apply(self, group: Sequence[Planned], verdicts: dict[int, Verdict], tries: int = 0) -> None:
        try:
            self._send(group)
        except FAILURES as error:
            self._recover(group, error, verdicts, tries)
        else:
            verdicts.update((each.place, APPLIED) for each in group)
        for each in group:
            if each.split and verdicts[each.place] is APPLIED:
                self._overflow.finish(each.unit.token)

    def _send(self, group: Sequence[Planned]) -> None:
        now = to_micros(self._connection.now()) or 0
        deltas = Deltas()
        for each in group:
            deltas.add(each.unit, now)
        writes = [write for each in group for write in each.writes]
        if writes:
            more = self._fences(group) + self._counters.writes(deltas) + self._queues.forget(deltas.left)
            reply = self._connection.commit(writes + more)
            self._queues.joined(deltas.joined)
            self._claimed.note_new_members(writes, reply.write_results)

    def _count_born(self, units: Iterable[Unit]) -> None:
        """Count the members that a call made whose reply was lost; they will be read."""
        for unit in units:
            for batch_id, number in Counter(draft.prompt.progress.batch_id for draft in unit.drafts).items():
                if batch_id in self._into:
                    self._claimed.add(batch_id, number, ())

    def _fences(self, group: Iterable[Planned]) -> list[Message]:
        """The writes that let the call fail when a batch takes no more members."""
        batches = {batch.id: batch for each in group for batch in self._entered(each.unit)}
        name = self._connection.name
        return [fence(name("batches", each.id), each, each.version) for each in batches.values()]

    def _entered(self, unit: Unit) -> list[Batch]:
        """The batches that get prompts of a unit as members."""
        if not self._into:
            return []
        ids = {draft.prompt.progress.batch_id for draft in unit.drafts}
        return [batch for batch in self._into.values() if batch.id in ids]

    def _recover(
        self, group: Sequence[Planned], error: Exception, verdicts: dict[int, Verdict], tries: int
    ) -> None:
        """Find out what a failed call did, and send again what it did not do."""
        if not isinstance(error, TRANSIENT + PRECONDITIONS):
            raise translated(error, self._connection.place, "committing") from error
        if isinstance(error, CONTENDED):
            self._counters.elsewhere()
        if isinstance(error, TRANSIENT):
            self._connection.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        found = self._verdicts([each.unit for each in group])
        rest = [
            (each.place, each.unit) for each, verdict in zip(group, found, strict=True) if verdict is None
        ]
        verdicts.update((e.place, verdict) for e, verdict in zip(group, found, strict=True) if verdict)
        self._count_born(e.unit for e, verdict in zip(group, found, strict=True) if verdict is APPLIED)
        stuck = len(rest) == len(group)
        if stuck and tries >= len(PAUSES):
            self._give_up(rest, error, verdicts)
            if len(rest) == 1:
                return
        again = self._plan(rest, verdicts, again=True)
        for part in halves(again) if stuck else [again]:
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
        for batch in self._entered(unit):
            yield name("batches", batch.id)

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
        for batch in self._entered(unit):
            stored = found.get(name("batches", batch.id))
            blocked |= stored is None or stored.update_time != timestamp_of(batch.version)
        if unit.ending is not None and moves_chain(unit):
            chain = found.get(name("chains", unit.ending.chain_id))
            blocked |= chain is None or not stands_as_asked(chain, unit.ending)
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
