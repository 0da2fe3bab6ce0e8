"""Upgrades: the statements that turn a file of an older schema into one of the next.

An older gemchain that has the file open while it is upgraded to schema 4 meets a table that is gone, stops
with an error and loses nothing: it must not go on, since it would not keep the counters of owners. The same
command, typed again with the newer gemchain, continues.
"""

from collections.abc import Mapping

__all__ = ["OLDEST", "upgrades"]

_RULES = ("ALTER TABLE prompts ADD COLUMN rules TEXT",)

_OWNERS = (
    """CREATE TABLE counters (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    value NUMERIC NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID""",
    "INSERT INTO counters (owner, name, value) SELECT '', name, value FROM tallies",
    "DROP TABLE tallies",
    """CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    function   TEXT NOT NULL,
    input      TEXT,
    output     TEXT,
    command    TEXT,
    folder     TEXT,
    created_at INTEGER NOT NULL,
    begun_at   INTEGER NOT NULL
) WITHOUT ROWID""",
    """CREATE TABLE new_queues (
    seq       INTEGER PRIMARY KEY,
    lane      TEXT NOT NULL,
    provider  TEXT NOT NULL,
    model     TEXT NOT NULL,
    owner     TEXT NOT NULL DEFAULT '',
    waiting   INTEGER NOT NULL DEFAULT 0,
    size      INTEGER NOT NULL DEFAULT 0,
    newest_at INTEGER,
    UNIQUE (lane, provider, model, owner)
)""",
    """INSERT INTO new_queues (seq, lane, provider, model, waiting, size, newest_at)
    SELECT seq, lane, provider, model, waiting, size, newest_at FROM queues""",
    "DROP TABLE queues",
    "ALTER TABLE new_queues RENAME TO queues",
    "ALTER TABLE chains ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX chains_of_owner ON chains (owner, state)",
    "ALTER TABLE batches ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE batches ADD COLUMN holder TEXT",
    "ALTER TABLE parts ADD COLUMN holder TEXT",
)

_LANES = (
    "ALTER TABLE batches ADD COLUMN source TEXT",
    "ALTER TABLE batches ADD COLUMN next_lane TEXT",
)

_UPGRADES: Mapping[int, tuple[str, ...]] = {2: _RULES, 3: _OWNERS, 4: _LANES}

OLDEST = min(_UPGRADES)
"""The oldest schema that can be upgraded."""


def upgrades(version: int, wanted: int) -> list[str]:
    """The statements that lead from one schema to a later one."""
    return [statement for each in range(version, wanted) for statement in _UPGRADES[each]]
