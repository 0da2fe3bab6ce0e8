"""One row of an input, and where it stands in its file."""

from typing import Any, NamedTuple

__all__ = ["Row"]


class Row(NamedTuple):
    """One row of the input.

    Attributes:
        number: Its position among the rows, from 1.
        line: The line of the file that it starts in (JSONL, JSON) or ends in (CSV), for messages.
        file: The file's name, for messages.
    """

    number: int
    line: int
    fields: dict[str, Any]
    file: str = ""

    @property
    def place(self) -> str:
        """Where it is, for messages: `rows.jsonl, row 2 (line 3)`."""
        where = f"row {self.number} (line {self.line})"
        return f"{self.file}, {where}" if self.file else where
