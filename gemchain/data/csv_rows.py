"""Reading CSV: a header with the names of the fields, then one row of texts in each record."""

import csv
import io
from collections.abc import Iterator
from typing import IO, NamedTuple

from gemchain.data.row import Row
from gemchain.errors import InvalidInputError

__all__ = ["read_csv"]

LONGEST_FIELD = 1 << 30
"""Characters in one field; Python's own limit of 131,072 is too small for some prompts."""

HEADER = "a CSV file must begin with a header that names the function's parameters"


def read_csv(file: IO[bytes], name: str) -> Iterator[Row]:
    """The rows of a file. Lines without anything are skipped.

    Args:
        file: Opened for reading.
        name: Its name, for messages.

    Raises:
        InvalidInputError: A record does not fit the header; the message names file, line and column.
    """
    csv.field_size_limit(LONGEST_FIELD)
    lines = _Lines(file, name)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        _check_header(header, lines)
        names = [each.strip() for each in header]
        lines.forget()
        number = 0
        for values in reader:
            if values:
                number += 1
                if len(values) != len(names):
                    raise _wrong_number(values, names, lines)
                yield Row(number, reader.line_num, dict(zip(names, values, strict=True)), name)
            lines.forget()
    except csv.Error as error:
        raise lines.error(error) from error
    finally:
        lines.detach()


class _Place(NamedTuple):
    line: int
    column: int


class _Lines:
    """The lines of a file as text, and those of the record that is being read."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        # Bytes that are no UTF-8 become half characters, so that the line with the first one is known.
        self._lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self.name = name
        self._number = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._number += 1
            self.record.append(line)
            try:
                line.encode()
            except UnicodeEncodeError as error:
                place = _Place(self._number, error.start + 1)
                raise InvalidInputError(f"{self.where(place)}: a character is not UTF-8") from error
            yield line

    def detach(self) -> None:
        """Leave the file to its owner, who closes it."""
        self._lines.detach()

    def forget(self) -> None:
        """The record was read: its lines are not needed any more."""
        self.record.clear()

    @property
    def first(self) -> int:
        """The number of the record's first line."""
        return self._number - len(self.record) + 1

    def where(self, place: _Place) -> str:
        """A place, for messages."""
        return f"{self.name}, line {place.line}, column {place.column}"

    def error(self, error: csv.Error) -> InvalidInputError:
        """What a CSV error means, with its place."""
        found = _scan(self.record, self.first)
        if found.open_quote is not None:
            return InvalidInputError(f"{self.where(found.open_quote)}: this quote is never closed")
        if found.wrong is not None:
            return InvalidInputError(f"{self.where(found.wrong)} is not CSV: {error}")
        return InvalidInputError(f"{self.where(_Place(self._number, 1))} is not CSV: {error}")


class _Scanned(NamedTuple):
    """What is where in a record.

    Attributes:
        fields: Where each field begins.
        open_quote: The quote that is never closed.
        wrong: The first character behind a closed quote that is neither a comma nor the end.
    """

    fields: list[_Place]
    open_quote: _Place | None
    wrong: _Place | None


def _scan(lines: list[str], first: int) -> _Scanned:
    """Walk through a record as the reader does, to find places for a message."""
    fields: list[_Place] = [_Place(first, 1)]
    state, opened = "begin", None
    for number, line in enumerate(lines, first):
        for column, character in enumerate(line, 1):
            here = _Place(number, column)
            before, state = state, _next_state(state, character)
            if state == "quoted" and before == "begin":
                opened = here
            elif state == "wrong":
                return _Scanned(fields, None, here)
            elif state == "begin" and character == ",":
                fields.append(_Place(number, column + 1))
    return _Scanned(fields, opened if state == "quoted" else None, None)


def _next_state(state: str, character: str) -> str:
    if state == "quoted":
        return "quote" if character == '"' else "quoted"
    if character == ",":
        return "begin"
    if state == "quote":  # behind a quote inside a quoted field: a second one stands for itself
        return {'"': "quoted", "\r": "quote", "\n": "quote"}.get(character, "wrong")
    return "quoted" if state == "begin" and character == '"' else "plain"


def _check_header(header: list[str], lines: _Lines) -> None:
    wrong = [place for place, name in enumerate(header) if not name.strip().isidentifier()]
    twice = [place for place, name in enumerate(header) if name in header[:place]]
    if not header:
        raise InvalidInputError(f"{lines.name}, line 1 is empty: {HEADER}")
    if wrong or twice:
        which = (wrong or twice)[0]
        what = f"has {header[which]!r}" + ("" if wrong else " twice")
        place = _scan(lines.record, lines.first).fields[which]
        raise InvalidInputError(f"{lines.where(place)} {what}: {HEADER}")


def _wrong_number(values: list[str], names: list[str], lines: _Lines) -> InvalidInputError:
    fields = _scan(lines.record, lines.first).fields
    if len(values) > len(names):
        where = lines.where(fields[len(names)])
        return InvalidInputError(
            f"{where}: the record has {len(values)} fields; the header names {len(names)}. "
            "A field with a comma in it stands in quotes"
        )
    where = lines.where(fields[-1])
    return InvalidInputError(
        f"{where}: the record has {len(values)} fields, this is the last; the header names {len(names)}, "
        f"next {names[len(values)]!r}"
    )
