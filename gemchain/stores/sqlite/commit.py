"""The commit: units of moves, new prompts and chain changes, each whole or not at all.

A group of units is one transaction. It is first tried as one: every kind of change in one
`executemany`, and the number of changed rows tells whether every move found its prompt as it was
read. Only if not, everything is rolled back and the units go one by one, each behind its savepoint.

Crash story. A second run commits the same units under the same tokens. Its moves no longer match
(their versions rose) and its inserts meet their own ids, so the units go one by one, and each finds
its token on a record it wrote: the created chain, the first moved prompt, the first draft or the moved
chain. Tokens are never overwritten, only added to, so this holds however far the records moved on since.
"""

from collections.abc import Iterable, Sequence

from gemchain.records import Unit, Verdict
from gemchain.states import ChainState, check_move
from gemchain.stores.sqlite.changes import Changes, ConflictError, mark
from gemchain.stores.sqlite.connection import Connection
from gemchain.stores.sqlite.names import Names
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


def commit_group(db: Connection, names: Names, units: Sequence[Unit], now: int) -> list[Verdict]:
    """Apply units in one transaction."""
    durable = _must_survive_power_cut(units)
    try:
        with names.kept(), db.transaction(durable=durable):
            Changes(db, names, now).apply(units)
    except ConflictError:
        pass
    else:
        return [Verdict.APPLIED] * len(units)
    with names.kept(), db.transaction(durable=durable):
        return [_commit_one(db, names, unit, now) for unit in units]


def _commit_one(db: Connection, names: Names, unit: Unit, now: int) -> Verdict:
    if _was_committed(db, unit):
        return Verdict.APPLIED
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
