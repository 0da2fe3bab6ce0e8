"""A row's fields against a function's parameters, and the key of the row's chain."""

import difflib
import inspect
from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import orjson

from gemchain.cli.run.rows import Row
from gemchain.errors import InvalidInputError

__all__ = ["Parameters", "Params", "check_rows"]

ID = "id"
_POSITIONAL = inspect.Parameter.POSITIONAL_ONLY
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


class Params(dict[str, Any]):
    """The arguments that a row gives, and under which key."""

    __slots__ = ("key", "row")

    def __init__(self, fields: dict[str, Any], key: str, row: Row) -> None:
        super().__init__(fields)
        self.key = key
        self.row = row


class Parameters:
    """What a function takes.

    Args:
        function: The function that starts the chains.

    Raises:
        InvalidInputError: It has parameters that a row cannot give by name.
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
        """The arguments that a row gives, checked.

        Raises:
            InvalidInputError: A field is missing, or is not taken.
        """
        key = _key(row)
        fields = row.fields
        if self.drops_id and ID in fields:
            fields = {name: value for name, value in fields.items() if name != ID}
        names = fields.keys()
        if not (self.required <= names and (self.takes_any or names <= self.known)):
            raise InvalidInputError(f"row {row.number} (line {row.line}){self._misfit(names)}")
        return Params(fields, key, row)

    def _misfit(self, names: Iterable[str]) -> str:
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
    given = row.fields.get(ID)
    if given is None and ID not in row.fields:
        return f"{row.number}-{_digest(row.fields).hex()}"
    if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        raise InvalidInputError(
            f"row {row.number} (line {row.line}) has {given!r} as its id; an id is a text or a whole number"
        )
    return str(given)


def _digest(value: Any) -> bytes:
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


def check_rows(rows: Callable[[], Iterator[Row]], parameters: Parameters) -> int:
    """Read everything once before anything is started, so that a mistake in the last row costs nothing.

    Holds eight bytes for each row.

    Returns:
        How many rows there are.

    Raises:
        InvalidInputError: A row does not fit, or two different rows have one id.
    """
    marks = array("Q")
    for row in rows():
        marks.append(int.from_bytes(_digest(parameters.of(row).key), "big"))
    twice = _repeated(marks)
    if twice:
        _refuse_different(rows(), twice)
    return len(marks)


def _repeated(marks: "array[int]") -> set[int]:
    return {mark for mark, following in pairwise(sorted(marks)) if mark == following}


def _refuse_different(rows: Iterator[Row], twice: set[int]) -> None:
    seen: dict[str, Row] = {}
    for row in rows:
        key = _key(row)
        if int.from_bytes(_digest(key), "big") in twice:
            first = seen.setdefault(key, row)
            if _digest(first.fields) != _digest(row.fields):
                raise InvalidInputError(
                    f"rows {first.number} and {row.number} (lines {first.line} and {row.line}) differ "
                    f"but have the same id {key!r}; an id stands for one chain"
                )
