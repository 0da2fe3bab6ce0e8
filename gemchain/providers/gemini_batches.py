"""What the batch services of Gemini have in common: the wire format, and the rows of their files."""

from pathlib import Path
from typing import Any

import orjson

from gemchain.errors import ConfigurationError
from gemchain.formats import files
from gemchain.formats.gemini import rows
from gemchain.formats.gemini.format import GEMINI
from gemchain.ports import Capabilities, DirectRun, FileContent, Format, Row
from gemchain.providers.capabilities import TABLE
from gemchain.records import Batch, InputRow

__all__ = ["BY_HAND", "GeminiBatches"]

BY_HAND = "pass the part yourself: {'fileData': {'fileUri': 'gs://…', 'mimeType': '…'}}"
"""How a file goes into a request without gemchain's help."""


class GeminiBatches:
    """Reads and writes requests and rows of `generateContent`. Base class of providers.

    Attributes:
        for_larger_files: What to do with a file that does not fit into a request.
    """

    name: str
    for_larger_files = "send a smaller one"

    def format(self, model: str) -> Format:
        """That of `generateContent`; see `Provider.format`."""
        del model
        return GEMINI

    def capabilities(self, model: str) -> Capabilities:
        """Those of the table; see `Provider.capabilities`."""
        del model
        return TABLE[self.name]

    def start(self, batch: Batch) -> DirectRun:
        """No single requests are sent; see `Provider.start`.

        Raises:
            ConfigurationError: Always: a prompt of such a lane comes from a newer gemchain.
        """
        raise ConfigurationError(f"provider {self.name!r} has no lane {batch.lane!r}; upgrade gemchain")

    def check(self, model: str, request: dict[str, Any]) -> None:
        """Refuse what the service would refuse; see `Provider.check`."""
        self.format(model).check(model, request)

    def attach(self, path: Path) -> FileContent:
        """The file's bytes, to be sent inside the request; see `Provider.attach`."""
        return files.inline(path, instead=self.for_larger_files, by_hand=BY_HAND)

    def input_line(self, batch: Batch, row: InputRow) -> bytes:
        """One line of an input file that names the prompt by key and by label; see `Provider.input_line`."""
        del batch
        return rows.input_line(row)

    def read_input(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The prompt that a line of an input file names, and its request; see `Provider.read_input`."""
        read = orjson.loads(line)
        return read["key"], read["request"]

    def read_row(self, line: bytes) -> Row:
        """Understand one line of output; see `Provider.read_row`."""
        return rows.read_row(line)
