"""Reading JSON: a file that holds one list of objects, read element by element."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from gemchain.data.jsonl import check_object, parse
from gemchain.data.row import Row
from gemchain.errors import InvalidInputError

__all__ = ["read_json"]

CHUNK = 1 << 16
"""Bytes that are read at a time. An element longer than that is read in pieces that double."""

NEAR = 32
"""An error so many characters before the end of what was read may come from the missing rest."""

_next = re.compile(r"[ \t\r\n]*")
_decode_element = json.JSONDecoder().raw_decode


def read_json(file: IO[bytes], name: str) -> Iterator[Row]:
    """The rows of a file. Memory holds one element, and one chunk.

    Raises:
        InvalidInputError: It is no list of objects; the message names file, line and column.
    """
    text = _Text(file, name)
    if not text.peek():
        raise InvalidInputError(f"{name} is empty; a .json file holds a list of objects, at least []")
    if text.peek() != "[":
        raise text.error("a .json file holds one list of objects; one object in each line is .jsonl")
    text.drop(1)
    number = 0
    while text.peek() != "]":
        if number:
            text.expect(",", "a comma or ] after an element")
        number += 1
        yield text.element(number)
    text.drop(1)
    if text.peek():
        raise text.error("something follows the end of the list")


class _Text:
    """The part of a file that was read, and a place in it."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = self._column = 1
        self._ended = False

    def peek(self) -> str:
        """The next character that is no space; empty at the end of the file."""
        while True:
            found = _next.match(self._text, self._at)
            self.drop((found.end() if found else len(self._text)) - self._at)
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read(CHUNK)

    def drop(self, count: int) -> None:
        """Go on behind so many characters."""
        start, self._at = self._at, self._at + count
        lines = self._text.count("\n", start, self._at)
        self._line += lines
        last = self._text.rfind("\n", start, self._at)
        self._column = self._at - last if lines else self._column + count

    def expect(self, mark: str, what: str) -> None:
        """Go on behind a mark, which must come next."""
        if self.peek() != mark:
            raise self.error(f"{what} is missing")
        self.drop(1)

    def element(self, number: int) -> Row:
        """The next element."""
        if not self.peek():
            raise self.error("the list is never closed by ]")
        line, column = self._line, self._column
        end = self._end_of_element()  # which may read on, and move the place
        content = self._text[self._at : end]
        value: Any = parse(content.encode(), self._name, line, column)
        self.drop(len(content))
        where = f"{self._name}, line {line}, column {column}"
        return Row(number, line, check_object(value, where, "every element must be"), self._name)

    def _end_of_element(self) -> int:
        """Where the next element ends; at an error, the end of what was read."""
        while True:
            try:
                return _decode_element(self._text, self._at)[1]
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - NEAR
                if self._ended or not cut:
                    return len(self._text)
            self._read(max(CHUNK, len(self._text) - self._at))

    def _read(self, size: int) -> None:
        chunk = self._file.read(size)
        self._ended = not chunk
        self._text, self._at = self._text[self._at :], 0
        try:
            self._text += self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            line = self._line + self._text.count("\n")
            raise InvalidInputError(f"{self._name} is not UTF-8 after line {line}: {error.reason}") from error

    def error(self, what: str) -> InvalidInputError:
        """An error at this place."""
        return InvalidInputError(f"{self._name}, line {self._line}, column {self._column}: {what}")
