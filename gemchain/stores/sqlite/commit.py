"""The commit: units of moves, new prompts and chain changes, each whole or not at all.

A group of units is one transaction. It is first tried as one: every kind of change in one
`executemany`, and the number of changed rows tells whether every move found its prompt as it was
read. Only if not, everything is rolled back and the units go one by one, each behind its savepoint.

Crash story. A second run commits the same units under the same tokens. Its moves no longer match
(their versions rose) and its inserts meet their own ids, so the units go one by one, and each finds
its token on a record it wrote: the created chain, the first moved prompt, the first draft or the moved
chain. Tokens are never overwritten, only added to, so this holds however far the records moved on since.
"""

from collections.abc import Collection, Iterable, Sequence

from gemchain.errors import StoreConflictError
from gemchain.records import Batch, Unit, Verdict
from gemchain.records.states import ChainState, check_move
from gemchain.stores.sqlite.changes import Changes, ConflictError, mark
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.names import Names
from gemchain.stores.sqlite.queues import check_fence
from gemchain.stores.sqlite.rows import row_of

__all__ = ["check_units", "commit_group"]


def check_units(units: Iterable[Unit]) -> None:
    """Refuse the whole call when any move is not in the table of `states.py`.

    Raises:
        MoveError: One is not.
    """
    for unit in units:
        for prompt, after in unit.moves:
            check_move(prompt.progress.state, after.state)
        if unit.ending is not None:
            check_move(unit.ending.before, unit.ending.after)


def _must_survive_power_cut(units: Iterable[Unit]) -> bool:
    """Whether some unit says yes to a person: work accepted, or a chain cancelled.

    All other units carry answers on. Those lie in an output file still, under a part that is not DONE
    in any state the file can fall back to, so they are handled once more.
    """
    return any(
        not unit.moves or (unit.ending is not None and unit.ending.after is ChainState.CANCELLED)
        for unit in units
    )


def commit_group(
    db: Connection, names: Names, units: Sequence[Unit], into: Iterable[Batch], now: int
) -> list[Verdict]:
    """Apply units in one transaction; see `Store.commit`."""
    durable = _must_survive_power_cut(units)
    try:
        with names.kept(), db.transaction(durable=durable):
            _apply_all(db, names, units, into, now)
    except ConflictError:
        pass
    else:
        return [Verdict.APPLIED] * len(units)
    with names.kept(), db.transaction(durable=durable):
        closed = _closed(db, into)
        return [_commit_one(db, names, unit, closed, now) for unit in units]


def _apply_all(db: Connection, names: Names, units: Sequence[Unit], into: Iterable[Batch], now: int) -> None:
    if _closed(db, into):
        raise ConflictError
    Changes(db, names, now).apply(units)


def _closed(db: Connection, into: Iterable[Batch]) -> set[str]:
    """Of the batches that get new members, those that take no more."""
    closed = set()
    for batch in into:
        try:
            check_fence(db, batch)
        except StoreConflictError:
            closed.add(batch.id)
    return closed


def _commit_one(db: Connection, names: Names, unit: Unit, closed: Collection[str], now: int) -> Verdict:
    if _was_committed(db, unit):
        return Verdict.APPLIED
    if any(draft.prompt.progress.batch_id in closed for draft in unit.drafts):
        return Verdict.CONFLICT
    try:
        with names.kept(), db.attempt():
            Changes(db, names, now).apply([unit])
    except ConflictError:
        return Verdict.CONFLICT
    return Verdict.APPLIED


def _was_committed(db: Connection, unit: Unit) -> bool:
    """Whether a record that this unit would write bears its token already."""
    if unit.chain is not None:
        row = db.row("SELECT token FROM chains WHERE id = ?", (unit.chain.id,))
        return row is not None and row[0] == unit.token
    if unit.moves:
        seq = row_of(unit.moves[0].prompt.version)
        row = db.row("SELECT tokens FROM progress WHERE seq = ?", (seq,))
    elif unit.drafts:
        sql = "SELECT tokens FROM progress JOIN prompts USING (seq) WHERE id = ?"
        row = db.row(sql, (unit.drafts[0].prompt.id,))
    elif unit.ending is not None:
        row = db.row("SELECT tokens FROM chains WHERE id = ?", (unit.ending.chain_id,))
    else:
        return True
    return row is not None and mark(unit.token) in row[0]
