"""Rows of `schema.sql` that hold chains, batches and parts, to records and back.

Their columns are called like the fields of their records. A row of a chain, of which there may be millions,
is looked at closely only when its values have types that were never seen to be sound; see `rows.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, Generic, TypeVar

from gemchain.errors import DamagedError
from gemchain.records import Batch, Chain, Part, codec, damage
from gemchain.records.states import BatchState, ChainState, PartState
from gemchain.stores.sqlite.rows import SHAPES, insert

__all__ = [
    "BATCHES",
    "CHAINS",
    "NOTHING_RARE_OF_CHAIN",
    "PARTS",
    "RARE_CHAIN_COLUMNS",
    "USUAL_CHAIN_COLUMNS",
    "Table",
    "rare_chain_values",
    "usual_chain_values",
]

_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
_TIME: _Codec = (codec.to_micros, codec.from_micros)
_CODECS: Mapping[str, _Codec] = {
    "failure": (codec.failure_to_text, codec.failure_from_text),
    "output": (codec.files_to_text, codec.files_from_text),
    "file": (codec.file_to_text, codec.file_from_text),
    "counts": (codec.counts_to_text, codec.counts_from_text),
    "usage": (codec.usage_to_text, codec.usage_from_text),
}


R = TypeVar("R", Batch, Chain, Part)


class Table(Generic[R]):
    """A table whose columns are called like the fields of its record.

    Args:
        name: The table's name.
        record: The record's class.
        states: The enumeration of its `state`.
    """

    def __init__(self, name: str, record: type[R], states: type[StrEnum]) -> None:
        self.name = name
        self._kind: type[R] = record
        self._build: Callable[..., R] = record
        self._shapes: set[tuple[type, ...]] = set()
        self._quick = record is Chain  # there may be millions, and none of its numbers is counted up
        self._codecs = {"state": (str, states)} | {
            each.name: _TIME if each.name.endswith("_at") else _CODECS[each.name]
            for each in fields(record)
            if each.name.endswith("_at") or each.name in _CODECS
        }
        self._names = [each.name for each in fields(record)]
        self.columns = [f'"{name}"' for name in self._names]
        self.select = f"SELECT {', '.join(self.columns)} FROM {name} "
        self.insert = insert(name, self.columns)
        changes = ", ".join(f"{column} = ?" for column in self.columns)
        self.update = f"UPDATE {name} SET {changes} WHERE id = ? AND version = ?"

    def values(self, record: R) -> list[Any]:
        """What the columns hold."""
        row = [getattr(record, name) for name in self._names]
        for place, name in enumerate(self._names):
            if name in self._codecs:
                row[place] = self._codecs[name][0](row[place])
        return row

    def record(self, row: tuple[Any, ...]) -> R:
        """The record in a row of `select`.

        Raises:
            DamagedError: It makes no sense.
        """
        shape = tuple(map(type, row))
        known = self._quick and shape in self._shapes
        read = dict(zip(self._names, row, strict=True))
        try:
            for name, (_, decode) in self._codecs.items():
                read[name] = decode(read[name])
        except damage.UNREADABLE as error:
            raise DamagedError(f"{name!r} cannot be read ({type(error).__name__})") from error
        if known:
            return self._build(**read)
        record: R = damage.record_of(self._kind, read)
        if len(self._shapes) < SHAPES:
            self._shapes.add(shape)
        return record

    def records(self, rows: Iterable[tuple[Any, ...]]) -> list[R]:
        """The records in rows of `select`; those that make no sense are left out, and the log says so."""
        found = []
        for row in rows:
            try:
                found.append(self.record(row))
            except DamagedError as error:
                damage.note_damage(self.name, row[0], error)
        return found


USUAL_CHAIN_COLUMNS = ("id", "key", "function", "args", "created_at", "state", "token", "version", "owner")
RARE_CHAIN_COLUMNS = ("code_version", "labels", "budget", "deadline_at", "result", "failure", "ended_at")
NOTHING_RARE_OF_CHAIN = (None,) * len(RARE_CHAIN_COLUMNS)


def usual_chain_values(chain: Chain, token: str) -> tuple[Any, ...]:
    """What `USUAL_CHAIN_COLUMNS` hold for a new chain."""
    created_at = codec.to_micros(chain.created_at)
    return (
        chain.id,
        chain.key,
        chain.function,
        chain.args,
        created_at,
        chain.state.value,
        token,
        1,
        chain.owner,
    )


def rare_chain_values(chain: Chain) -> tuple[Any, ...]:
    """What `RARE_CHAIN_COLUMNS` hold; mostly `NOTHING_RARE_OF_CHAIN`."""
    return (
        chain.code_version,
        chain.labels,
        chain.budget,
        codec.to_micros(chain.deadline_at),
        chain.result,
        codec.failure_to_text(chain.failure),
        codec.to_micros(chain.ended_at),
    )


BATCHES = Table("batches", Batch, BatchState)
CHAINS = Table("chains", Chain, ChainState)
PARTS = Table("parts", Part, PartState)
