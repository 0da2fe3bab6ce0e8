"""Checking a row's fields against a function's parameters, and the key of the row's chain."""

import difflib
import inspect
from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from gemchain.data.row import Row
from gemchain.errors import InvalidInputError

__all__ = ["Checked", "Parameters", "Params", "check_rows", "key_digest"]

ID = "id"
_POSITIONAL = inspect.Parameter.POSITIONAL_ONLY
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


class Params(dict[str, Any]):
    """The arguments that a row gives to the function, and the key of its chain."""

    __slots__ = ("key", "row")

    def __init__(self, fields: dict[str, Any], key: str, row: Row) -> None:
        super().__init__(fields)
        self.key = key
        self.row = row


class Parameters:
    """The parameters of a function.

    Args:
        function: The function that starts the chains.

    Raises:
        InvalidInputError: It has parameters that cannot be passed by name.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        found = inspect.signature(function).parameters.values()
        unnamed = [each.name for each in found if each.kind is _POSITIONAL]
        if unnamed:
            raise InvalidInputError(
                f"{self.name}() takes {unnamed[0]!r} by position only, and a row names its fields; "
                "drop the '/'"
            )
        named = [each for each in found if each.kind not in (_VAR_POSITIONAL, _VAR_KEYWORD)]
        self.takes_any = any(each.kind is _VAR_KEYWORD for each in found)
        self.known = frozenset(each.name for each in named)
        self.required = frozenset(each.name for each in named if each.default is inspect.Parameter.empty)
        self.drops_id = ID not in self.known and not self.takes_any

    def of(self, row: Row) -> Params:
        """The arguments that a row gives to the function, checked.

        Raises:
            InvalidInputError: A field is missing, or the function does not take it.
        """
        key = _key(row)
        fields = row.fields
        if self.drops_id and ID in fields:
            fields = {name: value for name, value in fields.items() if name != ID}
        names = fields.keys()
        if not (self.required <= names and (self.takes_any or names <= self.known)):
            raise InvalidInputError(f"{row.place}{self._what_is_wrong(names)}")
        return Params(fields, key, row)

    def _what_is_wrong(self, names: Iterable[str]) -> str:
        missing = sorted(self.required - set(names))
        if missing:
            near = difflib.get_close_matches(missing[0], set(names) - self.known, n=1)
            hint = f"; did you mean that by {near[0]!r}?" if near else ""
            return f" has no field {missing[0]!r}, which {self.name}() needs{hint}"
        extra = sorted(set(names) - self.known)
        near = difflib.get_close_matches(extra[0], self.known, n=1)
        takes = ", ".join(sorted(self.known)) or "no parameters"
        hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {takes}"
        return f" has a field {extra[0]!r}, which {self.name}() does not take{hint}"


def _key(row: Row) -> str:
    value = row.fields.get(ID)
    if value is None and ID not in row.fields:
        return f"{row.number}-{_digest(row.fields).hex()}"
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise InvalidInputError(f"{row.place} has {value!r} as its id; an id is a text or a whole number")
    return str(value)


def _digest(value: Any) -> bytes:
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


class Checked(NamedTuple):
    """What a check of all rows found.

    Attributes:
        rows: How many there are.
        repeated: Digests of the keys that several rows have.
    """

    rows: int
    repeated: frozenset[int]


def key_digest(key: str) -> int:
    """Eight bytes of a key's hash, as a number."""
    return int.from_bytes(_digest(key), "big")


def check_rows(rows: Callable[[], Iterator[Row]], parameters: Parameters) -> Checked:
    """Read all rows before anything is started, so that a mistake in the last row costs nothing.

    Needs eight bytes of memory for each row.

    Raises:
        InvalidInputError: A row does not fit, or two different rows have one id.
    """
    hashes = array("Q")
    for row in rows():
        hashes.append(key_digest(parameters.of(row).key))
    twice = _repeated(hashes)
    if twice:
        _refuse_different_rows(rows(), twice)
    return Checked(len(hashes), twice)


def _repeated(hashes: "array[int]") -> frozenset[int]:
    return frozenset(first for first, second in pairwise(sorted(hashes)) if first == second)


def _refuse_different_rows(rows: Iterator[Row], twice: frozenset[int]) -> None:
    seen: dict[str, Row] = {}
    for row in rows:
        key = _key(row)
        if key_digest(key) in twice:
            first = seen.setdefault(key, row)
            if _digest(first.fields) != _digest(row.fields):
                raise InvalidInputError(
                    f"{row.file}, rows {first.number} and {row.number} (lines {first.line} and {row.line}) "
                    f"differ but have the same id {key!r}; an id stands for one chain"
                )
